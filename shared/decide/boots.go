package decide

import (
	"fmt"
	"time"
)

// maxAhead is how far an event's time may lie ahead of its receipt. A later
// time is taken for a wrong clock, and the time of receipt is used instead.
const maxAhead = 5 * time.Minute

// heartbeat records a boot. It compares the times of boots to find out whether
// the boot is new: one boot can send several first heartbeats (each restart of
// the agent sends one), and deliveries come late.
func (d *decision) heartbeat(in Heartbeat) (cause string) {
	ev, i := in.Event, &d.Instance
	cause = causeWakeUp
	at := ev.Time
	if at.IsZero() || at.Sub(in.Received) > maxAhead {
		at = in.Received
	}
	var uptime time.Duration
	if ev.Uptime != nil {
		uptime = *ev.Uptime
	}
	boot := at.Add(-uptime)
	tolerance := 60*time.Second + uptime/5000
	switch {
	case ev.Time.IsZero() && !i.BootTime.IsZero():
		// It may be of any boot, and each delivery would make it a newer one.
		if i.Boot != BootBootable {
			d.bootable(at)
		}
		d.note("boot unchanged", "the heartbeat has no time")
	case !i.BootTime.IsZero() && boot.Sub(i.BootTime).Abs() <= tolerance:
		if i.Boot != BootBootable && at.After(i.BootSince) {
			d.bootable(at)
			d.note("instance bootable", "its agent started again")
		} else {
			d.note("boot unchanged", "this boot is recorded already")
		}
	case boot.Before(i.BootTime):
		d.note("boot unchanged", "the heartbeat belongs to an older boot")
	default:
		i.BootTime = boot
		i.BootSeq++
		d.bootable(at)
		d.note(fmt.Sprintf("instance bootable, boot %d", i.BootSeq), "first heartbeat of a newer boot")
		d.learn(ev.AgentVersion, "", ev.Region, ev.Zone)
		cause = fmt.Sprintf("boot/%d", i.BootSeq)
		d.because(cause).startFlows(HeartbeatEvent(ev), nil)
		record(d, &d.changes.Boots, Boot{
			Seq: i.BootSeq, Time: boot, EventID: ev.ID, EventTime: at, AgentVersion: ev.AgentVersion, Decided: decided(d.flows),
		})
	}
	return cause
}

// bootable marks the instance as taking commands since at. Commands that were
// put back and never sent stop waiting, unless for the rate or a quota: the
// instance may have been down.
func (d *decision) bootable(at time.Time) {
	d.Instance.Boot = BootBootable
	d.Instance.BootSince = at
	d.Instance.CheckAt = time.Time{}
	d.Instance.Checks = 0
	if d.Instance.HeldBy == ResultDown {
		d.Instance.HeldUntil, d.Instance.HeldBy = time.Time{}, ""
	}
	for _, t := range d.sorted(TaskReleasing) {
		if s := d.Sends[t.SendKey]; d.unsent(t) && !s.NotBefore.IsZero() {
			s.NotBefore = time.Time{}
			d.sends.put(s.Key, s)
		}
	}
}

// doubt records that a command found the agent absent at the given time.
func (d *decision) doubt(at time.Time) {
	d.Instance.Boot = BootUnknown
	d.Instance.BootSince = at
	d.Instance.Checks = 0
	d.Instance.CheckAt = d.now.Add(d.policy.CheckFirst)
}

// watch schedules a check of the agent's status while a task waits for an
// instance that is not known to be bootable: its agent may be too old to send
// a first heartbeat, or may never send another.
func (d *decision) watch() {
	if i := &d.Instance; i.Boot != BootBootable && i.CheckAt.IsZero() && d.waiting() {
		i.CheckAt = d.now.Add(d.policy.CheckFirst)
	}
}

// wake handles a wake-up: it uses the answer about the agent's status, and
// settles running tasks whose end was never reported.
func (d *decision) wake(f Facts) {
	if d.waiting() && d.checkDue(d.now) {
		d.agent(f.Agent)
	}
	for _, t := range d.sorted(TaskRunning) {
		inv, asked := f.Invocations[t.InvokeID]
		// A task that does not fit stays due, so the next wake-up asks again.
		if asked && !t.Deadline.After(d.now) && !d.try(func() { d.asked(t, inv) }) {
			return
		}
	}
}

// asked applies what Cloud Assistant says about a task whose end is overdue.
func (d *decision) asked(t Task, inv *Invocation) {
	switch {
	case inv == nil:
		d.because(causeWakeUp).lose(t, t.ID, outcomeUnknown("Cloud Assistant accepted a command, but no longer knows it."))
	case inv.Ended():
		d.endOf(inv.TaskCompleted(d.Instance.ID), t).taskEnded()
	default:
		t.Deadline = d.now.Add(d.policy.EndMargin)
		d.tasks.put(t.ID, t)
		d.note("task "+t.ID+" still running", "Cloud Assistant says "+inv.Status)
	}
}

// agent applies an answer about the agent's status. Without an answer, the
// next check asks again.
func (d *decision) agent(a *AgentStatus) {
	i := &d.Instance
	if a != nil && a.Ready {
		d.bootable(d.now)
		d.learn(a.Version, a.OS, "", "")
		d.note("instance bootable", "its agent answers")
		return
	}
	if i.Boot != BootWaiting {
		i.Boot = BootWaiting
		i.BootSince = d.now
	}
	i.Checks++
	i.CheckAt = d.now.Add(d.policy.checkDelay(i.Checks))
	if a == nil {
		d.note("instance waiting", "its agent's status is unknown")
	} else {
		d.note("instance waiting", "its agent is not up")
	}
}

// learn keeps those values that are not empty.
func (d *decision) learn(agentVersion, os, region, zone string) {
	i := &d.Instance
	for _, f := range []struct {
		to   *string
		from string
	}{{&i.AgentVersion, agentVersion}, {&i.OS, os}, {&i.Region, region}, {&i.Zone, zone}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
}
