package decide_test

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// write writes down a decision.
func (s *story) write(in decide.Input, d decide.Decision, quiet, steps bool) {
	if s.once[d.Once] {
		s.printf("it is a duplicate of %s", d.Once)
		return
	}
	switch {
	case steps:
		s.writeSteps(d.Changes)
		return
	case quiet:
		s.printf("%d rows changed", rowsOf(d.Changes))
		if x := d.Changes.Execution; x != nil && x.Decided.More > 0 {
			s.printf("%d flows are recorded, the first is %s, and %d are counted", len(x.Decided.Flows), x.Decided.Flows[0].Flow, x.Decided.More)
		}
	default:
		for _, n := range d.Notes {
			s.printf("%s", n)
		}
		s.writeRecords(in, d)
		s.writeRows(d)
	}
	s.writeClaims(d, quiet)
	if a := d.Answer; a.Outcome != "" {
		s.printf("answer %s", fields(a))
	}
	if d.Short > 0 {
		s.printf("short %d", d.Short)
	}
	if n := len(d.Left.Sends) + len(d.Left.Deliveries); n > 0 {
		s.printf("results left %d", n)
	}
	for what, why := range map[string]string{"ignored": d.Ignored, "unsure": d.Unsure} {
		if why != "" {
			s.printf("%s: %s", what, why)
		}
	}
	for _, r := range d.Repairs {
		s.printf("repairs %s", r)
	}
	if d.Asked {
		s.printf("asked for many ends lately")
	}
	if d.More {
		s.printf("more")
	}
	if !d.WakeBy.IsZero() {
		s.printf("wake %s", clock(d.WakeBy))
	}
}

// writeRecords writes the rows for people, and those that show a duplicate.
func (s *story) writeRecords(in decide.Input, d decide.Decision) {
	c := d.Changes
	if x := c.Execution; x != nil {
		came := event.TaskCompleted{}
		if in, ok := in.(decide.Ended); ok {
			came = in.Event
		}
		s.printf("+ execution %s %s %s", x.Event.InvokeID, fields(*x), changed(came, x.Event))
		s.writeFlows(x.Decided)
	}
	for _, m := range c.Matched {
		s.printf("~ execution %s %s", m.Execution, fields(m))
		s.writeFlows(m.Decided)
	}
	for _, b := range c.Boots {
		s.printf("+ boot %s", fields(b))
		s.writeFlows(b.Decided)
	}
	if r := c.Input; r != nil {
		s.printf("+ input %s %s", r.Key, fields(*r))
	} else if c.Execution == nil && d.Once != "" {
		s.printf("looks for %s", d.Once)
	}
	for _, a := range c.Acts {
		s.printf("+ act %s %s", a.Key, fields(a))
	}
	for _, m := range c.Lost {
		s.printf("+ lost message %s", m.Key)
	}
}

func (s *story) writeFlows(d decide.Decided) {
	for _, v := range d.Saw {
		s.printf("    a condition saw that %s is %s", v.Name, v.Value)
	}
	for _, f := range d.Flows {
		s.printf("    flow %s %s: %s %s", f.Flow, f.What, f.Why, f.RunID)
	}
	if d.More > 0 {
		s.printf("    and %d more", d.More)
	}
}

// explain writes what would become of each flow.
func (s *story) explain(in decide.Input) {
	for _, f := range decide.Explain(s.loaded(), in, decide.Facts{Control: s.control}, s.policy, s.now, nil) {
		s.printf("flow %s %s: %s", f.Flow, f.What, f.Why)
		for _, v := range f.Values {
			s.printf("    %s is %s", v.Name, v.Value)
		}
		if f.Rehearsal != nil {
			for _, a := range f.Rehearsal.Actions {
				s.printf("    %s", fields(a))
			}
		}
	}
}

