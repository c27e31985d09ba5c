package decide

import (
	"strconv"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// defaultPriority is the priority of flows' commands.
const defaultPriority = 5

// moment is now, for one run.
func (b because) moment(r FlowRun) flow.Moment {
	return flow.Moment{
		Now: b.now, Instance: b.instance(), Cause: b.cause, Hold: b.stopped(r.Flow), Read: b.read,
	}
}

// carryOut does what a run asks for, and keeps the run or records its end.
func (b because) carryOut(r FlowRun, actions []flow.Action) {
	var cancelled string
	for _, a := range actions {
		id := Key("task", r.ID, a.Step, strconv.Itoa(a.Attempt))
		switch {
		case a.Cancel:
			cancelled = id
		case a.Alert != "":
			about := b.ofRun(r, AlertFlow, a.Alert, a.Trouble)
			about.Step, about.Severity, about.Route, about.Runbook = a.Step, Severity(a.Severity), a.Route, a.Runbook
			b.alertStep(r, about)
		default:
			r.SetTask(id)
			b.enqueue(Task{
				ID: id, Priority: defaultPriority, Command: a.Command,
				RunID: r.ID, Step: a.Step, StepAttempt: a.Attempt, Chain: r.Chain,
			})
		}
	}
	switch {
	case r.Ended:
		b.endRun(r, r.Result, r.Reason)
		return
	case r.Untold != nil && (r.Current() == nil || r.Current().ID != r.Untold.Step):
		r = b.tellUntold(r)
	}
	switch {
	case b.stopped(r.Flow):
		r.CheckAt = b.now.Add(b.policy.HoldCheck)
	default:
		r.CheckAt = time.Time{}
	}
	b.runs.put(r.ID, r)
	if cancelled == "" {
		return
	}
	if t, ok := b.Tasks[cancelled]; ok || !b.queue() {
		b.note("stop task "+t.ID, r.Pending.Over+" timed out")
		b.stopTask(t, r.Pending.Over+" timed out")
	}
}

// ofRun is an alert of a run, about the command that began it, and what went wrong
// in the run.
func (b because) ofRun(r FlowRun, kind AlertKind, summary string, t flow.Trouble) Alert {
	a := Alert{
		Kind: kind, Summary: summary, Flow: r.Flow, Step: t.Step, RunID: r.ID, At: b.now, Region: r.Event.Region, Runbook: r.Definition.Runbook,
		CommandName: r.Event.CommandName, InvokeID: r.Event.InvokeID, Status: r.Event.InvocationStatus,
	}
	if t.Why != "" {
		a.Status, a.ErrorDesc, a.Output = "", t.Why, t.Output
	}
	if t.Task != "" {
		a.TaskID, a.InvokeID = t.Task, ""
	}
	return a
}

// alertStep plans the alert of a flow's step. It lasts until the command whose bad
// end began the run succeeds; if the run has failed, also until another one goes
// well. Otherwise it is news.
func (b because) alertStep(r FlowRun, a Alert) {
	var s lasting
	if bad(event.Status(r.Event.InvocationStatus)) {
		s.until = append(s.until, untilSuccess(nameOf(r.Event.CommandName, r.Event.CommandID, r.Event.InvokeID), "", ""))
		s.since = r.Event.FinishTime
		s.over = b.wellAfter(Success{Name: r.Event.CommandName, After: s.since})
	}
	if r.Result == flow.ResultFailed || r.Result == flow.ResultTimedOut {
		s.until = append(s.until, untilRun(r.Flow))
	}
	if s.until == nil {
		b.alert(a, Key("step", r.ID, a.Step))
		return
	}
	b.follow(a, s)
}

// tellUntold plans the alert about a bad end that was to be tried again, and was
// not. [56]
func (b because) tellUntold(r FlowRun) FlowRun {
	if a := r.Untold; a != nil {
		r.Untold, r.Run = nil, r.Run.Clone()
		r.SetAlerted(a.Step)
		b.follow(*a, lasting{until: []Until{untilSuccess(a.CommandName, a.Flow, a.Step)}})
	}
	return r
}

// stepEnded hands a task's end to its run. It reports whether the step is tried
// again.
func (b because) stepEnded(t Task) (again bool) {
	r, ok := b.Runs[t.RunID]
	if !ok {
		return false
	}
	end := flow.StepEnd{
		Status: string(t.State), Reason: t.Reason, InvocationStatus: string(t.Status),
		ErrorCode: t.ErrorCode, ExitCode: t.ExitCode, Alerted: b.tells(t),
	}
	if r.Captures() {
		out, known := Captured{}, false
		if t.Status != "" { // the script may have run
			out, known = b.output(t.InvokeID)
		}
		if !known {
			out.Err = "only its end is known, not its output"
		}
		end.Output, end.Dropped, end.OutputError = out.Text, out.Dropped, out.Err
	}
	if t.State != TaskCancelled && t.State != TaskTerminated {
		r.Untold = nil // this end decides
	}
	r.Run = r.Run.Clone()
	b.carryOut(r, r.CommandEnded(t.Step, t.StepAttempt, end, b.moment(r)))
	r, ok = b.Runs[t.RunID]
	return ok && r.Pending.State == flow.PendingBackoff || ok && r.Pending.State == flow.PendingCommand && r.Pending.Attempt > t.StepAttempt
}

// advance advances the runs that can make progress: those whose time has come,
// or whose boot or other change has happened. A run that ends lets the next
// one of its flow begin, even one that is older by the clock of the function
// that made it.
func (b because) advance() {
	for again := true; again; {
		again = false
		for _, r := range b.allRuns() {
			r, there := b.Runs[r.ID] // as it is by now
			if !there || !b.ready(r) {
				continue
			}
			if !b.try(func() { b.advanceRun(r) }) {
				return
			}
			again = true
		}
	}
}

func (b because) advanceRun(r FlowRun) {
	if !r.begun() {
		b.start(r)
		return
	}
	r.Run = r.Run.Clone()
	b.carryOut(r, r.Advance(b.moment(r)))
}

// endRun records the end of a run, or one that never began.
func (b because) endRun(r FlowRun, result, reason string) {
	if r.begun() && (result == flow.ResultFailed || result == flow.ResultTimedOut) {
		b.countFailure(r)
	}
	r = b.tellUntold(r)
	if r.begun() && result == flow.ResultSucceeded {
		b.recover(untilRun(r.Flow), b.now, "The flow has succeeded since.")
	}
	r.Result, r.Reason, r.EndedAt, r.Ended = result, reason, b.now, true
	b.alertRun(r)
	r.CheckAt, r.Waits = time.Time{}, ""
	r.Forget()
	b.runs.drop(r.ID)
	record(b.draft, &b.changes.EndedRuns, r)
	b.note("flow "+r.Flow+" "+result, reason)
}

// alertRun plans the alert about a run that failed or timed out, unless another one
// has said so (flow rule 39).
func (b because) alertRun(r FlowRun) {
	summary := "A run of a flow failed."
	switch {
	case !r.begun() || r.Told():
		return
	case r.Result == flow.ResultTimedOut:
		summary = "A run of a flow timed out."
	case r.Result != flow.ResultFailed:
		return
	}
	b.alertStep(r, b.ofRun(r, AlertFlowFailed, summary, r.Trouble()))
}
