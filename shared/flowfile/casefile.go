package flowfile

import (
	"fmt"
	"maps"
	"math"
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
	r := &caseReader{source: s, checker: NewChecker()}
	cases := r.file()
	if err := found.err(); err != nil {
		return nil, err
	}
	return cases, nil
}

// caseReader reads cases along their shape.
type caseReader struct {
	*source
	checker *flow.Checker
}

func (r *caseReader) file() (cases []Case) {
	m := r.keys(r.root, "a file of cases", "begin with version: 1 and cases:", "version", "cases")
	if m == nil {
		return nil
	}
	if e, ok := r.needed(m, "version", "a file of cases", "write version: "+version); ok {
		if n := r.resolve(e.value); n != nil && n.GetToken().Value != version {
			r.add(r.at(n), "this version is not known: write version: %s", version)
		}
	}
	e, ok := r.needed(m, "cases", "a file of cases", "list at least one")
	if !ok {
		return nil
	}
	items, ok := r.list(e.value, "cases", "")
	if ok && len(items) == 0 {
		r.add(r.at(r.resolve(e.value)), "cases is empty: list at least one")
	}
	names := map[string]int{}
	for _, item := range items {
		c := r.one(item)
		if first := names[c.Name]; first > 0 && c.Name != "" {
			r.add(position{c.Line, 1}, "a case's name must be unique: this one is already in line %d", first)
		}
		names[c.Name] = c.Line
		cases = append(cases, c)
	}
	return cases
}

func (r *caseReader) one(n ast.Node) (c Case) {
	c.File = r.report.file
	m := r.keys(n, "a case", "", "name", "event", "instance", "depth", "at", "steps", "expect")
	if m == nil {
		return c
	}
	c.Line, c.At = m.at.line, caseTime
	if e, ok := r.needed(m, "name", "a case", "say in a sentence what it shows"); ok {
		c.Name = strings.Join(strings.Fields(r.text(e)), " ")
	}
	if e, ok := m.given("at"); ok {
		c.At = r.time(e)
	}
	if e, ok := m.given("depth"); ok {
		c.Depth = r.integer(e, 0, 10)
	}
	if e, ok := r.needed(m, "event", "a case", "say which event comes, with its kind"); ok {
		r.event(e, &c)
	}
	c.Instance = flow.Instance{ID: c.Event.InstanceID, State: "bootable", BootSeq: 1}
	if e, ok := m.given("instance"); ok {
		given := r.fields(e.value, "the instance", &c.Instance)
		r.word(given["state"], c.Instance.State, flow.States)
	}
	if e, ok := m.given("steps"); ok {
		c.Ends = r.ends(e)
	}
	if e, ok := r.needed(m, "expect", "a case", fires); ok {
		c.Expect = r.expect(e)
	}
	return c
}

// fires is what to do about a missing expectation.
const fires = "list under fires the flows that start, [] for none"

// event reads the event of a case.
func (r *caseReader) event(e entry, c *Case) {
	ev := &c.Event
	*ev = flow.Event{InstanceID: caseInstance, Time: c.At}
	given := r.fields(e.value, "the event", ev)
	if given == nil {
		return
	}
	if _, ok := given["kind"]; !ok {
		r.add(r.at(r.resolve(e.value)), "the event needs the key kind: write %s", alternatives(flow.Kinds()))
		return
	}
	r.word(given["kind"], ev.Kind, flow.Kinds())
	if !slices.Contains(flow.Kinds(), ev.Kind) {
		return
	}
	for _, name := range sorted(given) {
		_, _, mistakes := r.checker.Template("${{ event."+name+" }}", flow.Scope{On: []string{ev.Kind}, InFlow: true})
		if len(mistakes) > 0 {
			r.add(given[name].at, "%s is not a field of %s events: remove it", name, ev.Kind)
		}
	}
	if ev.Kind == flow.FirstHeartbeat {
		if _, ok := given["uptime"]; !ok {
			ev.Uptime = caseUptime
		}
		return
	}
	for _, d := range []struct {
		name  string
		value *time.Time
	}{{"startTime", &ev.StartTime}, {"finishTime", &ev.FinishTime}} {
		if _, ok := given[d.name]; !ok {
			*d.value = c.At
		}
	}
	if _, ok := given["repeatMode"]; !ok {
		ev.RepeatMode = "Once"
	}
	_, status := given["invocationStatus"]
	_, code := given["exitCode"]
	r.word(given["invocationStatus"], ev.InvocationStatus, flow.Statuses)
	ev.InvocationStatus, ev.ExitCode = completed(status, ev.InvocationStatus, code, ev.ExitCode, ev.ErrorCode)
}

