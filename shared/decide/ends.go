package decide

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// agentLag is how long the service trusts an agent's heartbeat (AgentStatus.Ready). So
// recent must the end of a script be to show that the agent is up now.
const agentLag = 2 * time.Minute

var finalStates = map[event.Status]TaskState{
	event.StatusSuccess:    TaskSucceeded,
	event.StatusFailed:     TaskFailed,
	event.StatusTimeout:    TaskTimedOut,
	event.StatusAborted:    TaskAborted,
	event.StatusInvalid:    TaskInvalid,
	event.StatusCancelled:  TaskCancelled,
	event.StatusTerminated: TaskTerminated,
}

// end is the end of an execution in a decision.
type end struct {
	because
	ev event.TaskCompleted
	// t is the task whose attempt it was; zero if others started it. Late says
	// that the task had been given up before.
	t    Task
	late bool
	// again: the command is tried again; requeued: as the same task.
	again, requeued bool
}

func (d *decision) endOf(ev event.TaskCompleted, t Task) *end {
	return &end{because: d.because(executionKey(ev)), ev: Named(ev, t), t: t}
}

// ended records an execution and does what follows from it.
func (d *decision) ended(in Ended) (cause string) {
	t, late, known := d.originOf(in.Event)
	if in.Event.Bare && (t.ID != "" || !known) && !d.confirm(&in.Event) {
		return causeWakeUp
	}
	_, marker := command.Split(in.Event.CommandName)
	in.Event = d.policy.masked(in.Event)
	ev := brief(in.Event)
	ev.FinishTime = Reported(ev.FinishTime, in.Received)
	d.once = executionKey(ev)
	e := d.endOf(ev, t)
	e.late = late
	d.guarded = marker != ""
	r := &Execution{
		Event: in.Event, Name: e.ev.CommandName, TaskID: t.ID, RunID: t.RunID, Step: t.Step, Source: in.Source, Received: in.Received,
	}
	d.changes.Execution = r
	d.size.add(r)
	if in.Source == SourcePoll {
		d.made = append(d.made, RepairEnd)
	}
	if known {
		e.follow()
		e.alertEnd()
		r.Decided = d.decided()
		return d.once
	}
	u := Unmatched{Event: ev, Received: in.Received}
	if d.unresolvedCapture() {
		if out, known := d.output(ev.InvokeID); known {
			u.Output = &out
		}
	}
	d.unmatched.put(ev.InvokeID, u)
	d.note("execution "+ev.InvokeID+" waits for its task", "a saved command that is being sent may have started it")
	return d.once
}

// confirm asks Cloud Assistant about an end of Aftercare's own task that came
// without an envelope, which anybody may have written, and puts its answer in
// the place of what the event says. It reports whether the end counts.
func (d *decision) confirm(ev *event.TaskCompleted) bool {
	inv, answered := d.invocation(ev.InvokeID)
	switch {
	case !answered:
		d.unsure = "an end without an envelope counts only if Cloud Assistant confirms it, and that gave no answer"
	case inv == nil || !inv.Ended():
		d.ignored = "it came without an envelope, and Cloud Assistant does not confirm it"
		d.note("execution "+ev.InvokeID+" ignored", d.ignored)
	default:
		said := inv.TaskCompleted(ev.InstanceID)
		said.Envelope, said.OwnerUID, said.PlayerUID = ev.Envelope, ev.OwnerUID, ev.PlayerUID
		*ev = said
		return true
	}
	return false
}

// originOf finds the task that an execution is an attempt of; zero if others
// started it. Late says that the task has ended before, so that only its record
// is left. Known is false if Cloud Assistant gave no answer about it.
func (d *decision) originOf(ev event.TaskCompleted) (t Task, late, known bool) {
	if t, ok := d.TaskOf(ev); ok {
		return t, false, true
	}
	if d.originPossible(ev) {
		inv, _ := d.invocation(ev.InvokeID)
		if inv == nil {
			return Task{}, false, false
		}
		if t, ok := d.Tasks[d.Sends[inv.Token].TaskID]; ok {
			return t, false, true
		}
	}
	if _, id := command.Split(ev.CommandName); id != "" {
		if t := d.endedTask(id); t != nil && (t.InvokeID == "" || t.InvokeID == ev.InvokeID) {
			return *t, true, true
		}
	}
	return Task{}, false, true
}

