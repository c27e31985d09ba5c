package engine_test

import (
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// TestAnEndThatFindsItsTaskLateIsCompletedInItsRecord: the record was written
// when it was not known whose end it was, and so not what it starts.
// [70] [71]
// (decide rule 63)
func TestAnEndThatFindsItsTaskLateIsCompletedInItsRecord(t *testing.T) {
	p := chainedPolicy()
	s := state(decide.BootBootable, task("a", saved, running("t-1")))
	end := ended("t-1", "", event.StatusSuccess, "")
	end.Event.CommandName = "first"
	s.Unmatched["t-1"] = decide.Unmatched{Event: end.Event, Received: now}
	d := must(t, s, decide.WakeUp{}, decide.Facts{}, p)
	run := only(t, d.Next.Runs)
	if len(d.Changes.Matched) != 1 {
		t.Fatalf("completed records %+v, want one", d.Changes.Matched)
	}
	m := d.Changes.Matched[0]
	if m.Execution != "exec/t-1/once" || m.TaskID != id("a") || len(m.Decided.Flows) == 0 ||
		m.Decided.Flows[0].RunID != run.ID || m.Decided.Flows[0].What != decide.FlowStarted {
		t.Errorf("completed %+v, want the task %s and the run %s", m, id("a"), run.ID)
	}
}

// An end that comes again while it waits for its task is a duplicate, and its
// record, which is put only once, is not to be completed in the same commit:
// the store refuses a commit that names a row twice.
// (decide rule 63)
func TestAnEndThatComesAgainWhileItWaitsIsNotCompleted(t *testing.T) {
	s := state(decide.BootBootable, task("a", saved, running("t-1")))
	end := ended("t-1", "", event.StatusSuccess, "")
	s.Unmatched["t-1"] = decide.Unmatched{Event: end.Event, Received: now}
	if d := must(t, s, end, decide.Facts{}, chainedPolicy()); len(d.Changes.Matched) != 0 || d.Changes.Execution == nil {
		t.Errorf("completed records %+v, want none beside the record itself", d.Changes.Matched)
	}
}
