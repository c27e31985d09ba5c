package decide_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"aftercare/shared/decide"

	"github.com/google/go-cmp/cmp"
)

// checked makes a decision, and checks what holds for all of them: it changes
// nothing that it was given, it is the same each time, its changes give the next
// state, each row is in them once, and all of it fits into one commit. Of many
// inputs of a kind, only the last is checked; with -short, a quarter of them all.
func (s *story) checked(state decide.State, in decide.Input, f decide.Facts, m decide.Moment) decide.Decision {
	if s.brief || testing.Short() && rand.IntN(4) > 0 {
		return decide.Decide(state, in, f, s.policy, m)
	}
	before := s.encode(state)
	d := decide.Decide(state, in, f, s.policy, m)
	if after := s.encode(state); after != before {
		s.t.Errorf("Decide changed the state that it was given (-before +after):\n%s", cmp.Diff(before, after))
	}
	for range max(1, min(3, 1<<18/len(before))) { // a large one takes its time
		if again := decide.Decide(state, in, f, s.policy, m); !reflect.DeepEqual(again, d) {
			s.t.Fatalf("Decide is not deterministic (-first +again):\n%s", cmp.Diff(d, again))
		}
	}
	if !d.Needs.Empty() {
		return d
	}
	c := d.Changes
	for _, m := range d.Next.Messages {
		if a := m.Alert; a != nil && max(len(a.Summary), len(a.CommandName), len(a.Status), len(a.ErrorCode), len(a.ErrorDesc), 2*len(a.Output)-8) > 4000 {
			s.t.Errorf("a text of the alert %s is too long", a.Fingerprint)
		}
	}
	s.same("tasks", applied(s, state.Tasks, c.Tasks, func(t decide.Task) string { return t.ID }), d.Next.Tasks)
	s.same("sends", applied(s, state.Sends, c.Sends, func(e decide.Send) string { return e.Key }), d.Next.Sends)
	s.same("messages", applied(s, state.Messages, c.Messages, decide.Message.Row), d.Next.Messages)
	s.same("runs", applied(s, state.Runs, c.Runs, func(r decide.FlowRun) string { return r.ID }), d.Next.Runs)
	s.same("unmatched ends", applied(s, state.Unmatched, c.Unmatched, func(u decide.Unmatched) string { return u.Event.InvokeID }), d.Next.Unmatched)
	s.same("limits", applied(s, state.Limits, c.Limits, func(l decide.Limit) string { return l.Flow }), d.Next.Limits)
	s.same("failing commands", applied(s, state.Failing, c.Failing, func(f decide.Failing) string { return f.Name }), d.Next.Failing)
	s.same("repairs", applied(s, state.Repairs, c.Repairs, func(r decide.Repairs) string { return string(r.Kind) }), d.Next.Repairs)
	s.same("alerts", applied(s, state.Alerted, c.Alerted, func(a decide.Alerted) string { return a.Alert.Fingerprint }), d.Next.Alerted)
	if c.Instance != nil {
		s.same("the instance", *c.Instance, d.Next.Instance)
	}
	if c.Input != nil {
		s.same("the stored answer", decide.DecodeAnswer(c.Input.Answer, instance), d.Answer)
	}
	for _, t := range c.EndedTasks {
		if _, live := d.Next.Tasks[t.ID]; live {
			s.t.Errorf("task %s has ended, and is live", t.ID)
		}
	}
	for _, r := range c.EndedRuns {
		if _, live := d.Next.Runs[r.ID]; live {
			s.t.Errorf("run %s has ended, and is live", r.ID)
		}
	}
	for _, m := range c.Matched {
		if x := c.Execution; x != nil && m.Execution == "exec/"+x.Event.InvokeID+"/"+x.Event.Suffix() {
			s.t.Errorf("record %s is written and completed", m.Execution)
		}
	}
	s.checkExplained(state, in, f, c)
	if n, bytes := rowsOf(c), len(s.encode(c)); n > 200 || bytes > 6<<20 { // changes hold rows twice
		s.t.Errorf("the commit has %d rows and %d bytes", n, bytes)
	}
	return d
}

// checkExplained: Explain says what is decided and recorded about flows.
func (s *story) checkExplained(state decide.State, in decide.Input, f decide.Facts, c decide.Changes) {
	var recorded decide.Decided
	switch {
	case c.Execution != nil:
		recorded = c.Execution.Decided
	case len(c.Boots) > 0:
		recorded = c.Boots[0].Decided
	default:
		return
	}
	if recorded.More > 0 {
		return
	}
	said := map[string]string{}
	for _, f := range decide.Explain(state, in, f, s.policy, s.now, nil) {
		said[f.Flow] = fmt.Sprint(f.What, f.Why, f.RunID)
	}
	got := map[string]string{}
	for _, f := range recorded.Flows {
		got[f.Flow] = fmt.Sprint(f.What, f.Why, f.RunID)
	}
	s.same("flows", got, said)
}

func (s *story) same(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		s.t.Errorf("%s: the changes and what they should give differ (-want +got):\n%s", what, cmp.Diff(want, got))
	}
}

// applied are the rows after the changes.
func applied[T any](s *story, before map[string]T, changes []decide.Change[T], key func(T) string) map[string]T {
	after, seen := map[string]T{}, map[string]bool{}
	for k, v := range before {
		after[k] = v
	}
	for _, c := range changes {
		row := c.After
		if row == nil {
			row = c.Before
			delete(after, key(*row))
		} else {
			after[key(*row)] = *row
		}
		if seen[key(*row)] {
			s.t.Errorf("row %s changes twice", key(*row))
		}
		seen[key(*row)] = true
	}
	return after
}

// rowsOf counts the rows of a commit. A task that enters or leaves the queue has
// another key than before, and a text that comes and goes with it.
func rowsOf(c decide.Changes) (n int) {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.Slice:
			n += f.Len()
		case !f.IsNil():
			n++
		}
	}
	for _, t := range c.Tasks {
		if t.Before == nil || t.After == nil || (t.Before.State == decide.TaskQueued) != (t.After.State == decide.TaskQueued) {
			n++
		}
	}
	return n - len(c.Matched) // which complete a record
}

func (s *story) encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}
