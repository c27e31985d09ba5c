package decide

import (
	"slices"
	"time"
)

// waiting are the queued tasks, in the order of their release. Tasks without an id
// stand for those that were not read: they are due when the first of them is.
func (v view) waiting() []Task {
	tasks := v.sorted(TaskQueued)
	if v.Unread == 0 {
		return tasks
	}
	i := v.Instance
	tasks = append(tasks, Task{State: TaskQueued, ExpiresAt: i.WaitingUntil, NotBefore: i.WaitingFrom})
	if !i.UnbootedFrom.IsZero() {
		tasks = append(tasks, Task{State: TaskQueued, ExpiresAt: i.WaitingUntil, NotBefore: i.UnbootedFrom, Unbooted: true})
	}
	return tasks
}

// releasable reports whether a queued task may be released, but for its expiry and
// a stop.
func (v view) releasable(t Task) bool {
	return (v.Instance.Boot == BootBootable || t.Unbooted) && !t.NotBefore.After(v.now) && !v.heldUntil().After(v.now) && !v.full(v.policy.MaxRunning)
}

// full reports whether as many tasks are released or run as may. 0 is no limit.
func (s State) full(most int) bool {
	released := len(s.Tasks) - len(s.sorted(TaskQueued))
	return most > 0 && released >= most
}

// needsBoot reports whether a task waits for nothing but its instance.
func (v view) needsBoot() bool {
	return slices.ContainsFunc(v.waiting(), func(t Task) bool { return !t.NotBefore.After(v.now) })
}

// expire ends tasks that waited too long, and does what others say about an
// instance that is not bootable in time: for at most a batch of them at once.
func (b because) expire() {
	if b.Unread > 0 && (b.Instance.Gone() || !b.Instance.WaitingUntil.After(b.now)) && !b.queue() {
		return
	}
	n := 0
	for _, t := range append(b.sorted(TaskReleasing), b.sorted(TaskQueued)...) {
		missed := t.State == TaskQueued && !t.BootBy.IsZero() && !t.BootBy.After(b.now)
		if !b.over(t) && !missed {
			continue
		}
		if n++; n > b.policy.Batch {
			b.more = true
			return
		}
		if !b.try(func() {
			switch {
			case t.Cancel:
				b.endTask(t, TaskCancelled, t.CancelReason)
			case b.Instance.Gone():
				b.giveUp(t, TaskAborted, "its instance was deleted", "A queued command will not run: its instance was deleted.")
			case b.over(t):
				b.giveUp(t, TaskExpired, "it expired before it could be sent", "A queued command expired: it could not be sent in time.")
			default:
				b.bootDeadline(t)
			}
		}) {
			return
		}
	}
}

// giveUp ends a task that was not sent, with an alert.
func (b because) giveUp(t Task, state TaskState, reason, summary string) {
	b.endTask(t, state, reason)
	b.follow(b.ofTask(t, AlertTaskExpired, summary), lasting{until: untilGood(t)})
}

// bootDeadline does what a task says about an instance that is not bootable in
// time. Before it counts as that, its agent's status is asked: an old agent may
// never have sent a heartbeat.
func (b because) bootDeadline(t Task) {
	if b.Instance.Boot != BootBootable {
		b.askAgent()
	}
	by := t.BootBy
	t.BootBy = time.Time{}
	inTime := b.Instance.Boot == BootBootable && (b.checked || !b.Instance.BootSince.After(by))
	switch {
	case inTime:
	case t.OnBootDeadline == DropAtDeadline:
		b.giveUp(t, TaskExpired, "its instance was not bootable by its deadline",
			"A queued command was dropped: its instance was not bootable by its deadline.")
		return
	case t.OnBootDeadline == RunAtDeadline:
		t.Unbooted = true
		b.releases = true
		b.note("task "+t.ID+" waits no longer", "its instance was not bootable by its deadline")
	default:
		b.note("task "+t.ID+" waits on", "its instance was not bootable by its deadline")
		b.follow(b.ofTask(t, AlertBootDeadline, "A queued command waits on: its instance was not bootable by its deadline."), lasting{until: []Until{untilMoved(t.ID)}})
	}
	b.tasks.put(t.ID, t)
}

// countWaiting keeps on the instance what must be known of the queued tasks, so
// that they need not be read.
func (d *decision) countWaiting() {
	if len(d.tasks.touched) == 0 {
		return
	}
	i := &d.Instance
	none := d.Unread == 0
	if none {
		i.WaitingUntil, i.WaitingFrom, i.UnbootedFrom = time.Time{}, time.Time{}, time.Time{}
	}
	for _, t := range d.sorted(TaskQueued) {
		until := earlier(t.ExpiresAt, t.BootBy)
		if t.Cancel {
			until = d.now
		}
		i.WaitingUntil = earlier(i.WaitingUntil, until)
		if none || t.NotBefore.Before(i.WaitingFrom) {
			i.WaitingFrom = t.NotBefore
		}
		if t.Unbooted {
			i.UnbootedFrom = earlier(i.UnbootedFrom, Later(t.NotBefore, t.SubmittedAt))
		}
		none = false
	}
	i.Waiting = d.queued()
}
