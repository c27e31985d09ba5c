package decide

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// planStop plans to stop a task whose invoke id is known.
func (d *decision) planStop(t Task) {
	key := sendKey(SendStop, t.ID, t.Attempt)
	if _, planned := d.Sends[key]; planned || t.InvokeID == "" || !t.Cancel {
		return
	}
	d.sends.put(key, Send{Key: key, Kind: SendStop, TaskID: t.ID, Attempt: t.Attempt, PlannedAt: d.now})
}

// release claims the sends that are due, and plans and claims those of the
// queued tasks of a bootable instance: a batch in all, in order. If the instance
// is no longer bootable, a command that was put back returns to the queue.
func (d *decision) release() {
	room := d.policy.Batch
	each := func(do func()) (goOn bool) {
		if room == 0 {
			d.more = true
			return false
		}
		room--
		return d.try(do)
	}
	for _, s := range d.dueSends() {
		t := d.Tasks[s.TaskID]
		requeue := d.Instance.Boot != BootBootable && d.unsent(t)
		if d.over(t) || !requeue && d.needsRoom(s) && !d.hasRoom() {
			continue
		}
		if !each(func() {
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
	case !d.open() || d.queued() == 0 || d.Unread > 0 && !d.releases:
		return
	case d.Unread > 0 && !d.roomLeft(): // no need to read them
		d.short += d.queued()
		return
	case !d.queue():
		return
	}
	for _, t := range d.sorted(TaskQueued) {
		if d.over(t) || d.pausedTask(t) || !d.hasRoom() {
			continue
		}
		if !each(func() { d.releaseTask(t) }) {
			return
		}
	}
}

// hasRoom reports whether one more command may be claimed, and counts it as
// short if not.
func (d *decision) hasRoom() bool {
	if d.roomLeft() {
		return true
	}
	d.short++
	return false
}

func (d *decision) roomLeft() bool { return d.roomAt.IsZero() || d.sent < d.room }

// releaseTask plans and claims the send of a queued task.
func (d *decision) releaseTask(t Task) {
	if d.facts.NoText[t.ID] {
		d.loseText(t)
		return
	}
	t.State = TaskReleasing
	t.SendKey = sendKey(t.Kind, t.ID, t.Attempt)
	d.tasks.put(t.ID, t)
	d.countBoot(t)
	d.claim(Send{Key: t.SendKey, Kind: t.Kind, TaskID: t.ID, Attempt: t.Attempt, PlannedAt: d.now})
	d.note("task "+t.ID+" released", fmt.Sprintf("the instance is bootable; attempt %d", t.Attempt))
}

// loseText ends a task whose command cannot be sent, because its text is gone.
func (d *decision) loseText(t Task) {
	d.because(causeWakeUp).lose(t, t.ID, loss{TaskInvalid, AlertTaskInvalid, "no_text", "A command's text is gone, so the command will not run."})
}

// countBoot stores in a task's run the boot in which its command is released. A
// command that waited for a boot must not count as sent before it (flow rule
// 28).
func (d *decision) countBoot(t Task) {
	if r, ok := d.Runs[t.RunID]; ok && r.BootSeq != d.Instance.BootSeq {
		r.BootSeq = d.Instance.BootSeq
		d.runs.put(r.ID, r)
	}
}

// claim claims the send for this invocation.
func (d *decision) claim(s Send) {
	s.Claim = d.m.Claim
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

// Sort puts sends into the order in which they are performed: commands in the
// order of their release, then stops.
func (s State) Sort(list []Send) {
	rank := func(k SendKind) int {
		if k.starts() {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b Send) int {
		return cmp.Or(rank(a.Kind)-rank(b.Kind), inReleaseOrder(s.Tasks[a.TaskID], s.Tasks[b.TaskID]), strings.Compare(a.Key, b.Key))
	})
}

// hold keeps the instance's commands from being sent, after a refusal that
// concerns all of them.
func (d *decision) hold(by ResultKind, until time.Time) {
	if until.After(d.Instance.HeldUntil) {
		d.Instance.HeldUntil, d.Instance.HeldBy = until, by
	}
}
