package decide

import (
	"cmp"
	"fmt"
	"time"

	"aftercare/shared/event"
)

// MaxAhead is how far a reported time may lie ahead of its receipt. Clocks of
// services that keep time differ by less; one that is further ahead is wrong,
// and would outrank every later event.
const MaxAhead = 5 * time.Minute

// Reported is a reported time as far as it may decide about order: the time of
// receipt if it lies too far ahead of it.
func Reported(t, received time.Time) time.Time {
	if t.Sub(received) > MaxAhead {
		return received
	}
	return t
}

// heartbeat records a boot. It compares the times of boots to find out whether
// the boot is new: one boot can send several first heartbeats (each restart of
// the agent sends one), and deliveries come late. One that does not say when the
// boot was counts as a boot only if none is recorded.
func (d *decision) heartbeat(in Heartbeat) (cause string) {
	ev, i := in.Event, &d.Instance
	id := heartbeatID(ev)
	at := cmp.Or(Reported(ev.Time, in.Received), in.Received)
	var uptime time.Duration
	if ev.Uptime != nil {
		uptime = *ev.Uptime
	}
	boot := at.Add(-uptime)
	tolerance := 60*time.Second + uptime/5000
	vague := ev.Uptime == nil || ev.Time.IsZero() && id == ""
	switch {
	case i.BootSeq > 0 && (vague || boot.Sub(i.BootTime).Abs() <= tolerance):
		switch {
		case i.downSince(boot):
			d.note("boot unchanged", "the instance has stopped since")
		case i.Boot != BootBootable && at.After(i.BootSince):
			d.bootable(at)
			d.note("instance bootable", "its agent started again")
		default:
			d.note("boot unchanged", "this boot is recorded, or the heartbeat does not say which it is")
		}
	case boot.Before(i.BootTime):
		d.note("boot unchanged", "the heartbeat belongs to an older boot")
	default:
		i.BootTime = boot
		i.BootSeq++
		if i.downSince(boot) {
			d.note(fmt.Sprintf("boot %d", i.BootSeq), "first heartbeat of a newer boot, but the instance has stopped since")
		} else {
			d.bootable(at)
			d.note(fmt.Sprintf("instance bootable, boot %d", i.BootSeq), "first heartbeat of a newer boot")
		}
		d.learn(ev.AgentVersion, "", ev.Region, ev.Zone)
		d.learnSoon()
		if id != "" {
			key := "heartbeat/" + id
			d.once = inputKey(key)
			d.recordInput(key, "")
		}
		cause = fmt.Sprintf("boot/%d", i.BootSeq)
		d.because(cause).startFlows(HeartbeatEvent(ev), nil)
		record(d.draft, &d.changes.Boots, Boot{
			Seq: i.BootSeq, Time: boot, EventID: ev.ID, EventTime: at, AgentVersion: ev.AgentVersion, Decided: d.decided(),
		})
	}
	return cmp.Or(cause, causeWakeUp)
}

// heartbeatID identifies a heartbeat event, whose time and uptime may be
// missing; empty if it has no id at all.
func heartbeatID(ev event.FirstHeartbeat) string {
	switch {
	case ev.BizEventID != "":
		return Key("business", ev.BizEventID)
	case ev.ID != "":
		return Key("event", ev.Source, ev.ID)
	}
	return ""
}

// boots changes what is known about whether the instance takes commands.
type boots struct{ *draft }

// bootable marks the instance as taking commands since at. Commands that were
// put back and never sent stop waiting, and their tries count anew, unless for
// the rate or a quota: the instance may have been down.
func (b boots) bootable(at time.Time) {
	b.Instance.Boot = BootBootable
	b.Instance.BootSince = at
	b.Instance.CheckAt = time.Time{}
	b.Instance.Checks = 0
	if isDown(b.Instance.State) {
		b.Instance.State, b.Instance.StateAt = event.StateRunning, at
	}
	b.releases = true
	if !b.Instance.HeldBy.account() {
		b.Instance.HeldUntil, b.Instance.HeldBy = time.Time{}, ""
	}
	for _, t := range b.sorted(TaskReleasing) {
		if s := b.Sends[t.SendKey]; b.unsent(t) && (s.Tries > 0 || !s.NotBefore.IsZero()) {
			s.NotBefore, s.Tries = time.Time{}, 0
			b.sends.put(s.Key, s)
		}
	}
}

// doubt records that a command found the agent absent at the given time.
func (b boots) doubt(at time.Time) {
	b.Instance.Boot = BootUnknown
	b.Instance.BootSince = at
	b.Instance.Checks = 0
	b.Instance.CheckAt = b.now.Add(b.policy.CheckFirst)
}

// hold keeps the instance's commands from being sent, after a refusal that
// concerns all of them. What a boot ends does not take the place of what it does
// not end.
func (b boots) hold(by ResultKind, until time.Time) {
	i := &b.Instance
	lasting := i.HeldBy.account() && i.HeldUntil.After(b.now)
	if until.After(i.HeldUntil) && (by.account() || !lasting) {
		i.HeldUntil, i.HeldBy = until, by
	}
}

