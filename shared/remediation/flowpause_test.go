package remediation_test

import (
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/remediation"
)

// pausing says that a flow, or all of them, are paused.
func pausing(name string) remediation.Facts {
	return remediation.Facts{Control: remediation.Control{Pauses: map[string]remediation.Pause{
		name: {Flow: name, By: "ann", At: now.Add(-time.Minute), Reason: "an incident"},
	}}}
}

// flows is a policy with these flows, which alerts of no command's end.
func flows(list ...flow.Definition) remediation.Policy {
	p := policy()
	p.AlertOn = map[event.Status]bool{}
	p.Flows = flow.NewSet(list)
	return p
}

// byOthers is the condition of flows that do not lead to themselves.
const byOthers = `event.commandName == "a stranger's"`

// happened is the end of a stranger's command, of which each is another one.
func happened(invokeID string) remediation.Ended {
	return ended(invokeID, "", event.StatusSuccess, "")
}

// endOf is the end of a task's command.
func endOf(t remediation.Task, status event.Status, code string) remediation.Ended {
	invokeID := t.InvokeID
	if invokeID == "" {
		invokeID = "t-of-" + t.ID
	}
	e := ended(invokeID, "", status, code)
	e.Event.CommandName = remediation.MarkedName(t.Name, t.ID)
	return e
}

// [51] A run whose backoff is over while its flow is paused is looked at
// every few minutes, and goes on when it is resumed.
func TestABackoffThatIsOverWhileTheFlowIsPaused(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("only", "f/only", "true", retry(3, "Failed"), backoff(time.Minute))))
	s := decide(t, state(remediation.BootBootable), happened("t-1"), remediation.Facts{}, p).Next
	s = decide(t, s, endOf(only(t, s.Tasks), event.StatusFailed, ""), remediation.Facts{}, p).Next
	if r := only(t, s.Runs); r.Pending.State != flow.PendingBackoff {
		t.Fatalf("run %+v, want it in its backoff", r)
	}
	later := now.Add(10 * time.Minute)
	d := decideAt(t, later, s, remediation.WakeUp{}, pausing("f"), p)
	if want := later.Add(p.HoldCheck); len(d.Next.Tasks) > 0 || !d.WakeBy.Equal(want) {
		t.Errorf("tasks %v, woken by %s, want none and %s", d.Next.Tasks, d.WakeBy, want)
	}
	again := decideAt(t, later.Add(time.Minute), d.Next, remediation.WakeUp{}, pausing("f"), p)
	if !again.Changes.Empty() {
		t.Errorf("changes %+v a minute later, want none", again.Changes)
	}
	d = decideAt(t, later.Add(p.HoldCheck), d.Next, remediation.WakeUp{}, remediation.Facts{}, p)
	if task := only(t, d.Next.Tasks); task.StepAttempt != 2 || len(d.Claimed) == 0 {
		t.Errorf("task %+v, claimed %v, want the second attempt claimed", task, d.Claimed)
	}
}

// [51] A pause keeps nobody from stopping what may have been sent before it.
func TestACommandOfAPausedFlowThatIsToBeStoppedIsLookedFor(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("only", "f/only", "true")))
	s := decide(t, state(remediation.BootBootable), happened("t-1"), remediation.Facts{}, p).Next
	one := only(t, s.Tasks)
	// The invocation that was sending it has died.
	later := now.Add(5 * time.Minute)
	d := decideAt(t, later, s, remediation.WakeUp{}, pausing("f"), p)
	if len(d.Claimed) > 0 {
		t.Fatalf("claimed %+v, want nothing of a paused flow", d.Claimed)
	}
	d = decideAt(t, later, d.Next, remediation.Cancel{Key: id("c"), TaskID: one.ID}, pausing("f"), p)
	if d.Answer.Outcome != "stopping" || len(d.Claimed) != 1 || d.Claimed[0].PriorSent.IsZero() {
		t.Errorf("answer %+v, claimed %+v, want its command looked for", d.Answer, d.Claimed)
	}
}