// completed fills in a command's status or exit code if the case leaves it out.
// Only a script that ended by itself has an exit code.
func completed(hasStatus bool, status string, hasCode bool, code int, errorCode string) (string, int) {
	if !hasStatus {
		status = "Success"
		if code != 0 || errorCode != "" {
			status = "Failed"
		}
	}
	if !hasCode {
		switch {
		case status == "Success":
			code = 0
		case status == "Failed" && errorCode == "":
			code = 1
		default:
			code = -1
		}
	}
	return status, code
}

// ends reads how the commands of steps end.
func (r *caseReader) ends(e entry) map[string][]CommandEnd {
	m := r.mapping(e.value, "steps", "write a step's id: and how its command ends")
	if m == nil {
		return nil
	}
	ends := map[string][]CommandEnd{}
	for _, step := range m.entries {
		n := r.resolve(step.value)
		items := []ast.Node{n}
		if list, ok := n.(*ast.SequenceNode); ok {
			items = list.Values
		}
		if len(items) == 0 {
			r.add(step.at, "%s has no end: write one, or remove the step", step.key)
		}
		for _, item := range items {
			var end CommandEnd
			given := r.fields(item, "the end of a command", &end)
			_, status := given["status"]
			_, code := given["exitCode"]
			r.word(given["status"], end.Status, flow.Statuses)
			end.Status, end.ExitCode = completed(status, end.Status, code, end.ExitCode, end.ErrorCode)
			ends[step.key] = append(ends[step.key], end)
		}
	}
	return ends
}

// expect reads what a case expects.
func (r *caseReader) expect(e entry) Expectation {
	x := Expectation{AlertCount: -1}
	m := r.keys(e.value, "expect", "write fires under it", "fires", "flow", "plan", "skipped", "result", "alerts")
	if m == nil {
		return x
	}
	if e, ok := r.needed(m, "fires", "expect", fires); ok {
		x.Fires = r.texts(e)
	}
	if e, ok := m.given("plan"); ok {
		x.Plan = r.texts(e)
	}
	if e, ok := m.given("skipped"); ok {
		x.Skipped = r.texts(e)
	}
	if e, ok := m.given("result"); ok {
		x.Result = r.text(e)
		r.word(e, x.Result, []string{flow.ResultSucceeded, flow.ResultFailed, flow.ResultTimedOut})
	}
	if e, ok := m.given("alerts"); ok {
		if _, number := r.resolve(e.value).(*ast.IntegerNode); number {
			x.AlertCount = r.integer(e, 0, maxAlerts)
		} else {
			x.Alerts = r.texts(e)
		}
	}
	if e, ok := m.given("flow"); ok {
		if x.Flow = r.text(e); !slices.Contains(x.Fires, x.Flow) {
			r.add(r.at(r.resolve(e.value)), "flow names one of the flows of fires: add %.60s there", x.Flow)
		}
	} else if len(x.Fires) == 1 {
		x.Flow = x.Fires[0]
	} else if x.about() {
		r.add(m.at, "%d flows fire here: say with the key flow which one plan, skipped, result and alerts are about", len(x.Fires))
	}
	return x
}

