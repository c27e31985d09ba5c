package flowfile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// Values that a case has by default.
const (
	caseInstance = "i-test"
	caseUptime   = 30_000
)

// caseTime is when the events of cases come.
var caseTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// ReadCases reads a file of cases, whose name ends with _test.yaml. The error
// is yamlfile.Mistakes, as for Read. It fills in what a case leaves out: an instance that
// has booted once, a command that succeeded, or whose end fits what the case
// gives.
func ReadCases(filename string, src []byte) ([]Case, error) {
	var f caseFile
	read, found := cases.Read(filename, src, &f)
	if read == nil {
		return nil, found.Err()
	}
	r := &reader{Reader: read, checker: NewChecker()}
	names := map[string]yamlfile.Position{}
	for i := range f.Cases {
		r.completeCase(filename, fmt.Sprintf("cases[%d]", i), &f.Cases[i], names)
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	return f.Cases, nil
}

// completeCase fills in what a case leaves out, and checks the rest.
func (r *reader) completeCase(filename, path string, c *Case, names map[string]yamlfile.Position) {
	if !r.Sound(path) {
		return
	}
	c.File, c.Line = filename, r.Place(path).Line
	c.Name = strings.Join(strings.Fields(c.Name), " ")
	r.Once(path+".name", c.Name, "a case's name", names)
	yamlfile.UnlessSaid(r.Reader, path+".at", &c.At, caseTime)
	if r.Sound(path + ".event") {
		r.completeEvent(path+".event", c)
	}
	yamlfile.UnlessSaid(r.Reader, path+".instance.id", &c.Instance.ID, c.Event.InstanceID)
	yamlfile.UnlessSaid(r.Reader, path+".instance.state", &c.Instance.State, "bootable")
	yamlfile.UnlessSaid(r.Reader, path+".instance.bootSeq", &c.Instance.BootSeq, 1)
	for step, ends := range c.Ends {
		for i := range ends {
			at, e := fmt.Sprintf("%s.steps.%s[%d]", path, step, i), &ends[i]
			e.Unprinted = !r.Said(at + ".output")
			r.completeEnd(at+".status", &e.Status, at+".exitCode", &e.ExitCode, e.ErrorCode)
		}
	}
	if r.Sound(path + ".expect") {
		r.completeExpectation(path+".expect", &c.Expect)
	}
}

func (r *reader) completeEvent(path string, c *Case) {
	ev := &c.Event
	yamlfile.UnlessSaid(r.Reader, path+".instanceId", &ev.InstanceID, caseInstance)
	yamlfile.UnlessSaid(r.Reader, path+".time", &ev.Time, c.At)
	if !r.Sound(path + ".kind") {
		return
	}
	for _, name := range r.Names(path) {
		if byHand := ev.Kind == flow.Manual; byHand && name == "inputs" || name == "flow" && (byHand || ev.Kind == flow.Scheduled) {
			continue
		}
		if len(r.checker.Template("${{ event."+name+" }}", flow.Scope{On: []string{ev.Kind}, InFlow: true, Output: true})) > 0 {
			r.Add(r.Key(path+"."+name), "%s is not a field of %s events: remove it", name, ev.Kind)
		}
	}
	ev.Captured = r.Said(path + ".output")
	switch ev.Kind {
	case flow.FirstHeartbeat:
		yamlfile.UnlessSaid(r.Reader, path+".uptime", &ev.Uptime, caseUptime)
		return
	case flow.Manual, flow.Scheduled:
		return
	}
	yamlfile.UnlessSaid(r.Reader, path+".startTime", &ev.StartTime, c.At)
	yamlfile.UnlessSaid(r.Reader, path+".finishTime", &ev.FinishTime, c.At)
	yamlfile.UnlessSaid(r.Reader, path+".repeatMode", &ev.RepeatMode, "Once")
	r.completeEnd(path+".invocationStatus", &ev.InvocationStatus, path+".exitCode", &ev.ExitCode, ev.ErrorCode)
}

// completeEnd fills in a command's status and exit code. Only a script that
// ended by itself has an exit code.
func (r *reader) completeEnd(statusPath string, status *string, codePath string, code *int, errorCode string) {
	likely := "Success"
	if *code != 0 || errorCode != "" {
		likely = "Failed"
	}
	yamlfile.UnlessSaid(r.Reader, statusPath, status, likely)
	switch {
	case *status == "Success":
		yamlfile.UnlessSaid(r.Reader, codePath, code, 0)
	case *status == "Failed" && errorCode == "":
		yamlfile.UnlessSaid(r.Reader, codePath, code, 1)
	default:
		yamlfile.UnlessSaid(r.Reader, codePath, code, -1)
	}
}

func (r *reader) completeExpectation(path string, x *Expectation) {
	x.AlertCount = -1
	if r.Count(path+".alerts", "alerts", 0, maxAlerts, &x.AlertCount) {
		x.Alerts = nil
	}
	switch {
	case r.Said(path + ".flow"):
		if !slices.Contains(x.Fires, x.Flow) {
			r.Add(r.Place(path+".flow"), "flow names one of the flows of fires: add %.60s there", x.Flow)
		}
	case len(x.Fires) == 1:
		x.Flow = x.Fires[0]
	case x.about() && r.Sound(path+".fires"):
		r.Add(r.Place(path), "%d flows fire here: say with the key flow which one plan, skipped, result and alerts are about", len(x.Fires))
	}
}