// Named returns the end with the given name of its task's command; if that is
// unknown, with its name on the wire without the task's id.
func Named(ev event.TaskCompleted, t Task) event.TaskCompleted {
	ev.CommandName, _ = command.Split(ev.CommandName)
	if t.Kind == SendRun {
		ev.CommandName = t.Name
	}
	return ev
}

// matchLate finds the tasks of ends that came before their invoke id was
// stored. An end that can belong to no task any more counts as others'.
func (d *decision) matchLate() {
	for _, id := range slices.Sorted(maps.Keys(d.Unmatched)) {
		u := d.Unmatched[id]
		t, over := d.match(u)
		// If the end that is being decided waits here, it was recorded before:
		// this decision cannot land, and must not name its record twice.
		if !over || executionKey(u.Event) == d.once {
			continue
		}
		if !d.try(func() { d.matched(u, t) }) {
			return
		}
	}
}

func (d *decision) matched(u Unmatched, t Task) {
	d.unmatched.drop(u.Event.InvokeID)
	if u.Output != nil {
		outputs := map[string]Captured{u.Event.InvokeID: *u.Output}
		maps.Copy(outputs, d.facts.Outputs)
		d.facts.Outputs = outputs
	}
	d.flows, d.saw = nil, nil
	e := d.endOf(u.Event, t)
	e.follow()
	e.alertEnd()
	if m := d.decided(); t.ID != "" || len(m.Flows) > 0 {
		record(d.draft, &d.changes.Matched, Matched{Execution: e.cause, TaskID: t.ID, RunID: t.RunID, Step: t.Step, Decided: m})
		d.size.bytes += maxRecord // which is written whole again
	}
}

// follow does what follows from the end, but for its alert.
func (e *end) follow() {
	queued := len(e.sorted(TaskQueued))
	about := TaskEvent(e.ev)
	about.FailedBefore = e.failedBefore(e.ev)
	switch {
	case e.late:
		e.recover(untilMoved(e.t.ID), e.now, "It is known now how the command ended.")
	case e.t.ID != "":
		e.taskEnded()
	}
	if e.policy.tooOld(e.ev.FinishTime, e.now) {
		e.note("nothing started", "the execution finished too long ago")
		return
	}
	about.Requeued = e.again
	if e.ev.Status == event.StatusSuccess {
		e.wentWell()
	}
	e.startFlows(about, e.t.Chain)
	if !e.again && len(e.sorted(TaskQueued)) > queued {
		e.agentSeen()
	}
}

// taskEnded ends the task. If its script never started, taskEnded doubts that
// the instance is bootable and queues the task again; the step of a flow has
// its own retries. If the instance ran too many tasks already, that says nothing
// about its agent and costs no attempt: its commands wait for a while.
func (e *end) taskEnded() {
	t, at := e.t, e.orNow(e.ev.FinishTime)
	e.releases = true
	unstarted := slices.Contains(flow.NotStarted, e.ev.ErrorCode)
	busy := e.ev.ErrorCode == flow.TooManyTasks
	if unstarted && !busy && at.After(e.Instance.BootSince) {
		e.doubt(at)
	}
	if unstarted && !t.Cancel && (busy || t.RunID == "" && t.Attempt-t.Free < e.policy.MaxAttempts) {
		if busy {
			t.Free++
			e.hold(ResultBusy, e.now.Add(e.policy.backoff(t.Free, e.Instance.ID)))
		}
		e.sends.drop(t.SendKey)
		e.note("task "+t.ID+" queued again", "its script never started: "+e.ev.ErrorCode)
		t.State = TaskQueued
		t.Unbooted = t.Unbooted && busy // it has tried
		t.Attempt++
		t.SendKey, t.InvokeID = "", ""
		t.Deadline, t.MissingSince, t.Missing = time.Time{}, time.Time{}, 0
		e.tasks.put(t.ID, t)
		e.again, e.requeued = true, true
		return
	}
	t.InvokeID = e.ev.InvokeID
	t.EndedAt = e.ev.FinishTime
	t.Status, t.ExitCode, t.ErrorCode = e.ev.Status, e.ev.ExitCode, e.ev.ErrorCode
	state, ok := finalStates[e.ev.Status]
	if !ok {
		state = TaskFailed
	}
	e.again = e.endTask(t, state, "its execution ended as "+string(e.ev.Status))
}

