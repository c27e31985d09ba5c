package decide

import (
	"cmp"
	"slices"
	"strings"
)

// alert plans one alert about the owner, a key of what it reports.
func (d *decision) alert(a Alert, owner string) {
	if d.policy.AlertOn == nil {
		return
	}
	a.InstanceID = d.Instance.ID
	a.Region = cmp.Or(a.Region, d.Instance.Region)
	a.Fingerprint = Key("alert", a.InstanceID, string(a.Kind), owner)
	if d.plan(Message{Key: a.Fingerprint, Kind: MessageAlert, Alert: &a}) {
		d.note("alert planned", string(a.Kind))
	}
}

// plan plans a message, unless the same news is on its way already.
func (d *decision) plan(m Message) bool {
	for _, other := range d.Messages {
		if other.Key == m.Key {
			return false
		}
	}
	m.Rev = d.before.Instance.NextRev(d.now)
	m.PlannedAt = d.now
	d.messages.put(m.Row(), m)
	return true
}

// claimMessages claims the messages that are due, at most a batch of them.
func (d *decision) claimMessages() {
	for i, m := range d.dueMessages() {
		if i == d.policy.Batch {
			d.more = true
			return
		}
		if !d.try(func() {
			m.Claim = d.m.Claim
			m.Tries++
			d.messages.put(m.Row(), m)
			d.claimed++
		}) {
			return
		}
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
		record(d, &d.changes.Lost, m)
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

// inPlanning sorts messages by when they were planned.
func inPlanning(a, b Message) int {
	return cmp.Or(a.PlannedAt.Compare(b.PlannedAt), strings.Compare(a.Key, b.Key), cmp.Compare(a.Rev, b.Rev))
}

// Sort puts messages into the order in which they were planned.
func Sort(list []Message) { slices.SortFunc(list, inPlanning) }
