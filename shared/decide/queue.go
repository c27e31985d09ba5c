package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
)

// submit queues a task; release lets it go at once if the instance is
// bootable.
func (d *draft) submit(in Submission, f Facts) {
	d.once = inputKey(in.Key)
	d.cause = d.once
	id := Key("task", in.Key, d.Instance.ID)
	d.answer.TaskID = id
	switch queued := d.count(TaskQueued); {
	case queued >= d.p.MaxQueued:
		d.answer.Refuse(fmt.Sprintf("%d tasks already wait for this instance, which is the limit", queued))
		d.note("submission refused", d.answer.Reason)
	default:
		if d.Instance.Boot == BootUnknown && d.Instance.CheckAt.IsZero() || d.checkDue(d.m.Now) {
			d.agent(f.Agent)
		}
		expires := in.ExpiresIn
		if expires == 0 {
			expires = d.p.TaskTTL
		}
		d.enqueue(Task{
			ID: id, Name: in.Command.Name(), Command: in.Command, Priority: in.Priority,
			ExpiresAt: d.m.Now.Add(expires), Cause: in.Key,
		})
		d.answer.Outcome = string(TaskQueued)
		if d.Instance.Boot == BootBootable {
			d.answer.Outcome = string(TaskReleasing)
		}
	}
	d.changes.Input = &InputRecord{Key: in.Key, Answer: d.answer.encode(), DedupeKey: in.DedupeKey, Hash: in.Hash}
}

// enqueue adds a new task.
func (d *draft) enqueue(t Task) {
	t.State = TaskQueued
	t.Attempt = 1
	t.SubmittedAt = d.m.Now
	if t.ExpiresAt.IsZero() {
		t.ExpiresAt = d.m.Now.Add(d.p.TaskTTL)
	}
	d.setTask(t)
	why := "the instance is bootable"
	if d.Instance.Boot != BootBootable {
		why = "the instance is not known to be bootable"
	}
	d.note("task "+t.ID+" queued", why)
}

// cancel ends a task that was not sent, and stops one that was.
func (d *draft) cancel(in Cancel) {
	d.once = inputKey(in.Key)
	d.cause = d.once
	d.answer.TaskID = in.TaskID
	t, ok := d.Tasks[in.TaskID]
	switch {
	case !ok:
		d.answer.Outcome = "not_found"
		d.answer.Reason = "this instance has no such task that waits or runs"
	case d.stopTask(t, "cancelled before it was sent"):
		d.answer.Outcome = "cancelled"
	default:
		d.answer.Outcome = "stopping"
	}
	d.note("cancel of task "+in.TaskID, d.answer.Outcome)
	d.changes.Input = &InputRecord{Key: in.Key, Answer: d.answer.encode(), DedupeKey: in.DedupeKey, Hash: in.Hash}
}

// stopTask ends a task that was not sent, and stops one that was. It reports
// whether it ended the task.
func (d *draft) stopTask(t Task, reason string) (ended bool) {
	if t.State == TaskQueued || d.unsent(t) {
		d.endTask(t, TaskCancelled, reason)
		return true
	}
	t.Cancel = true
	d.setTask(t)
	d.planStop(t)
	return false
}

// planStop plans to stop a task whose invoke id is known.
func (d *draft) planStop(t Task) {
	key := effectKey(EffectStop, t.ID, "", t.Attempt)
	if _, planned := d.Effects[key]; planned || t.InvokeID == "" || !t.Cancel {
		return
	}
	d.setEffect(Effect{Key: key, Kind: EffectStop, TaskID: t.ID, Attempt: 1, PlannedAt: d.m.Now})
}

// unsent reports whether a released task was certainly not sent, and nobody is
// about to send it.
func (d *draft) unsent(t Task) bool {
	e, ok := d.Effects[t.EffectKey]
	return ok && t.State == TaskReleasing && !e.Claim.held(d.m.Now) && e.FirstSent.IsZero()
}

// requeue puts a task that was never sent back into the queue.
func (d *draft) requeue(t Task) {
	d.dropEffect(t.EffectKey)
	t.State = TaskQueued
	t.EffectKey = ""
	d.setTask(t)
	d.note("task "+t.ID+" queued again", "it was not sent, and the instance may no longer be bootable")
}

// expire ends tasks that waited too long, at most a batch of them at once.
func (d *draft) expire() {
	n := 0
	for _, t := range append(d.sorted(TaskReleasing), d.sorted(TaskQueued)...) {
		if !d.over(t) {
			continue
		}
		if n++; n > d.p.Batch || d.full(expiryRows, d.endBytes(t)) {
			d.more = true
			return
		}
		d.endTask(t, TaskExpired, "it expired before it could be sent")
		d.planAlert(Alert{
			Kind: AlertTaskExpired, CommandName: t.Name, TaskID: t.ID,
			Summary: "A queued command expired: it could not be sent in time.",
			At:      d.m.Now,
		}, t.ID)
	}
}

// over reports whether a task that was never sent has expired. The next
// decision ends those that do not fit into this one.
func (d *draft) over(t Task) bool {
	return (t.State == TaskQueued || d.unsent(t)) && !t.ExpiresAt.After(d.m.Now)
}

