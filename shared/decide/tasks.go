package decide

import (
	"cmp"
	"fmt"
	"time"

	"aftercare/shared/command"
)

// submit queues a task; release lets it go at once if the instance is
// bootable. A refusal changes nothing, so the same key can be accepted later.
func (d *decision) submit(in Submission) (cause string) {
	d.once, d.hash = inputKey(in.Key), in.Hash
	id := Key("task", in.Key, d.Instance.ID)
	d.answer.TaskID = id
	if d.Instance.Gone() {
		d.answer.Refuse("the instance was deleted")
		d.note("submission refused", d.answer.Reason)
		return d.once
	}
	if queued := d.queued(); queued >= d.policy.MaxQueued {
		d.answer.Refuse(fmt.Sprintf("%d tasks already wait for this instance, which is the limit", queued))
		d.note("submission refused", d.answer.Reason)
		return d.once
	}
	if d.Instance.Boot == BootUnknown && d.Instance.CheckAt.IsZero() || d.checkDue() {
		d.agent(d.agentStatus())
	}
	d.because(in.Key).enqueue(Task{
		ID: id, Command: in.Command, Labels: in.Labels, By: in.By, Purpose: in.Reason, Priority: in.Priority,
		ExpiresAt: d.now.Add(cmp.Or(in.ExpiresIn, d.policy.TaskTTL)),
	})
	d.answer.Outcome, d.answer.Reason = string(TaskQueued), d.holder(d.Tasks[id])
	d.recordInput(in.Key, in.DedupeKey)
	return d.once
}

// recordInput records an input with its answer. The answer says something about
// live rows, so it carries the guard.
func (d *decision) recordInput(key, dedupeKey string) {
	d.guarded = true
	r := InputRecord{Key: key, Answer: d.answer.encode(), DedupeKey: dedupeKey, Hash: d.hash}
	d.size.add(r)
	d.changes.Input = &r
}

// answerReleased makes the answer to a submission say that its task is released.
func (d *decision) answerReleased() {
	if d.answer.Outcome == string(TaskQueued) && d.Tasks[d.answer.TaskID].State == TaskReleasing {
		d.answer.Outcome = string(TaskReleasing)
		d.changes.Input.Answer = d.answer.encode()
	}
}

// enqueue adds a new task.
func (b because) enqueue(t Task) {
	t.State = TaskQueued
	t.Kind, t.Name, t.Timeout = SendRun, t.Command.Name(), t.Command.Timeout()
	if saved := t.Command.Invoke; saved != nil {
		t.Kind, t.CommandID = SendInvoke, saved.CommandID
	}
	t.Attempt = 1
	t.SubmittedAt = b.now
	t.Cause = b.cause
	if t.ExpiresAt.IsZero() {
		t.ExpiresAt = b.now.Add(b.policy.TaskTTL)
	}
	b.tasks.put(t.ID, t)
	why := b.holder(t)
	switch {
	case why != "":
	case b.Instance.Boot == BootBootable:
		why = "the instance is bootable"
	default:
		why = "the instance is not known to be bootable"
	}
	b.releases = true
	b.note("task "+t.ID+" queued", why)
}

// cancel ends a task that was not sent, and stops one that was.
func (d *decision) cancel(in Cancel) (cause string) {
	d.once, d.hash = inputKey(in.Key), in.Hash
	d.answer.TaskID = in.TaskID
	t, ok := d.Tasks[in.TaskID]
	switch {
	case !ok && !d.queue():
	case !ok:
		d.answer.Outcome = "not_found"
		d.answer.Reason = "this instance has no such task that waits or runs"
	case d.because(d.once).stopTask(t, "cancelled before it was sent"):
		d.answer.Outcome = "cancelled"
	default:
		d.answer.Outcome = "stopping"
	}
	d.note("cancel of task "+in.TaskID, d.answer.Outcome)
	d.recordInput(in.Key, in.DedupeKey)
	return d.once
}

// stopTask ends a task that was not sent, and stops one that was. It reports
// whether it ended the task.
func (b because) stopTask(t Task, reason string) (ended bool) {
	if t.State == TaskQueued || b.unsent(t) {
		b.endTask(t, TaskCancelled, reason)
		return true
	}
	t.Cancel = true
	b.tasks.put(t.ID, t)
	b.planStop(t)
	return false
}

// expire ends tasks that waited too long, at most a batch of them at once.
func (b because) expire() {
	if b.Unread > 0 && (b.Instance.Gone() || !b.Instance.WaitingUntil.After(b.now)) && !b.queue() {
		return
	}
	n := 0
	for _, t := range append(b.sorted(TaskReleasing), b.sorted(TaskQueued)...) {
		if !b.over(t) {
			continue
		}
		if n++; n > b.policy.Batch {
			b.more = true
			return
		}
		state, why, summary := TaskExpired, "it expired before it could be sent", "A queued command expired: it could not be sent in time."
		if b.Instance.Gone() {
			state, why, summary = TaskAborted, "its instance was deleted", "A queued command will not run: its instance was deleted."
		}
		if !b.try(func() {
			b.endTask(t, state, why)
			b.alert(Alert{Kind: AlertTaskExpired, CommandName: t.Name, TaskID: t.ID, At: b.now, Summary: summary}, t.ID)
		}) {
			return
		}
	}
}

// endTask moves a task to its final state, drops its sends and hands its end to
// its flow run. It reports whether the flow tries it again.
func (b because) endTask(t Task, state TaskState, reason string) (again bool) {
	b.sends.drop(t.SendKey)
	b.sends.drop(sendKey(SendStop, t.ID, t.Attempt))
	b.tasks.drop(t.ID)
	t.State = state
	t.Reason = reason
	t.Command = command.Command{}
	t.SendKey = ""
	t.Deadline = time.Time{}
	t.EndedAt = b.orNow(t.EndedAt)
	record(b.draft, &b.changes.EndedTasks, t)
	b.note("task "+t.ID+" "+string(state), reason)
	return b.stepEnded(t)
}

// loss is how a task ends whose command can not, or must not, be sent.
type loss struct {
	state           TaskState
	kind            AlertKind
	reason, summary string
}

func outcomeUnknown(summary string) loss {
	return loss{TaskFailed, AlertOutcomeUnknown, "outcome_unknown", summary}
}

// lose ends a task with an alert about the owner.
func (b because) lose(t Task, owner string, l loss) {
	b.endTask(t, l.state, l.reason)
	b.alert(Alert{
		Kind: l.kind, Summary: l.summary, CommandName: t.Name, TaskID: t.ID, ErrorCode: l.reason, At: b.now,
	}, owner)
}

// countWaiting keeps count of the queued tasks, so that they need not be read.
func (d *decision) countWaiting() {
	if len(d.tasks.touched) == 0 {
		return
	}
	i := &d.Instance
	i.Waiting = d.queued()
	if d.Unread == 0 {
		i.WaitingUntil = time.Time{}
	}
	for _, t := range d.Tasks {
		if t.State == TaskQueued {
			i.WaitingUntil = earlier(i.WaitingUntil, t.ExpiresAt)
		}
	}
}