// writeRows writes the live rows that change.
func (s *story) writeRows(d decide.Decision) {
	c := d.Changes
	if c.Instance != nil {
		s.printf("~ instance %s", changed(s.state.Instance, *c.Instance))
	}
	ended := map[string]any{}
	for _, t := range c.EndedTasks {
		ended[t.ID] = t
	}
	for _, r := range c.EndedRuns {
		ended[r.ID] = r
	}
	writeRows(s, "task", c.Tasks, ended, func(t decide.Task) string { return t.ID })
	writeRows(s, "send", c.Sends, nil, func(e decide.Send) string { return e.Key })
	writeRows(s, "message", c.Messages, nil, func(m decide.Message) string { return m.Key })
	writeRows(s, "run", c.Runs, ended, func(r decide.FlowRun) string { return r.ID })
	writeRows(s, "unmatched", c.Unmatched, nil, func(u decide.Unmatched) string { return u.Event.InvokeID })
	writeRows(s, "limit", c.Limits, nil, func(l decide.Limit) string { return l.Flow })
	writeRows(s, "failing", c.Failing, nil, func(f decide.Failing) string { return f.Name })
	writeRows(s, "repairs", c.Repairs, nil, func(r decide.Repairs) string { return string(r.Kind) })
	s.writeAlerted(c.Alerted)
	for _, id := range slices.Sorted(maps.Keys(ended)) {
		s.printf("+ ended %s %s", id, fields(ended[id]))
	}
}

// writeAlerted writes which alerts are followed, and until when.
func (s *story) writeAlerted(rows []decide.Change[decide.Alerted]) {
	until := map[string]string{}
	for _, c := range rows {
		if c.After == nil {
			until[s.names.name(c.Before.Alert.Fingerprint)] = "- alerted %s"
			continue
		}
		text := "+ alerted "
		if c.Before != nil {
			text = "~ alerted "
		}
		var list []string
		for _, u := range c.After.Until {
			list = append(list, s.names.in(string(u)))
		}
		until[s.names.name(c.After.Alert.Fingerprint)] = text + "%s since " + clock(c.After.Since) + " until " + strings.Join(list, " or ")
	}
	for _, name := range slices.Sorted(maps.Keys(until)) {
		s.printf("%s", strings.ReplaceAll(until[name], "%s", name))
	}
}

