package decide

import (
	"fmt"
	"slices"
	"time"
)

// planStop plans to stop a task whose invoke id is known.
func (d *draft) planStop(t Task) {
	key := sendKey(SendStop, t.ID, t.Attempt)
	if _, planned := d.Sends[key]; planned || t.InvokeID == "" || !t.Cancel {
		return
	}
	d.sends.put(key, Send{Key: key, Kind: SendStop, TaskID: t.ID, Attempt: t.Attempt, PlannedAt: d.now})
}

// sending claims sends, a batch of them at most.
type sending struct {
	*decision
	batch int // what is left of it
}

// release claims the sends that are due, and plans and claims those of the
// queued tasks that may be released, in order. If the instance is no longer
// bootable, a command that was put back returns to the queue.
func (d *sending) release() {
	for _, s := range d.dueSends() {
		t := d.Tasks[s.TaskID]
		requeue := d.Instance.Boot != BootBootable && !t.Unbooted && d.unsent(t)
		if d.over(t) || !requeue && d.needsRoom(s) && !d.hasRoom() {
			continue
		}
		if !d.each(func() {
			switch {
			case d.facts.NoText[t.ID]:
				d.loseText(t)
			case requeue:
				d.requeue(t)
			default:
				d.claim(s)
			}
		}) {
			return
		}
	}
	switch {
	case d.Unread > 0 && !d.releases || !slices.ContainsFunc(d.waiting(), d.releasable):
		return
	case d.Unread > 0 && !d.roomLeft(): // no need to read them
		d.short += d.queued()
		return
	case !d.queue():
		return
	}
	for _, t := range d.sorted(TaskQueued) {
		if d.over(t) || d.holder(t) != "" || !d.releasable(t) || !d.hasRoom() {
			continue
		}
		if !d.each(func() { d.releaseTask(t) }) {
			return
		}
	}
}

// each does one unit of the batch, or notes that there is more to do.
func (d *sending) each(do func()) bool {
	if d.batch == 0 {
		d.more = true
		return false
	}
	d.batch--
	return d.try(do)
}

// hasRoom reports whether one more command may be claimed, and counts it as
// short if not.
func (d *sending) hasRoom() bool {
	if d.roomLeft() {
		return true
	}
	d.short++
	return false
}

func (d *sending) roomLeft() bool { return d.roomAt.IsZero() || d.sent < d.room }

// releaseTask plans and claims the send of a queued task.
func (d *sending) releaseTask(t Task) {
	if d.facts.NoText[t.ID] {
		d.loseText(t)
		return
	}
	t.State = TaskReleasing
	t.SendKey = sendKey(t.Kind, t.ID, t.Attempt)
	t.NotBefore, t.BootBy = time.Time{}, time.Time{}
	d.tasks.put(t.ID, t)
	d.countBoot(t)
	d.claim(Send{Key: t.SendKey, Kind: t.Kind, TaskID: t.ID, Attempt: t.Attempt, PlannedAt: d.now})
	why := "the instance is bootable"
	if d.Instance.Boot != BootBootable {
		why = "it does not wait until the instance is bootable"
	}
	d.note("task "+t.ID+" released", fmt.Sprintf("%s; attempt %d", why, t.Attempt))
}

// requeue puts a task that was never sent back into the queue.
func (d *sending) requeue(t Task) {
	d.sends.drop(t.SendKey)
	t.State = TaskQueued
	t.SendKey = ""
	d.tasks.put(t.ID, t)
	d.note("task "+t.ID+" queued again", "it was not sent, and the instance may no longer be bootable")
}

// loseText ends a task whose command cannot be sent, because its text is gone.
func (d *sending) loseText(t Task) {
	d.because(causeWakeUp).lose(t, loss{TaskInvalid, AlertTaskInvalid, "no_text", "A command's text is gone, so the command will not run."})
}

// countBoot stores in a task's run the boot in which its command is released. A
// command that waited for a boot must not count as sent before it (flow rule
// 28).
func (d *draft) countBoot(t Task) {
	if r, ok := d.Runs[t.RunID]; ok && r.BootSeq != d.Instance.BootSeq {
		r.BootSeq = d.Instance.BootSeq
		d.runs.put(r.ID, r)
	}
}

// claim claims the send for this invocation.
func (d *draft) claim(s Send) {
	if s.Claim.Commit != "" {
		d.made = append(d.made, RepairSend)
	}
	s.Claim = d.mine
	s.Tries++
	s.PriorSent = s.FirstSent
	if s.Kind.starts() && s.FirstSent.IsZero() {
		s.FirstSent = d.now
	}
	d.sends.put(s.Key, s)
	d.claimed++
	if d.needsRoom(s) {
		d.sent++
	}
}
