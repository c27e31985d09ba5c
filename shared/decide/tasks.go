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
	if in.Flow == "" {
		d.answer.TaskID = Key("task", in.Key, d.Instance.ID)
	}
	queued, mayWait := d.queued(), in.WhenNotBootable != FailUnbooted || d.Instance.Boot == BootBootable
	switch {
	case d.Instance.Gone():
		return d.refused("submission", "the instance was deleted")
	case d.Instance.Rev == 0 && d.machine() == nil && d.facts.Unlisted:
		return d.refused("submission", "ECS knows no instance with this id")
	case d.Instance.Rev == 0 && d.facts.Machine == nil:
		d.unsure = "ECS does not say now whether it knows the instance"
		return d.once
	case in.Flow != "":
		return startOne(d, in)
	case queued >= d.policy.MaxQueued:
		return d.refused("submission", fmt.Sprintf("%d tasks already wait for this instance, which is the limit", queued))
	case !mayWait && !d.up(d.agentStatus()):
		return d.refused("submission", "the instance is not known to be bootable, and whenNotBootable is fail")
	case !mayWait:
		d.askAgent()
	}
	t := d.submitted(in)
	if waits := !t.Unbooted && t.NotBefore.IsZero(); waits && (d.Instance.Boot == BootUnknown && d.Instance.CheckAt.IsZero() || d.checkDue()) {
		d.askAgent()
	}
	d.because(in.Key).enqueue(t)
	d.answer.Outcome, d.answer.Reason = string(TaskQueued), d.holder(t)
	if d.answer.Reason == "" && !t.NotBefore.IsZero() {
		d.answer.Reason = "not before " + t.NotBefore.UTC().Format(time.RFC3339)
	}
	d.recordInput(in.Key, in.DedupeKey)
	return d.once
}

// refused makes the answer to what was asked a refusal, which changes nothing: not
// even what was learned is kept.
func (d *decision) refused(asked, reason string) (cause string) {
	d.Instance = d.before.Instance
	d.answer.Refuse(reason)
	d.note(asked+" refused", reason)
	return d.once
}

// submitted is the task of a submission.
func (d *decision) submitted(in Submission) Task {
	from := in.NotBefore
	if in.Spread > 0 {
		from = d.orNow(from).Add(Spread(d.Instance.ID, in.Spread))
	}
	t := Task{
		ID: Key("task", in.Key, d.Instance.ID), Command: in.Command, Labels: in.Labels, By: in.By, Purpose: in.Reason, Priority: in.Priority,
		Unbooted: in.WhenNotBootable == RunUnbooted,
	}
	if from.After(d.now) {
		t.NotBefore = from
	}
	from = Later(from, d.now)
	t.ExpiresAt = from.Add(cmp.Or(in.ExpiresIn, d.policy.TaskTTL))
	if in.BootDeadline > 0 {
		t.BootBy, t.OnBootDeadline = from.Add(in.BootDeadline), cmp.Or(in.OnBootDeadline, AlertAtDeadline)
	}
	return t
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
	case t.NotBefore.After(b.now):
		why = "not before " + t.NotBefore.UTC().Format(time.RFC3339)
	case b.Instance.Boot == BootBootable:
		why = "the instance is bootable"
	default:
		why = "the instance is not known to be bootable"
	}
	b.releases = true
	b.note("task "+t.ID+" queued", why)
}

// stopTask ends a task that was not sent, and stops one that was. It reports
// whether it ended the task.
func (b because) stopTask(t Task, reason string) (ended bool) {
	if b.notSent(t) {
		b.endTask(t, TaskCancelled, reason)
		return true
	}
	t.Cancel = true
	b.tasks.put(t.ID, t)
	b.planStop(t)
	return false
}

// endTask moves a task to its final state, drops its sends and hands its end to
// its flow run. It reports whether the flow tries it again.
func (b because) endTask(t Task, state TaskState, reason string) (again bool) {
	b.sends.drop(t.SendKey)
	b.sends.drop(sendKey(SendStop, t.ID, t.Attempt))
	b.tasks.drop(t.ID)
	t.State = state
	t.Reason = reason
	if t.CancelReason != "" && t.CancelReason != reason {
		t.Reason = t.CancelReason + "; " + reason
	}
	t.Command = command.Command{}
	t.SendKey = ""
	t.Deadline = time.Time{}
	t.EndedAt = b.orNow(t.EndedAt)
	record(b.draft, &b.changes.EndedTasks, t)
	b.recover(untilMoved(t.ID), b.now, "The command waits no longer: "+reason+".")
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

// lose ends a task with an alert.
func (b because) lose(t Task, l loss) {
	b.endTask(t, l.state, l.reason)
	until := lasting{until: untilGood(t)}
	if l.kind == AlertOutcomeUnknown { // it may have succeeded before, and its end may come
		until.until, until.since = append(until.until, untilMoved(t.ID)), t.SubmittedAt
	}
	a := b.ofTask(t, l.kind, l.summary)
	a.ErrorCode = l.reason
	b.follow(a, until)
}
