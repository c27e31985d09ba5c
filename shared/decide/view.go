package decide

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"aftercare/shared/flow"
)

// view answers questions about an instance at a moment. It changes nothing.
type view struct {
	State
	policy  Policy
	control Control
	now     time.Time
	// room is how many commands may be claimed, until roomAt; any number if that
	// is zero.
	room   int
	roomAt time.Time
}

// instance is the instance as expressions see it.
func (v view) instance() flow.Instance {
	i := v.Instance
	var tags Tags
	if i.Tags != nil {
		tags = *i.Tags
	}
	if tags == nil && !i.LearnedAt.IsZero() {
		tags = Tags{} // ECS has said that it has no tags
	}
	failed := 0
	for _, l := range v.Limits {
		failed += within(l.Failures, flow.FailureMemory, v.now)
	}
	return flow.Instance{
		ID: i.ID, State: string(i.Boot), BootSeq: i.BootSeq, BootTime: i.BootTime,
		AgentVersion: i.AgentVersion, OS: i.OS, Name: i.Name, Tags: tags, Region: i.Region, Zone: i.Zone,
		FailedRuns: failed,
	}
}

// within counts the times that are younger than the window.
func within(list []time.Time, window time.Duration, now time.Time) int {
	n := 0
	for _, t := range list {
		if t.After(now.Add(-window)) {
			n++
		}
	}
	return n
}

// unsent reports whether a released task was certainly not sent, and nobody is
// about to send it.
func (v view) unsent(t Task) bool {
	s, ok := v.Sends[t.SendKey]
	return ok && t.State == TaskReleasing && !s.Claim.held(v.now) && s.FirstSent.IsZero()
}

// over reports whether a task that was never sent has expired, or has no instance
// any more.
func (v view) over(t Task) bool {
	return v.notSent(t) && (t.State == TaskQueued && t.Cancel || v.Instance.Gone() || !t.ExpiresAt.After(v.now))
}

// waits reports whether a send must wait, and until when. The look for a cancelled
// command waits for nobody. One for a command that may have been sent waits for a
// stop alone: if the command is not found, it is sent.
func (v view) waits(s Send) (until time.Time, waits bool) {
	t := v.Tasks[s.TaskID]
	switch {
	case s.Claim.held(v.now):
		return s.Claim.Until, true
	case s.Kind.starts() && !t.Cancel && v.holder(t) != "":
		return Later(s.NotBefore, v.now.Add(v.policy.HoldCheck)), true
	case s.Kind.starts() && !t.Cancel && s.FirstSent.IsZero():
		until = Later(s.NotBefore, v.heldUntil())
	default:
		until = s.NotBefore
	}
	return until, until.After(v.now)
}

// needsRoom reports whether a send may send a command. A cancelled one is only
// looked for.
func (v view) needsRoom(s Send) bool { return s.Kind.starts() && !v.Tasks[s.TaskID].Cancel }

// whenRoom is when a command may be claimed next.
func (v view) whenRoom() time.Time {
	if v.room > 0 {
		return v.now
	}
	return Later(v.roomAt, v.now)
}

// dueSends returns the sends that may be claimed now: commands in the order of
// their release, then stops.
func (v view) dueSends() []Send {
	var due []Send
	for _, s := range v.Sends {
		if _, waits := v.waits(s); !waits {
			due = append(due, s)
		}
	}
	v.Sort(due)
	return due
}

// dueMessages returns the messages that may be claimed now, the oldest first.
func (v view) dueMessages() []Message {
	var due []Message
	for _, m := range v.Messages {
		if !m.Claim.held(v.now) && !m.NotBefore.After(v.now) {
			due = append(due, m)
		}
	}
	Sort(due)
	return due
}

// queued counts the queued tasks, also if they were not read.
func (s State) queued() int {
	return len(s.sorted(TaskQueued)) + s.Unread
}

// checkDue reports whether it is time to ask for the agent's status.
func (v view) checkDue() bool {
	i := v.Instance
	return i.Boot != BootBootable && !i.CheckAt.IsZero() && !i.CheckAt.After(v.now)
}

// heldUntil is until when all of the instance's commands are held.
func (v view) heldUntil() time.Time {
	if v.allStopped() {
		return Later(v.Instance.HeldUntil, v.now.Add(v.policy.HoldCheck))
	}
	return v.Instance.HeldUntil
}

// allRuns are the live runs, the oldest first.
func (s State) allRuns() []FlowRun {
	runs := slices.Collect(maps.Values(s.Runs))
	inOrder(runs, inCreation)
	return runs
}

// ahead counts the runs of the same flow that this one must wait for, and how
// many of them have not begun.
func (s State) ahead(r FlowRun) (all, waiting int) {
	for _, other := range s.Runs {
		if other.Flow != r.Flow || other.ID == r.ID || !other.begun() && inCreation(other, r) > 0 {
			continue
		}
		all++
		if !other.begun() {
			waiting++
		}
	}
	return all, waiting
}

// ready reports whether a run can advance or is due for a check.
func (v view) ready(r FlowRun) bool {
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(v.now) }
	switch {
	case !r.begun():
		before, _ := v.ahead(r)
		return before == 0 && r.CheckAt.IsZero() || due(r.CheckAt)
	case v.stopped(r.Flow):
		return r.CheckAt.IsZero() || due(r.CheckAt) || due(v.timerOf(r))
	case r.Pending.State == "":
		return true // it was stopped
	}
	return due(v.timerOf(r)) || due(r.CheckAt) || r.Booted(v.instance())
}

// timerOf is when a run itself has something to do. The end of a backoff does
// not count while it is stopped.
func (v view) timerOf(r FlowRun) time.Time {
	if r.Pending.State == flow.PendingBackoff && v.stopped(r.Flow) {
		r.Pending.Until = time.Time{}
	}
	return r.Due()
}

// canContinue reports whether something can be done at once, with the queued
// tasks that were not read if the queue releases.
func (v view) canContinue(releases bool) bool {
	moves := func(t Task) bool { return (releases || t.ID != "") && v.releasable(t) }
	return len(v.dueSends()) > 0 || len(v.dueMessages()) > 0 || slices.ContainsFunc(v.waiting(), moves) ||
		slices.ContainsFunc(v.allRuns(), v.ready)
}

// match finds the task of an end that waited for it; zero if others started it.
// Over means that the end need not wait any longer.
func (v view) match(u Unmatched) (t Task, over bool) {
	t, known := v.TaskOf(u.Event)
	return t, known || !v.originPossible(u.Event) || v.now.Sub(u.Received) >= v.policy.SendWindow
}

// orNow is t, or now if t is not known.
func (v view) orNow(t time.Time) time.Time { return cmp.Or(t, v.now) }
