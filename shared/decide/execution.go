package decide

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// freshEnd is how recent an end must be to show that the agent is up now: the
// service trusts a heartbeat for as long (AgentStatus.Ready).
const freshEnd = 2 * time.Minute

var finalStates = map[event.Status]TaskState{
	event.StatusSuccess:    TaskSucceeded,
	event.StatusFailed:     TaskFailed,
	event.StatusTimeout:    TaskTimedOut,
	event.StatusAborted:    TaskAborted,
	event.StatusInvalid:    TaskInvalid,
	event.StatusCancelled:  TaskCancelled,
	event.StatusTerminated: TaskTerminated,
}

// end records an execution and does what follows from it.
func (d *draft) end(in Ended, f Facts) {
	ev := brief(in.Event)
	d.once = executionKey(ev)
	d.cause = d.once
	t, known := d.TaskOf(ev)
	if !known {
		t, known = d.originOf(ev, f)
	}
	ev = Named(ev, t)
	record := &Execution{
		Event: in.Event, Name: ev.CommandName, TaskID: t.ID, RunID: t.RunID, Step: t.Step, Source: in.Source, Received: in.Received,
	}
	d.changes.Execution = record
	switch {
	case known:
		d.follow(ev, t)
		record.Decided = decided(d.flows)
	default:
		u := Unmatched{Event: ev, Received: in.Received}
		if out, ok := d.outputs[ev.InvokeID]; ok {
			u.Output = &out
		}
		d.setUnmatched(u)
		d.alertEnd(ev, Task{}, false)
		d.note("execution "+ev.InvokeID+" waits for its task", "a saved command that is being sent may have started it")
	}
}

// TaskOf finds the live task that an execution is an attempt of: by the
// marker in the command's name unless another invoke id is stored for that
// task, else by the invoke id.
func (s State) TaskOf(ev event.TaskCompleted) (Task, bool) {
	if _, id := command.Split(ev.CommandName); id != "" {
		if t, ok := s.Tasks[id]; ok && t.State != TaskQueued && (t.InvokeID == "" || t.InvokeID == ev.InvokeID) {
			return t, true
		}
	}
	for _, t := range s.Tasks {
		if t.InvokeID == ev.InvokeID {
			return t, true
		}
	}
	return Task{}, false
}

// originPossible reports whether an InvokeCommand whose invoke id is not known
// may have started this execution. Aftercare starts no scheduled ones.
func (s State) originPossible(ev event.TaskCompleted) bool {
	if ev.Suffix() != "once" {
		return false
	}
	for _, t := range s.Tasks {
		if s.unresolved(t) && (ev.CommandID == "" || t.Command.Invoke.CommandID == ev.CommandID) {
			return true
		}
	}
	return false
}

// unresolved reports whether the task's InvokeCommand may have been accepted
// under an invoke id that is not known yet.
func (s State) unresolved(t Task) bool {
	return t.Command.Invoke != nil && t.State == TaskReleasing && t.InvokeID == "" &&
		!s.Effects[t.EffectKey].FirstSent.IsZero()
}

// Named returns the end with the given name of its task's command; if that is
// unknown, with its name on the wire without the task's id.
func Named(ev event.TaskCompleted, t Task) event.TaskCompleted {
	ev.CommandName, _ = command.Split(ev.CommandName)
	if t.Command.Run != nil {
		ev.CommandName = t.Name
	}
	return ev
}

// originOf finds the task of an execution by the tag of its invocation; zero if
// others started it. Known is false if Cloud Assistant gave no answer.
func (d *draft) originOf(ev event.TaskCompleted, f Facts) (t Task, known bool) {
	if !d.originPossible(ev) {
		return Task{}, true
	}
	inv := f.Invocations[ev.InvokeID]
	if inv == nil {
		return Task{}, false
	}
	return d.Tasks[d.Effects[inv.Token].TaskID], true
}

// matchLate finds the tasks of ends that came before their invoke id was
// stored. An end that can belong to no task any more counts as others'.
func (d *draft) matchLate() {
	input := d.cause
	for _, id := range slices.Sorted(maps.Keys(d.Unmatched)) {
		u := d.Unmatched[id]
		t, over := d.match(u)
		// If the end that is being decided waits here, it was recorded before:
		// this decision cannot land, and must not name its record twice.
		if !over || executionKey(u.Event) == d.once {
			continue
		}
		if d.full(matchRows+startRows*maxStarts, matchBytes) {
			d.more = true
			return
		}
		d.dropUnmatched(u.Event.InvokeID)
		if u.Output != nil {
			d.outputs[u.Event.InvokeID] = *u.Output
		}
		d.cause = executionKey(u.Event)
		before := len(d.flows)
		d.followQuietly(Named(u.Event, t), t)
		if m := decided(d.flows[before:]); t.ID != "" || len(m.Flows) > 0 {
			d.changes.Matched = append(d.changes.Matched, Matched{Execution: d.cause, TaskID: t.ID, RunID: t.RunID, Step: t.Step, Decided: m})
			d.bytes += smallRow + maxDecided
		}
		d.cause = input
	}
}

// match finds the task of an end that waited for it; zero if others started it.
// Over means that the end need not wait any longer.
func (d *draft) match(u Unmatched) (t Task, over bool) {
	t, known := d.TaskOf(u.Event)
	return t, known || !d.originPossible(u.Event) || d.m.Now.Sub(u.Received) >= d.p.SendWindow
}