// writeRows writes rows of one kind by their names. One that ended is written with
// its record, and taken from ended.
func writeRows[T any](s *story, kind string, rows []decide.Change[T], ended map[string]any, key func(T) string) {
	byName := map[string]string{}
	free := func(name string) string {
		for byName[name] != "" {
			name += "'" // another message about the same
		}
		return name
	}
	for _, c := range rows {
		switch {
		case c.Before == nil:
			name := free(s.names.name(key(*c.After)))
			byName[name] = fmt.Sprintf("+ %s %s %s", kind, name, fields(*c.After))
		case c.After != nil:
			name := free(s.names.name(key(*c.After)))
			byName[name] = fmt.Sprintf("~ %s %s %s", kind, name, changed(*c.Before, *c.After))
		default:
			id := key(*c.Before)
			name := free(s.names.name(id))
			byName[name] = fmt.Sprintf("- %s %s", kind, name)
			if e, ok := ended[id]; ok {
				byName[name] += " " + changed(*c.Before, e.(T))
				delete(ended, id)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		s.printf("%s", byName[name])
	}
}

// writeClaims writes what is to be done, in its order.
func (s *story) writeClaims(d decide.Decision, quiet bool) {
	claim := decide.Claim{Commit: fmt.Sprint("c", s.claims), Until: s.now.Add(2 * time.Minute)}
	var sends []decide.Send
	for _, c := range d.Changes.Sends {
		if c.After != nil && c.After.Claim == claim {
			sends = append(sends, *c.After)
		}
	}
	d.Next.Sort(sends)
	var messages []decide.Message
	for _, c := range d.Changes.Messages {
		if c.After != nil && c.After.Claim == claim {
			messages = append(messages, *c.After)
		}
	}
	decide.Sort(messages)
	var names []string
	for _, e := range sends {
		names = append(names, e.Key)
	}
	for _, m := range messages {
		names = append(names, m.Key)
	}
	switch {
	case quiet:
		s.printf("claims %d sends and %d messages", len(sends), len(messages))
	case len(names) > 0:
		s.printf("claims %s", strings.Join(names, " "))
	}
	if d.Claimed != len(names) {
		s.t.Errorf("%d sends and messages are claimed, and %d are counted", len(names), d.Claimed)
	}
}

// field is one value in a row, by its path.
type field struct{ path, value string }

// silent are fields that the name of the row says, that are written otherwise, or
// that never change.
var silent = map[string]bool{
	"Task.ID": true, "Task.Kind": true, "Task.Command": true,
	"Send.Key": true, "Send.Kind": true, "Send.TaskID": true,
	"Message.Key": true, "Message.Kind": true, "Alert.Kind": true, "Alert.Fingerprint": true, "Alert.InstanceID": true,
	"FlowRun.ID": true, "FlowRun.Flow": true, "FlowRun.FlowsVersion": true, "StepRecord.ID": true, "Run.Definition": true, "Run.Event": true, "Run.Seed": true,
	"Limit.Flow": true, "Failing.Name": true, "Repairs.Kind": true, "Unmatched.Event": true,
	"Execution.Event": true, "Execution.Received": true, "Execution.Decided": true, "Matched.Execution": true, "Matched.Decided": true,
	"Boot.Decided": true, "InputRecord.Key": true, "InputRecord.Answer": true, "Answer.InstanceID": true,
}

// fields writes the values in a row.
func fields(row any) string {
	var out []string
	for _, f := range list(row) {
		out = append(out, f.path+"="+f.value)
	}
	return strings.Join(out, " ")
}

// changed writes the values that differ.
func changed(before, after any) string {
	was, is := map[string]string{}, map[string]string{}
	var paths []string
	for _, f := range list(before) {
		was[f.path] = f.value
		paths = append(paths, f.path)
	}
	for _, f := range list(after) {
		if _, known := was[f.path]; !known {
			paths = append(paths, f.path)
		}
		is[f.path] = f.value
	}
	var out []string
	for _, p := range paths {
		switch {
		case was[p] == is[p]:
		case was[p] == "":
			out = append(out, p+"="+is[p])
		default:
			out = append(out, p+"="+was[p]+">"+is[p])
		}
	}
	return strings.Join(out, " ")
}

func list(row any) (out []field) {
	walk("", reflect.ValueOf(row), func(path, value string) { out = append(out, field{path, value}) })
	return out
}

var plain = regexp.MustCompile(`^[\w./:@#+-]+$`)

// walk visits the values that are not zero, in the order of their fields.
func walk(path string, v reflect.Value, visit func(path, value string)) {
	if v.IsZero() {
		return
	}
	under := func(name string, v reflect.Value) {
		if path != "" {
			name = path + "." + name
		}
		walk(name, v, visit)
	}
	switch x := v.Interface().(type) {
	case time.Time:
		visit(path, clock(x))
		return
	case decide.Claim:
		visit(path, x.Commit+"@"+clock(x.Until))
		return
	case []time.Time:
		var times []string
		for _, t := range x {
			times = append(times, clock(t))
		}
		visit(path, strings.Join(times, ","))
		return
	case []string:
		visit(path, strings.Join(x, ","))
		return
	case encoding.TextMarshaler:
		text, _ := x.MarshalText()
		visit(path, string(text))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		walk(path, v.Elem(), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-" || silent[v.Type().Name()+"."+f.Name]:
			case f.Anonymous || name == "alert" && f.Type.Kind() != reflect.String:
				walk(path, v.Field(i), visit)
			default:
				under(cmp.Or(name, strings.ToLower(f.Name[:1])+f.Name[1:]), v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			name := strconv.Itoa(i)
			if id := v.Index(i).FieldByName("ID"); id.IsValid() {
				name = id.String()
			}
			under(name, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			under(k.String(), v.MapIndex(k))
		}
	default:
		text := fmt.Sprint(v.Interface())
		if !plain.MatchString(text) {
			text = strconv.Quote(text)
		}
		visit(path, text)
	}
}

// clock is the time of day, with the date if it is another one than that on which
// stories begin.
func clock(t time.Time) string {
	layout := "15:04"
	if t.Second() != 0 {
		layout = "15:04:05"
	}
	if t.Nanosecond() != 0 {
		layout = "15:04:05.000"
	}
	if !t.UTC().Truncate(24 * time.Hour).Equal(begin.Truncate(24 * time.Hour)) {
		layout = "01-02T" + layout
	}
	return t.UTC().Format(layout)
}