// keys reads a mapping with these keys. A key without a value is a mistake; its
// entry stays, with a nil value.
func (r *caseReader) keys(n ast.Node, what, hint string, known ...string) *mapping {
	m := r.mapping(n, what, hint, known...)
	if m == nil {
		return nil
	}
	for i, e := range m.entries {
		if e.value == nil || e.value.Type() == ast.NullType {
			r.add(e.at, "%s has no value: write one, or remove the key", e.key)
			m.entries[i].value = nil
		}
	}
	return m
}

// given returns the entry of a key, if the mapping has it with a value.
func (m *mapping) given(key string) (entry, bool) {
	for _, e := range m.entries {
		if e.key == key {
			return e, e.value != nil
		}
	}
	return entry{}, false
}

// needed is given for a required key.
func (r *caseReader) needed(m *mapping, key, what, advice string) (entry, bool) {
	if !slices.ContainsFunc(m.entries, func(e entry) bool { return e.key == key }) {
		r.add(m.at, "%s needs the key %s: %s", what, key, advice)
	}
	return m.given(key)
}

// fields reads a mapping into a struct by its JSON names, and returns the
// entries that have a value.
func (r *caseReader) fields(n ast.Node, what string, into any) map[string]entry {
	v := reflect.ValueOf(into).Elem()
	var names []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	m := r.keys(n, what, "", names...)
	if m == nil {
		return nil
	}
	given := map[string]entry{}
	for _, e := range m.entries {
		if e.value == nil {
			continue
		}
		given[e.key] = e
		switch field := v.Field(slices.Index(names, e.key)); field.Interface().(type) {
		case time.Time:
			field.Set(reflect.ValueOf(r.time(e)))
		case bool:
			field.SetBool(r.truth(e))
		case string:
			field.SetString(r.text(e))
		default:
			field.SetInt(int64(r.integer(e, math.MinInt32, math.MaxInt32)))
		}
	}
	return given
}

func (r *caseReader) text(e entry) string {
	n := r.resolve(e.value)
	sc, ok := textOf(n, true)
	if !ok && n != nil {
		r.add(r.at(n), "%s is text, but here is %s", e.key, describe(n))
	}
	return sc.text
}

// texts reads a list of texts, or one text.
func (r *caseReader) texts(e entry) []string {
	n := r.resolve(e.value)
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return []string{r.text(e)}
	}
	texts := make([]string, 0, len(list.Values))
	for _, item := range list.Values {
		texts = append(texts, r.text(entry{key: "an element of " + e.key, at: e.at, value: item}))
	}
	return texts
}

func (r *caseReader) integer(e entry, least, most int) int {
	n := r.resolve(e.value)
	if n == nil {
		return 0
	}
	node, ok := n.(*ast.IntegerNode)
	if !ok {
		r.add(r.at(n), "%s is a whole number, but here is %s", e.key, describe(n))
		return 0
	}
	var number int
	if _, err := fmt.Sscan(fmt.Sprint(node.Value), &number); err != nil || number < least || number > most {
		r.add(r.at(n), "%s must be from %d to %d; this is %.20s", e.key, least, most, n.GetToken().Value)
		return 0
	}
	return number
}

func (r *caseReader) truth(e entry) bool {
	n := r.resolve(e.value)
	node, ok := n.(*ast.BoolNode)
	if !ok && n != nil {
		r.add(r.at(n), "%s is true or false, but here is %s", e.key, describe(n))
	}
	return ok && node.Value
}

func (r *caseReader) time(e entry) time.Time {
	n := r.resolve(e.value)
	if n == nil {
		return time.Time{}
	}
	sc, _ := textOf(n, false)
	t, err := time.Parse(time.RFC3339, sc.text)
	if err != nil {
		r.add(r.at(n), "%s is a time such as 2026-01-31T08:00:00Z", e.key)
	}
	return t.UTC()
}

// word reports a mistake unless text is one of known; an absent entry is fine.
func (r *caseReader) word(e entry, text string, known []string) {
	if e.value == nil || slices.Contains(known, text) {
		return
	}
	if n := r.resolve(e.value); n != nil {
		r.add(r.at(n), "%s", unknownWord(e.key, text, known))
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
