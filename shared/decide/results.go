package decide

import (
	"cmp"
	"time"
)

// results applies what became of sends and messages. It changes only what it
// finds: an end that arrived first has moved the task and removed the send.
func (d *decision) results(in Results) {
	for i, r := range in.Sends {
		if s, ok := d.Sends[r.Key]; ok && !d.try(func() { d.settleSend(s, r) }) {
			d.left = Results{Sends: in.Sends[i:], Deliveries: in.Deliveries}
			return
		}
	}
	for i, r := range in.Deliveries {
		if !d.try(func() { d.delivered(r) }) {
			d.left = Results{Deliveries: in.Deliveries[i:]}
			return
		}
	}
	d.matchLate()
	if d.canContinue(len(in.Sends) > 0) {
		d.more = true
	}
}

// settleSend applies what became of one send.
func (d *decision) settleSend(s Send, r Result) {
	b := d.because("send/" + s.Key)
	t, ok := d.Tasks[s.TaskID]
	switch {
	case !ok:
		d.sends.drop(s.Key)
	case r.Kind == ResultUnknown && s.Kind.starts():
		// The claim stays until it ends; then Cloud Assistant is asked.
	case r.Kind == ResultDone:
		d.sends.drop(s.Key)
		if s.Kind.starts() {
			d.running(t, r.InvokeID)
		}
	case r.Kind == ResultInvalid && s.Kind.starts():
		b.lose(t, loss{TaskInvalid, AlertTaskInvalid, r.Reason, "A command was refused for good and will not run."})
	case s.Claim.Commit != r.Commit:
		// Another invocation has claimed it since, and settles it.
	case r.Kind == ResultGivenUp && t.Cancel:
		b.endTask(t, TaskCancelled, "cancelled; Cloud Assistant has no run of it")
	case r.Kind == ResultGivenUp:
		b.lose(t, outcomeUnknown("It is not known whether a command ran, and it is too late to send it again."))
	default:
		b.putBack(s, t, r)
	}
}

// delivered applies what became of a message. Only the claim under which it was
// delivered settles a failure: another invocation may have claimed it since.
func (d *decision) delivered(r Delivery) {
	m, ok := d.Messages[r.Row]
	switch {
	case !ok:
	case r.Err == "":
		d.messages.drop(r.Row)
		switch {
		case m.Kind == MessageCount && r.Breaker != nil:
			d.opened(*r.Breaker)
		case m.Kind == MessageClose:
			d.closed(*m.Fleet.Breaker)
		}
	case m.Claim.Commit != r.Commit:
	case !r.Paced && d.now.Sub(m.PlannedAt) >= d.policy.MessageLife:
		d.messages.drop(r.Row)
		record(d.draft, &d.changes.Lost, m)
		d.note("message "+m.Key+" given up", r.Err)
	default:
		m.Claim = Claim{}
		m.NotBefore = d.now.Add(d.policy.backoff(m.Tries, m.Key))
		if r.Paced {
			m.Tries--
		}
		d.messages.put(r.Row, m)
		d.note("message "+m.Key+" put back", r.Err)
	}
}

// running marks a task as sent.
func (d *draft) running(t Task, invokeID string) {
	t.State = TaskRunning
	t.InvokeID = invokeID
	t.SendKey = ""
	t.Deadline = d.now.Add(cmp.Or(t.Timeout, 60*time.Second) + d.policy.EndMargin)
	d.tasks.put(t.ID, t)
	d.note("task "+t.ID+" running", "sent as "+invokeID)
	outbox{d}.recover(untilMoved(t.ID), d.now, "The command was sent.")
	d.planStop(t)
}

// putBack gives up the claim of a send that was not sent, and sets when it may
// be claimed again. It cancels a command that was to be stopped and was never
// sent. It puts back a refused stop, too, because the service may not know yet
// what it has accepted; the task's end removes it.
func (b because) putBack(s Send, t Task, r Result) {
	s.Claim = Claim{}
	if s.Kind.starts() && !r.MaybeSent {
		s.FirstSent = s.PriorSent
	}
	if s.Kind.starts() && t.Cancel && s.FirstSent.IsZero() {
		b.endTask(t, TaskCancelled, "cancelled before it was sent")
		return
	}
	until := b.now.Add(b.policy.backoff(s.Tries, s.Key))
	switch r.Kind {
	case ResultThrottled:
		next := b.now.Truncate(b.policy.Minute).Add(b.policy.Minute)
		until = next.Add(Spread(b.Instance.ID, b.policy.Minute/4))
	case ResultQuota:
		until = NextDay(b.now).Add(Spread(b.Instance.ID, 10*b.policy.Minute))
	}
	if r.Kind.Holds() && s.Kind.starts() && !t.Cancel {
		b.hold(r.Kind, until)
	}
	if !r.Kind.Holds() || !s.Kind.starts() || !s.FirstSent.IsZero() {
		s.NotBefore = until
	}
	if r.Kind == ResultDenied && s.Kind.starts() {
		a := b.ofTask(t, AlertTaskDenied, "A command is refused for want of a right. It is tried again until it expires; other commands do not wait for it.")
		a.ErrorCode = r.Reason
		b.follow(a, lasting{until: []Until{untilMoved(t.ID)}, quiet: true})
	}
	b.sends.put(s.Key, s)
	b.note("send "+s.Key+" put back", string(r.Kind)+" "+r.Reason)
}

// chinaTime is the zone in whose days the service counts its daily quota.
var chinaTime = time.FixedZone("UTC+8", 8*60*60)

// NextDay is the start of the next day of the service's daily quota. That its
// days are those of UTC+8 is an assumption: the service does not say.
func NextDay(now time.Time) time.Time {
	y, m, day := now.In(chinaTime).Date()
	return time.Date(y, m, day+1, 0, 0, 0, 0, chinaTime).UTC()
}
