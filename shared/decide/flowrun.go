package decide

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/flow"
)

// defaultPriority is the priority of flows' commands.
const defaultPriority = 5

// instance is the instance as expressions see it.
func (d *draft) instance() flow.Instance {
	i := d.Instance
	return flow.Instance{
		ID: i.ID, State: string(i.Boot), BootSeq: i.BootSeq, BootTime: i.BootTime,
		AgentVersion: i.AgentVersion, OS: i.OS, Region: i.Region, Zone: i.Zone, FailedRuns: d.failedRuns(),
	}
}

// moment is now, for one run.
func (d *draft) moment(r FlowRun) flow.Moment {
	return flow.Moment{
		Now: d.m.Now, Instance: d.instance(), Cause: d.cause, Hold: d.control.paused(r.Flow) != nil,
	}
}

// carryOut does what a run asks for, and keeps the run or records its end.
func (d *draft) carryOut(r FlowRun, actions []flow.Action) {
	var cancelled string
	for _, a := range actions {
		id := Key("task", r.ID, a.Step, strconv.Itoa(a.Attempt))
		switch {
		case a.Cancel:
			cancelled = id
		case a.Alert != "":
			d.planAlert(Alert{
				Kind: AlertFlow, Flow: r.Flow, Summary: a.Alert, At: d.m.Now, Region: r.Event.Region,
				CommandName: r.Event.CommandName, InvokeID: r.Event.InvokeID, Status: r.Event.InvocationStatus,
			}, Key("step", r.ID, a.Step))
		default:
			r.SetTask(id)
			d.enqueue(Task{
				ID: id, Name: a.Command.Name(), Priority: defaultPriority, Command: a.Command,
				Cause: d.cause, RunID: r.ID, Step: a.Step, StepAttempt: a.Attempt, Chain: r.Chain,
			})
		}
	}
	switch {
	case r.Ended:
		d.endRun(r, r.Result, r.Reason)
		return
	case d.control.paused(r.Flow) != nil:
		r.CheckAt = d.m.Now.Add(d.p.HoldCheck)
	default:
		r.CheckAt = time.Time{}
	}
	d.setRun(r)
	if t, ok := d.Tasks[cancelled]; ok {
		d.note("stop task "+t.ID, r.Pending.Over+" timed out")
		d.stopTask(t, r.Pending.Over+" timed out")
	}
}

// stepEnded hands a task's end to its run. It reports whether the step is tried
// again.
func (d *draft) stepEnded(t Task) (again bool) {
	r, ok := d.Runs[t.RunID]
	if !ok {
		return false
	}
	end := flow.StepEnd{
		Status: string(t.State), Reason: t.Reason, InvocationStatus: string(t.Status),
		ErrorCode: t.ErrorCode, ExitCode: t.ExitCode,
	}
	if r.Captures() {
		out, ok := d.outputs[t.InvokeID]
		if !ok {
			out.Err = "only its end is known, not its output"
		}
		end.Output, end.Dropped, end.OutputError = out.Text, out.Dropped, out.Err
	}
	r.Run = r.Run.Clone()
	d.carryOut(r, r.CommandEnded(t.Step, t.StepAttempt, end, d.moment(r)))
	r, ok = d.Runs[t.RunID]
	return ok && r.Pending.State == flow.PendingBackoff || ok && r.Pending.State == flow.PendingCommand && r.Pending.Attempt > t.StepAttempt
}

// advance advances the runs that can make progress: those whose time has come,
// or whose boot or other change has happened. A run that ends lets the next
// one of its flow begin, even one that is older by the clock of the function
// that made it.
func (d *draft) advance() {
	for again := true; again; {
		again = false
		for _, r := range d.runs() {
			r, there := d.Runs[r.ID] // as it is by now
			if !there || !d.ready(r) {
				continue
			}
			if d.full(runRows, advanceBytes(r)) {
				d.more = true
				return
			}
			again = true
			if !r.begun() {
				d.start(r)
				continue
			}
			r.Run = r.Run.Clone()
			d.carryOut(r, r.Advance(d.moment(r)))
		}
	}
}

// ready reports whether a run can advance or is due for a check.
func (d *draft) ready(r FlowRun) bool {
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(d.m.Now) }
	switch {
	case !r.begun():
		before, _ := d.ahead(r)
		return before == 0 && r.CheckAt.IsZero() || due(r.CheckAt)
	case d.control.paused(r.Flow) != nil:
		return r.CheckAt.IsZero() || due(r.CheckAt) || due(d.dueOf(r))
	case r.Pending.State == "":
		return true // its flow was paused
	}
	return due(d.dueOf(r)) || due(r.CheckAt) || r.Booted(d.instance())
}

// dueOf is when a run itself has something to do. The end of a backoff does not
// count while its flow is paused.
func (d *draft) dueOf(r FlowRun) time.Time {
	if r.Pending.State == flow.PendingBackoff && d.control.paused(r.Flow) != nil {
		r.Pending.Until = time.Time{}
	}
	return r.Due()
}

// anyReady reports whether a run can advance at once.
func (d *draft) anyReady() bool {
	for _, r := range d.Runs {
		if d.ready(r) {
			return true
		}
	}
	return false
}

// countBoot stores in a task's run the boot in which its command is released. A
// command that waited for a boot must not count as sent before it (flow rule
// 28).
func (d *draft) countBoot(t Task) {
	if r, ok := d.Runs[t.RunID]; ok && r.BootSeq != d.Instance.BootSeq {
		r.BootSeq = d.Instance.BootSeq
		d.setRun(r)
	}
}

// pausedTask reports whether a task's flow is paused.
func (d *draft) pausedTask(t Task) bool {
	r, ok := d.Runs[t.RunID]
	return ok && d.control.paused(r.Flow) != nil
}

// held reports whether an effect must wait until its flow is resumed. A
// cancelled command is only looked for and need not wait.
func (d *draft) held(e Effect) bool {
	t := d.Tasks[e.TaskID]
	return e.Kind.sends() && !t.Cancel && d.pausedTask(t)
}

// runs are the live runs, the oldest first.
func (d *draft) runs() []FlowRun { return slices.SortedFunc(maps.Values(d.Runs), inCreation) }

// inCreation sorts runs by when they were made.
func inCreation(a, b FlowRun) int {
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// dueRun is when a run is due next; zero if only an event can move it. A run
// that is ready but still here did not fit, or the input was Results: it is due
// now.
func (d *draft) dueRun(r FlowRun) time.Time {
	due, check := d.dueOf(r), r.CheckAt
	switch {
	case check.IsZero() && d.control.paused(r.Flow) != nil:
		check = d.m.Now.Add(d.p.HoldCheck)
	case d.ready(r):
		return d.m.Now
	}
	if !check.IsZero() && (due.IsZero() || check.Before(due)) {
		due = check
	}
	if due.IsZero() {
		return due
	}
	return Later(due, d.m.Now)
}

// endRun records the end of a run, or one that never began.
func (d *draft) endRun(r FlowRun, result, reason string) {
	if r.begun() && (result == flow.ResultFailed || result == flow.ResultTimedOut) {
		d.countFailure(r)
	}
	r.Result, r.Reason, r.EndedAt, r.Ended = result, reason, d.m.Now, true
	r.CheckAt, r.Waits = time.Time{}, ""
	r.Forget()
	if _, ok := d.Runs[r.ID]; ok {
		delete(d.Runs, r.ID)
		d.touched.runs.add(r.ID)
	}
	d.changes.EndedRuns = append(d.changes.EndedRuns, r)
	d.bytes += recordSize(r)
	d.note("flow "+r.Flow+" "+result, reason)
}