// agentSeen marks the instance bootable if a script has just ended on it.
func (e *end) agentSeen() {
	ev := e.ev
	ran := ev.Status == event.StatusSuccess || ev.Status == event.StatusTimeout ||
		ev.Status == event.StatusFailed && ev.ErrorCode == "ExitCodeNonzero"
	if e.Instance.Boot != BootBootable && ran && e.Instance.showsUp(ev.FinishTime) && e.now.Sub(ev.FinishTime) < agentLag {
		e.bootable(ev.FinishTime)
		e.note("instance bootable", "a script has just ended on it")
	}
}

// tells reports whether an alert says how a task has ended: not if it was cancelled
// before it was sent.
func (d *draft) tells(t Task) bool {
	if t.Status == "" {
		return t.State != TaskCancelled
	}
	return d.tellsEnd(t.Status, t.EndedAt)
}

// tellsEnd reports whether an alert says that a command has ended like this.
func (d *draft) tellsEnd(status event.Status, finished time.Time) bool {
	if !status.Known() {
		status = event.StatusFailed
	}
	return d.policy.AlertOn[status] && !d.policy.tooOld(finished, d.now)
}

// wentWell ends what alerts say of the command, however it was sent.
func (e *end) wentWell() {
	at := e.orNow(e.ev.FinishTime)
	for _, name := range []string{e.ev.CommandName, e.ev.CommandID, e.ev.InvokeID} {
		if name != "" {
			e.recover(untilSuccess(name, "", ""), at, succeeded)
		}
	}
	if flow := e.t.Flow(); flow != "" {
		e.recover(untilSuccess("", flow, e.t.Step), at, succeeded)
	}
}

// nameOf is what a command is called: not every event of a saved one has its name.
func nameOf(name, commandID, invokeID string) string { return cmp.Or(name, commandID, invokeID) }

// alertEnd plans an alert if the policy's AlertOn lists the end's status, unless
// the command is tried again. [55, 56]
func (e *end) alertEnd() {
	ev, t := e.ev, e.t
	if !e.tellsEnd(ev.Status, ev.FinishTime) {
		return
	}
	a := e.ofTask(t, AlertExecution, e.summary())
	a.CommandName, a.InvokeID, a.Region, a.At = nameOf(ev.CommandName, ev.CommandID, ev.InvokeID), ev.InvokeID, ev.Region, e.orNow(ev.FinishTime)
	a.Status, a.ExitCode, a.ErrorCode, a.ErrorDesc, a.Requeued = string(ev.Status), ev.ExitCode, ev.ErrorCode, ev.ErrorDesc, e.requeued
	if _, captured := e.facts.Outputs[ev.InvokeID]; captured {
		out, _ := e.output(ev.InvokeID)
		a.Output = out.Text
	}
	r := e.Runs[t.RunID]
	switch {
	case !e.again || r.Definition.AlertOnRetry:
		e.outbox.follow(a, lasting{
			until: []Until{untilSuccess(a.CommandName, t.Flow(), t.Step)},
			over:  e.wellAfter(Success{Name: ev.CommandName, Step: t.Step, After: a.At}),
		})
		return
	case t.RunID != "" && !e.requeued:
		a.Summary = fmt.Sprintf("A command ended as %s. It was to be tried again, and was not.", ev.Status)
		r.Untold = &a
		e.runs.put(r.ID, r)
	}
	e.note("no alert yet", "the command is tried again")
}

// summary says how the command ended, and what became of it.
func (e *end) summary() string {
	t, status, tries := e.t, e.ev.Status, max(e.t.Attempt-e.t.Free, e.t.StepAttempt)
	switch unstarted := slices.Contains(flow.NotStarted, e.ev.ErrorCode) && t.ID != ""; {
	case e.again && e.ev.ErrorCode == flow.TooManyTasks:
		return fmt.Sprintf("A command ended as %s: its instance ran too many tasks, and it was queued again.", status)
	case e.again:
		return fmt.Sprintf("A command ended as %s, and its flow tries it again.", status)
	case unstarted:
		return fmt.Sprintf("A command ended as %s: it never started, after %s.", status, counted(tries, "attempt"))
	case tries > 1:
		return fmt.Sprintf("A command ended as %s, after %s.", status, counted(tries, "attempt"))
	}
	return fmt.Sprintf("A command ended as %s.", status)
}