// watch schedules a check of the agent's status while a task waits for an
// instance that is not known to be bootable: its agent may be too old to send
// a first heartbeat, or may never send another.
func (b boots) watch() {
	if i := &b.Instance; i.Boot != BootBootable && !i.Gone() && i.CheckAt.IsZero() && b.needsBoot() {
		i.CheckAt = b.now.Add(b.policy.CheckFirst)
	}
}

// wake handles a wake-up: it uses the answer about the agent's status, and
// settles running tasks whose end was never reported.
func (d *decision) wake() {
	if d.needsBoot() && d.checkDue() {
		waited := d.Instance.Boot == BootWaiting && d.Instance.BootSeq > 0
		if d.askAgent(); waited && d.Instance.Boot == BootBootable {
			d.made = append(d.made, RepairBoot)
		}
	}
	if d.learnDue() {
		d.learnNow()
	}
	for _, t := range d.sorted(TaskRunning) {
		if t.Deadline.After(d.now) {
			continue
		}
		// A task without an answer, or that does not fit, stays due, so the next
		// wake-up asks again.
		inv, answered := d.invocation(t.InvokeID)
		if answered && !d.try(func() { d.asked(t, inv) }) {
			return
		}
	}
}

// asked applies what Cloud Assistant says about a task whose end is overdue.
func (d *decision) asked(t Task, inv *Invocation) {
	switch {
	case inv == nil:
		d.missing(t)
	case inv.Ended():
		d.endOf(inv.TaskCompleted(d.Instance.ID), t).taskEnded()
	default:
		t.Deadline = d.now.Add(d.policy.EndMargin)
		t.MissingSince, t.Missing = time.Time{}, 0
		d.tasks.put(t.ID, t)
		d.note("task "+t.ID+" still running", "Cloud Assistant says "+inv.Status)
	}
}

// lostAfter is how many empty answers in a row, over SendWindow at least, end a
// running task as lost. Cloud Assistant lists a bounded number of invocations,
// so one empty answer proves nothing.
const lostAfter = 3

// missing counts an empty answer about a running task.
func (d *decision) missing(t Task) {
	t.MissingSince = d.orNow(t.MissingSince)
	t.Missing++
	if t.Missing >= lostAfter && d.now.Sub(t.MissingSince) >= d.policy.SendWindow {
		d.because(causeWakeUp).lose(t, outcomeUnknown("Cloud Assistant accepted a command, but no longer knows it."))
		return
	}
	t.Deadline = d.now.Add(doubled(d.policy.EndMargin, t.Missing, d.policy.SendWindow/2))
	d.tasks.put(t.ID, t)
	d.note("task "+t.ID+" not found", fmt.Sprintf("Cloud Assistant does not list it; answer %d of that kind", t.Missing))
}

// askAgent asks for the agent's status and applies it, once in a decision.
func (d *decision) askAgent() {
	if !d.checked {
		d.checked = true
		d.agent(d.agentStatus())
	}
}

// up reports whether an answer shows that the agent is up now. An agent counts as up
// for two minutes after its last heartbeat, so one that was seen only before the
// instance stopped, started, was in doubt or was found down says nothing.
func (b boots) up(a *AgentStatus) bool {
	return a != nil && a.Ready && b.Instance.showsUp(b.seen(a))
}

// seen is when the agent was up for certain: without a time, as long ago as an answer
// may lag.
func (v view) seen(a *AgentStatus) time.Time {
	return cmp.Or(Reported(a.Seen, v.now), v.now.Add(-agentLag))
}

// agent applies an answer about the agent's status. Without an answer, the
// next check asks again.
func (b boots) agent(a *AgentStatus) {
	i := &b.Instance
	if b.up(a) {
		b.bootable(b.seen(a))
		b.learnSoon()
		b.note("instance bootable", "its agent answers")
		return
	}
	if i.Boot != BootWaiting {
		i.Boot, i.BootSince = BootWaiting, b.orNow(Later(i.BootSince, i.StateAt))
		if a != nil && !a.Ready {
			i.BootSince = b.now
		}
	}
	i.Checks++
	i.CheckAt = b.now.Add(b.policy.checkDelay(i.Checks))
	switch {
	case a == nil:
		b.note("instance waiting", "its agent's status is unknown")
	case a.Ready:
		b.note("instance waiting", "its agent was last seen before that")
	default:
		b.note("instance waiting", "its agent is not up")
	}
}

// learn keeps those values that are not empty.
func (b boots) learn(agentVersion, os, region, zone string) {
	i := &b.Instance
	for _, f := range []struct {
		to   *string
		from string
	}{{&i.AgentVersion, agentVersion}, {&i.OS, os}, {&i.Region, region}, {&i.Zone, zone}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
}