// release claims the effects that are due, and plans and claims the queued
// tasks of a bootable instance: a batch in all, in order. If the instance is no
// longer bootable, a command that was put back returns to the queue.
func (d *draft) release() {
	left := d.p.Batch
	for _, e := range d.dueEffects() {
		t := d.Tasks[e.TaskID]
		requeue := d.Instance.Boot != BootBootable && d.unsent(t)
		if d.over(t) || !requeue && d.needsRoom(e) && !d.room() {
			continue
		}
		if left == 0 || d.full(releaseRows, bytesOf(t.Command)+smallRow) {
			d.more = true
			return
		}
		left--
		if requeue {
			d.requeue(t)
			continue
		}
		d.claim(e)
	}
	if d.Instance.Boot != BootBootable || !d.blockedUntil().IsZero() {
		return
	}
	for _, t := range d.sorted(TaskQueued) {
		if d.over(t) || d.pausedTask(t) || !d.room() {
			continue
		}
		if left == 0 || d.full(releaseRows, bytesOf(t.Command)+smallRow) {
			d.more = true
			return
		}
		left--
		kind := EffectRun
		if t.Command.Invoke != nil {
			kind = EffectInvoke
		}
		e := Effect{
			Key: effectKey(kind, t.ID, "", t.Attempt), Kind: kind, TaskID: t.ID,
			Attempt: t.Attempt, PlannedAt: d.m.Now,
		}
		t.State = TaskReleasing
		t.EffectKey = e.Key
		d.setTask(t)
		d.countBoot(t)
		d.claim(e)
		d.note("task "+t.ID+" released", fmt.Sprintf("the instance is bootable; attempt %d", t.Attempt))
	}
}

// needsRoom reports whether performing an effect may send a command. A cancelled
// one is only looked for.
func (d *draft) needsRoom(e Effect) bool {
	return e.Kind.sends() && !d.held(e) && !d.Tasks[e.TaskID].Cancel
}

// room reports whether one more command may be claimed, and counts it as short
// if not.
func (d *draft) room() bool {
	if d.m.RoomAt.IsZero() || d.sends < d.m.Room {
		return true
	}
	d.short++
	return false
}

// roomAt is when a command may be claimed next: now, if there is room left.
func (d *draft) roomAt() time.Time {
	if d.sends < d.m.Room {
		return d.m.Now
	}
	return Later(d.m.RoomAt, d.m.Now)
}

// blockedUntil is when a command that was put back may be sent again; zero if
// there is none. Queued tasks wait for it, so that they do not overtake it. A
// cancelled command does not hold up others.
func (d *draft) blockedUntil() time.Time {
	var until time.Time
	for _, e := range d.Effects {
		if e.Kind.sends() && !d.Tasks[e.TaskID].Cancel && e.Claim == (Claim{}) && e.NotBefore.After(d.m.Now) &&
			(until.IsZero() || e.NotBefore.Before(until)) {
			until = e.NotBefore
		}
	}
	return until
}

// claim claims the effect for this invocation.
func (d *draft) claim(e Effect) {
	e.Claim = d.m.Claim
	e.Tries++
	e.PriorSent = e.FirstSent
	if e.Kind.sends() && e.FirstSent.IsZero() {
		e.FirstSent = d.m.Now
	}
	if d.needsRoom(e) {
		d.sends++
	}
	d.setEffect(e)
	d.claimed = append(d.claimed, e)
}

// dueEffects returns the effects that nobody holds and whose time has come:
// commands in the order of their release, then stops, then alerts.
func (d *draft) dueEffects() []Effect {
	var due []Effect
	for _, e := range d.Effects {
		if !e.Claim.held(d.m.Now) && !e.NotBefore.After(d.m.Now) && !d.held(e) {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, d.inActOrder)
	return due
}

func (d *draft) inActOrder(a, b Effect) int {
	if c := a.Kind.rank() - b.Kind.rank(); c != 0 {
		return c
	}
	if a.TaskID != "" && b.TaskID != "" && a.TaskID != b.TaskID {
		return inReleaseOrder(d.Tasks[a.TaskID], d.Tasks[b.TaskID])
	}
	if c := a.PlannedAt.Compare(b.PlannedAt); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

// endTask moves a task to its final state, drops its effects and hands its end
// to its flow run. It reports whether the flow tries it again.
func (d *draft) endTask(t Task, state TaskState, reason string) (again bool) {
	d.dropEffect(t.EffectKey)
	d.dropEffect(effectKey(EffectStop, t.ID, "", t.Attempt))
	t.State = state
	t.Reason = reason
	t.Command = command.Command{}
	t.EffectKey = ""
	t.Deadline = time.Time{}
	if t.EndedAt.IsZero() {
		t.EndedAt = d.m.Now
	}
	delete(d.Tasks, t.ID)
	d.touched.tasks.add(t.ID)
	d.changes.EndedTasks = append(d.changes.EndedTasks, t)
	d.note("task "+t.ID+" "+string(state), reason)
	return d.stepEnded(t)
}

func (d *draft) count(state TaskState) int {
	n := 0
	for _, t := range d.Tasks {
		if t.State == state {
			n++
		}
	}
	return n
}

// sorted returns the tasks in one state, in the order of their release.
func (d *draft) sorted(state TaskState) []Task {
	var out []Task
	for _, t := range d.Tasks {
		if t.State == state {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, inReleaseOrder)
	return out
}
