package engine_test

import (
	"fmt"
	"testing"
	"time"

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

// A record is written whole again, and may be as large as an event: as many are
// completed in one commit as surely fit.
// (decide rule 63)
func TestAsManyRecordsAreCompletedAsFit(t *testing.T) {
	s := state(decide.BootBootable)
	for i := range 8 {
		invokeID := fmt.Sprint("t-", i)
		task(fmt.Sprint("a", i), saved, running(invokeID))(&s)
		s.Unmatched[invokeID] = decide.Unmatched{Event: ended(invokeID, "", event.StatusSuccess, "").Event, Received: now}
	}
	d := must(t, s, decide.WakeUp{}, decide.Facts{}, policy())
	if n := len(d.Changes.Matched); n != 5 || !d.More {
		t.Errorf("%d records are completed, more: %t, want 5 and more", n, d.More)
	}
}

// An instance is in the fleet once an event or ECS reported it, and not for a
// submission.
func TestAnInstanceIsSeenOnceItIsReported(t *testing.T) {
	bad := ended("t-1", "", event.StatusFailed, "ExitCodeNonzero")
	for name, c := range map[string]struct {
		in   decide.Input
		want bool
	}{"a submission": {submission("k"), false}, "a heartbeat": {beat(0, time.Minute), true}, "an end": {bad, true}} {
		d := must(t, decide.NewState("i-1"), c.in, decide.Facts{}, policy())
		if d.Changes.Instance == nil || d.Changes.Instance.Seen != c.want || d.Next.Instance.Seen != c.want {
			t.Errorf("after %s, seen is %+v, want %t", name, d.Changes.Instance, c.want)
		}
		later := must(t, d.Next, submission("later"), decide.Facts{}, policy())
		if later.Changes.Instance.Seen != c.want {
			t.Errorf("after %s and a submission, seen is %t, want %t", name, later.Changes.Instance.Seen, c.want)
		}
	}
}