// follow does what follows from an end; t is zero if others started it.
func (d *draft) follow(ev event.TaskCompleted, t Task) {
	again := d.followQuietly(ev, t)
	d.alertEnd(ev, t, again)
}

// followQuietly is follow without the alert. It reports whether the command is
// tried again.
func (d *draft) followQuietly(ev event.TaskCompleted, t Task) (again bool) {
	queued := d.count(TaskQueued)
	before := d.failedBefore(ev)
	if t.ID != "" {
		again = d.taskEnded(t, ev)
	}
	if d.p.tooOld(ev.FinishTime, d.m.Now) {
		d.note("nothing started", "the execution finished too long ago")
		return again
	}
	about := TaskEvent(ev)
	about.FailedBefore, about.Requeued = before, again
	d.startFlows(about, executionKey(ev), t.Chain)
	if !again && d.count(TaskQueued) > queued {
		d.agentSeen(ev)
	}
	return again
}

// taskEnded ends the task. If its script never started, taskEnded doubts that
// the instance is bootable and queues the task again; the step of a flow has
// its own retries. It reports whether the command is tried again.
func (d *draft) taskEnded(t Task, ev event.TaskCompleted) (again bool) {
	at := ev.FinishTime
	if at.IsZero() {
		at = d.m.Now
	}
	unstarted := slices.Contains(flow.NotStarted, ev.ErrorCode)
	if unstarted && at.After(d.Instance.BootSince) {
		d.doubt(at)
	}
	if unstarted && t.RunID == "" && !t.Cancel && t.Attempt < d.p.MaxAttempts {
		d.dropEffect(t.EffectKey)
		d.note("task "+t.ID+" queued again", "its script never started: "+ev.ErrorCode)
		t.State = TaskQueued
		t.Attempt++
		t.EffectKey, t.InvokeID = "", ""
		t.Deadline = time.Time{}
		d.setTask(t)
		return true
	}
	t.InvokeID = ev.InvokeID
	t.EndedAt = ev.FinishTime
	t.Status, t.ExitCode, t.ErrorCode = ev.Status, ev.ExitCode, ev.ErrorCode
	state, ok := finalStates[ev.Status]
	if !ok {
		state = TaskFailed
	}
	return d.endTask(t, state, "its execution ended as "+string(ev.Status))
}

// agentSeen marks the instance bootable if a script has just ended on it.
func (d *draft) agentSeen(ev event.TaskCompleted) {
	ran := ev.Status == event.StatusSuccess || ev.Status == event.StatusTimeout ||
		ev.Status == event.StatusFailed && ev.ErrorCode == "ExitCodeNonzero"
	if d.Instance.Boot != BootBootable && ran && ev.FinishTime.After(d.Instance.BootSince) &&
		d.m.Now.Sub(ev.FinishTime) < freshEnd {
		d.bootable(ev.FinishTime)
		d.note("instance bootable", "a script has just ended on it")
	}
}

// alertEnd plans an alert if the policy's AlertOn lists the end's status.
func (d *draft) alertEnd(ev event.TaskCompleted, t Task, again bool) {
	status := ev.Status
	if !status.Known() {
		status = event.StatusFailed
	}
	if !d.p.AlertOn[status] || d.p.tooOld(ev.FinishTime, d.m.Now) {
		return
	}
	summary := fmt.Sprintf("A command ended as %s.", ev.Status)
	switch {
	case again && t.RunID != "":
		summary = fmt.Sprintf("A command ended as %s, and its flow tries it again.", ev.Status)
	case again:
		summary = fmt.Sprintf("A command ended as %s: it never started, and was queued again (attempt %d of %d).",
			ev.Status, t.Attempt+1, d.p.MaxAttempts)
	case slices.Contains(flow.NotStarted, ev.ErrorCode) && t.ID != "":
		summary = fmt.Sprintf("A command ended as %s: it never started, after %d attempts.", ev.Status, max(t.Attempt, t.StepAttempt))
	}
	at := ev.FinishTime
	if at.IsZero() {
		at = d.m.Now
	}
	d.planAlert(Alert{
		Kind: AlertExecution, Summary: summary, Region: ev.Region, CommandName: ev.CommandName,
		InvokeID: ev.InvokeID, TaskID: t.ID, Status: string(ev.Status), ExitCode: ev.ExitCode,
		ErrorCode: ev.ErrorCode, ErrorDesc: ev.ErrorDesc, Requeued: again && t.RunID == "", At: at,
	}, executionKey(ev))
}

// planAlert plans one alert about the owner, a key of what it reports.
func (d *draft) planAlert(a Alert, owner string) {
	if d.p.AlertOn == nil {
		return
	}
	a.InstanceID = d.Instance.ID
	if a.Region == "" {
		a.Region = d.Instance.Region
	}
	a.Fingerprint = Key("alert", a.InstanceID, string(a.Kind), owner)
	key := effectKey(EffectAlert, a.Fingerprint, "", 1)
	if _, planned := d.Effects[key]; planned {
		return
	}
	d.setEffect(Effect{Key: key, Kind: EffectAlert, Alert: &a, Attempt: 1, PlannedAt: d.m.Now})
	d.note("alert planned", string(a.Kind))
}
