package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// brief are the calls, with those of the same name in a row as one. What is done side
// by side, which is the delivery of messages, is in the order of the names, and a read of
// pauses, which is beside the load, stands at the end.
func (d *desk) brief() string {
	var out []string
	for i, n := 0, 0; i < len(d.made); i += n {
		for n = 0; i+n < len(d.made) && strings.Contains("alert close count open", d.made[i+n]); n++ {
		}
		slices.Sort(d.made[i : i+n])
		for n = 1; i+n < len(d.made) && d.made[i+n] == d.made[i]; n++ {
		}
		if n < 3 {
			out = append(out, d.made[i:i+n]...)
		} else {
			out = append(out, fmt.Sprintf("%s*%d", d.made[i], n))
		}
	}
	if d.reads > 0 {
		out = append(out, "+ control")
	}
	if d.asked > 0 {
		out = append(out, "+ succeeded")
	}
	return strings.Join(out, " ")
}

// list is what is said, with the kind of each word. Of more than three of a kind, only
// the number is said.
type list []struct{ kind, text string }

func (l *list) add(kind, format string, args ...any) {
	*l = append(*l, struct{ kind, text string }{kind, fmt.Sprintf(format, args...)})
}

func (l *list) String() string {
	kinds := map[string]int{}
	for _, word := range *l {
		kinds[word.kind]++
	}
	var out []string
	for _, word := range *l {
		switch n := kinds[word.kind]; {
		case n > 3:
			out = append(out, fmt.Sprint(n, " ", word.kind))
			kinds[word.kind] = -1 // which is enough
		case n > 0:
			out = append(out, word.text)
		}
	}
	return strings.Join(out, "; ")
}

// outcome adds what became of an input.
func (l *list) outcome(out reported) {
	for _, e := range []error{engine.ErrUnavailable, engine.ErrUnknownOutcome, engine.ErrConflict, engine.ErrDenied, engine.ErrLate} {
		if errors.Is(out.err, e) {
			l.add("errors", "error: %v", e)
		}
		if errors.Is(out.Trouble, e) {
			l.add("troubles", "trouble: %v", e)
		}
	}
	if out.Duplicate {
		l.add("duplicates", "duplicate")
	}
	if out.Ignored != "" {
		l.add("ignored", "ignored")
	}
	if a := out.Answer.Outcome; a != "" {
		l.add("answers", "%s", a)
	}
	for _, n := range out.Notes {
		if strings.HasSuffix(n.What, "unknown") {
			l.add("things unknown", "%s", n.What)
		}
	}
}

// left is what became of inputs, then what is left of i-1: its state as ECS reported it
// and whether it is bootable, its tasks with what is known of their sends, the alerts
// that were delivered, and the wake-ups.
func (d *desk) left(outs []reported) string {
	var l list
	for n, out := range outs {
		if len(outs) > 1 {
			l.add(fmt.Sprint("input ", n), "input %d, %d performed", n+1, out.Performed)
		}
		l.outcome(out)
	}
	for _, e := range logged[decide.Execution](d.table, "i-1", "exec") {
		l.add("recorded", "%s recorded", e.Event.InvokeID)
	}
	s := d.table.state("i-1")
	if s.Instance.State != "" {
		l.add("state", "%s, %s", s.Instance.State, s.Instance.Boot)
	}
	for _, id := range slices.Sorted(maps.Keys(s.Tasks)) {
		t := s.Tasks[id]
		l.add(string(t.State), "%s %s%s", t.Name, t.State, d.sent(s, t))
	}
	for _, t := range logged[decide.Task](d.table, "i-1", "task") {
		l.add(string(t.State), "%s %s", t.Name, t.State)
	}
	for _, r := range s.Runs {
		l.add("runs", "a run of %s %s", r.Flow, map[bool]string{true: "waits", false: "is under way"}[r.StartedAt.IsZero()])
	}
	for _, row := range slices.Sorted(maps.Keys(s.Messages)) {
		l.add("messages wait", "%s waits", s.Messages[row].Kind)
	}
	for _, a := range d.alerts {
		what := string(a.Kind)
		if a.Kind == decide.AlertFlow {
			what = a.Summary
		}
		if a.Recovered {
			what += " is over"
		}
		l.add("alerts", "alert %s", what)
	}
	for flow := range d.table.control.Breakers {
		l.add("breakers", "the breaker of %s is open", flow)
	}
	for _, i := range d.cloud.invocations {
		if i.stopping {
			l.add("stopped", "%s stopped", i.InvokeID)
		}
	}
	for _, w := range d.table.due(now.Add(24 * time.Hour)) {
		l.add("wake-ups", "wake %s", strings.TrimSuffix(w.Due.Format(time.TimeOnly), ":00"))
	}
	return l.String()
}

// sent is what is known of the send of a task.
func (d *desk) sent(s decide.State, t decide.Task) (text string) {
	e, ok := s.Sends[t.SendKey]
	if !ok {
		return ""
	}
	if text = ", never sent"; !e.FirstSent.IsZero() {
		text = fmt.Sprintf(", sent %s ago", d.clock.Sub(e.FirstSent))
	}
	if e.Claim.Until.After(d.clock) {
		text += " and claimed"
	}
	return text
}
