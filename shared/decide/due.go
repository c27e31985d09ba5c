package decide

import (
	"maps"
	"slices"
	"time"
)

// Due is when something in the state is due next; zero if only an input can
// move it.
func Due(s State, c Control, p Policy, m Moment) time.Time {
	return view{State: s, control: c, policy: p, now: m.Now, room: m.Room, roomAt: m.RoomAt}.due()
}

// DueRuns is when one of the flow runs is due next; zero if only an input can
// move them.
func DueRuns(s State, c Control, p Policy, now time.Time) time.Time {
	return view{State: s, control: c, policy: p, now: now}.dueRuns()
}

func (v view) dueRuns() (due time.Time) {
	for _, r := range v.Runs {
		due = earlier(due, v.dueRun(r))
	}
	return due
}

// due is the one place that says when something is due. What is due but still
// here did not fit into its commit: it is due now.
func (v view) due() time.Time {
	var due time.Time
	at := func(t time.Time) { due = earlier(due, t) }
	for _, s := range v.Sends {
		switch until, waits := v.waits(s); {
		case waits:
			at(until)
		case v.needsRoom(s):
			at(v.whenRoom())
		default:
			at(v.now)
		}
	}
	for _, m := range v.Messages {
		if m.Claim.held(v.now) {
			at(m.Claim.Until)
		} else {
			at(Later(m.NotBefore, v.now))
		}
	}
	for _, r := range v.Repairs {
		if !r.Until.IsZero() {
			at(Later(r.Until, v.now))
		}
	}
	at(v.dueRuns())
	for _, t := range append(v.waiting(), slices.Collect(maps.Values(v.Tasks))...) {
		at(v.dueTask(t))
	}
	for _, u := range v.Unmatched {
		if _, over := v.match(u); over {
			at(v.now)
		}
		at(u.Received.Add(v.policy.SendWindow))
	}
	// Whatever wakes within the hour learns it too.
	if learn := v.Instance.LearnAt; !learn.IsZero() && !v.Instance.Gone() && (due.IsZero() || due.Sub(learn) > time.Hour) {
		at(Later(learn, v.now))
	}
	return due
}

func (v view) dueTask(t Task) time.Time {
	over := earlier(t.ExpiresAt, t.BootBy)
	switch {
	case v.Instance.Gone() && v.over(t):
		return v.now
	case t.State == TaskRunning:
		return t.Deadline
	case t.State == TaskReleasing && v.unsent(t):
		return t.ExpiresAt
	case t.State != TaskQueued:
		return time.Time{}
	case t.Cancel:
		return v.now
	case v.full(v.policy.MaxRunning):
		return over
	case t.NotBefore.After(v.now):
		return earlier(over, t.NotBefore)
	case v.Instance.Boot != BootBootable && !t.Unbooted:
		return earlier(over, v.Instance.CheckAt)
	case v.holder(t) != "":
		return earlier(over, v.now.Add(v.policy.HoldCheck))
	}
	return earlier(over, Later(v.heldUntil(), v.whenRoom()))
}

func (v view) dueRun(r FlowRun) time.Time {
	timer, check := v.timerOf(r), r.CheckAt
	switch {
	case check.IsZero() && v.stopped(r.Flow):
		check = v.now.Add(v.policy.HoldCheck)
	case v.ready(r):
		return v.now
	}
	due := earlier(timer, check)
	if due.IsZero() {
		return due
	}
	return Later(due, v.now)
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier is the earlier of two times. Zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
