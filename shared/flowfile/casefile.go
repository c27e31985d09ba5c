package flowfile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"aftercare/shared/flow"
)

// Values that a case has by default.
const (
	caseInstance = "i-test"
	caseUptime   = 30_000
)

// caseTime is when the events of cases come.
var caseTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// ReadCases reads a file of cases, whose name ends with _test.yaml. The error
// is Mistakes, as for Read. It fills in what a case leaves out: an instance that
// has booted once, a command that succeeded, or whose end fits what the case
// gives.
func ReadCases(filename string, src []byte) ([]Case, error) {
	found := &report{file: filename}
	s := parse(found, src, "cases")
	if s == nil {
		return nil, found.err()
	}
	r := newReader(s)
	var f caseFile
	r.object(s.root, "", "a file of cases", "begin with version: 1 and cases:", reflect.ValueOf(&f).Elem())
	names := map[string]position{}
	for i := range f.Cases {
		r.completeCase(fmt.Sprintf("cases[%d]", i), &f.Cases[i], names)
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return f.Cases, nil
}

// completeCase fills in what a case leaves out, and checks the rest.
func (r *reader) completeCase(path string, c *Case, names map[string]position) {
	if !r.sound(path) {
		return
	}
	c.File, c.Line = r.file, r.place(path).line
	c.Name = strings.Join(strings.Fields(c.Name), " ")
	r.once(path+".name", c.Name, "a case's name", names)
	unlessSaid(r, path+".at", &c.At, caseTime)
	if r.sound(path + ".event") {
		r.completeEvent(path+".event", c)
	}
	unlessSaid(r, path+".instance.id", &c.Instance.ID, c.Event.InstanceID)
	unlessSaid(r, path+".instance.state", &c.Instance.State, "bootable")
	unlessSaid(r, path+".instance.bootSeq", &c.Instance.BootSeq, 1)
	for step, ends := range c.Ends {
		for i := range ends {
			at, e := fmt.Sprintf("%s.steps.%s[%d]", path, step, i), &ends[i]
			r.completeEnd(at+".status", &e.Status, at+".exitCode", &e.ExitCode, e.ErrorCode)
		}
	}
	if r.sound(path + ".expect") {
		r.completeExpectation(path+".expect", &c.Expect)
	}
}

// unlessSaid sets a value that the file does not have.
func unlessSaid[T any](r *reader, path string, into *T, value T) {
	if !r.said(path) {
		*into = value
	}
}

func (r *reader) completeEvent(path string, c *Case) {
	ev := &c.Event
	unlessSaid(r, path+".instanceId", &ev.InstanceID, caseInstance)
	unlessSaid(r, path+".time", &ev.Time, c.At)
	if !r.sound(path + ".kind") {
		return
	}
	for _, k := range r.keysOf(reflect.TypeFor[flow.Event]()) {
		if v, said := r.values[path+"."+k.name]; said {
			_, _, mistakes := r.checker.Template("${{ event."+k.name+" }}", flow.Scope{On: []string{ev.Kind}, InFlow: true})
			if len(mistakes) > 0 {
				r.add(v.key, "%s is not a field of %s events: remove it", k.name, ev.Kind)
			}
		}
	}
	if ev.Kind == flow.FirstHeartbeat {
		unlessSaid(r, path+".uptime", &ev.Uptime, caseUptime)
		return
	}
	unlessSaid(r, path+".startTime", &ev.StartTime, c.At)
	unlessSaid(r, path+".finishTime", &ev.FinishTime, c.At)
	unlessSaid(r, path+".repeatMode", &ev.RepeatMode, "Once")
	r.completeEnd(path+".invocationStatus", &ev.InvocationStatus, path+".exitCode", &ev.ExitCode, ev.ErrorCode)
}

// completeEnd fills in a command's status and exit code. Only a script that
// ended by itself has an exit code.
func (r *reader) completeEnd(statusPath string, status *string, codePath string, code *int, errorCode string) {
	likely := "Success"
	if *code != 0 || errorCode != "" {
		likely = "Failed"
	}
	unlessSaid(r, statusPath, status, likely)
	switch {
	case *status == "Success":
		unlessSaid(r, codePath, code, 0)
	case *status == "Failed" && errorCode == "":
		unlessSaid(r, codePath, code, 1)
	default:
		unlessSaid(r, codePath, code, -1)
	}
}

func (r *reader) completeExpectation(path string, x *Expectation) {
	x.AlertCount = -1
	if n, ok := r.values[path+".alerts"].node.(*ast.IntegerNode); ok {
		x.Alerts = nil
		r.number(n, key{name: "alerts", least: "0", most: fmt.Sprint(maxAlerts)}, reflect.ValueOf(&x.AlertCount).Elem())
	}
	switch {
	case r.said(path + ".flow"):
		if !slices.Contains(x.Fires, x.Flow) {
			r.add(r.place(path+".flow"), "flow names one of the flows of fires: add %.60s there", x.Flow)
		}
	case len(x.Fires) == 1:
		x.Flow = x.Fires[0]
	case x.about() && r.sound(path+".fires"):
		r.add(r.place(path), "%d flows fire here: say with the key flow which one plan, skipped, result and alerts are about", len(x.Fires))
	}
}
