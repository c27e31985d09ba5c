package decide

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// results applies the results of effects. It changes only what it finds: an end
// that arrived first has moved the task and removed the effect.
func (d *draft) results(in Results) {
	for i, r := range in.List {
		e, ok := d.Effects[r.Key]
		if !ok {
			continue
		}
		d.cause = "effect/" + e.Key
		t, hasTask := d.Tasks[e.TaskID]
		if d.full(expiryRows, d.endBytes(t)) {
			d.left = in.List[i:]
			break
		}
		switch {
		case r.Kind == ResultUnknown && e.Kind.sends():
			// The claim stays until it ends; then Cloud Assistant is asked.
		case r.Kind == ResultDone && e.Kind.sends():
			d.dropEffect(e.Key)
			if hasTask {
				d.sent(t, r.InvokeID)
			}
		case r.Kind == ResultDone:
			d.dropEffect(e.Key)
			d.breakerUpdated(e, r)
		case r.Kind == ResultInvalid && e.Kind.sends():
			d.dropEffect(e.Key)
			d.lose(t, e.Key, loss{TaskInvalid, AlertTaskInvalid, r.Reason, "A command was refused for good and will not run."})
		case e.Claim.Commit != r.Commit:
			// Another invocation has claimed it since, and settles it.
		case r.Kind == ResultGivenUp && t.Cancel:
			d.endTask(t, TaskCancelled, "cancelled; Cloud Assistant has no run of it")
		case r.Kind == ResultGivenUp && e.Kind.sends():
			d.dropEffect(e.Key)
			d.lose(t, e.Key, outcomeUnknown("It is not known whether a command ran, and it is too late to send it again."))
		case e.Fleet != nil && e.Tries >= d.p.AlertTries:
			d.dropEffect(e.Key)
			d.note("breaker of flow "+e.Fleet.Flow+" not updated", r.Reason)
		case e.Kind == EffectAlert && e.Tries >= d.p.AlertTries:
			d.dropEffect(e.Key)
			d.changes.LostAlerts = append(d.changes.LostAlerts, e)
			d.note("alert given up", r.Reason)
		default:
			d.putBack(e, t, r)
		}
	}
	d.keepOrder()
	d.matchLate()
	d.checkMore()
}

// breakerUpdated follows up an update of a breaker that opened or closed it.
func (d *draft) breakerUpdated(e Effect, r Result) {
	switch {
	case e.Kind == EffectCount && r.Breaker != nil:
		d.opened(*r.Breaker)
	case e.Kind == EffectClose:
		d.closed(*e.Fleet.Breaker)
	}
}

// keepOrder makes each command that was put back wait at least as long as the
// one to be sent before it.
func (d *draft) keepOrder() {
	var back []Effect
	for _, e := range d.Effects {
		if e.Kind.sends() && e.Claim == (Claim{}) && !d.Tasks[e.TaskID].Cancel {
			back = append(back, e)
		}
	}
	slices.SortFunc(back, d.inActOrder)
	for i := 1; i < len(back); i++ {
		if first := back[i-1].NotBefore; back[i].NotBefore.Before(first) {
			back[i].NotBefore = first
			d.setEffect(back[i])
		}
	}
}

// sent marks the task as running.
func (d *draft) sent(t Task, invokeID string) {
	timeout := 60 * time.Second
	if d := t.Command.Timeout(); d > 0 {
		timeout = d
	}
	t.State = TaskRunning
	t.InvokeID = invokeID
	t.EffectKey = ""
	t.Deadline = d.m.Now.Add(timeout + d.p.EndMargin)
	d.setTask(t)
	d.note("task "+t.ID+" running", "sent as "+invokeID)
	d.planStop(t)
}

// loss is how a task ends whose command can not, or must not, be sent.
type loss struct {
	state           TaskState
	kind            AlertKind
	reason, summary string
}

func outcomeUnknown(summary string) loss {
	return loss{TaskFailed, AlertOutcomeUnknown, "outcome_unknown", summary}
}

// lose ends a task, if there is one, with an alert about the owner.
func (d *draft) lose(t Task, owner string, l loss) {
	if t.ID == "" {
		return
	}
	d.endTask(t, l.state, l.reason)
	d.planAlert(Alert{
		Kind: l.kind, Summary: l.summary, CommandName: t.Name, TaskID: t.ID, ErrorCode: l.reason, At: d.m.Now,
	}, owner)
}

// putBack gives up the claim of an effect that was not sent, and sets when it
// may be claimed again. It cancels a command that was to be stopped and was
// never sent. It puts back a refused stop, too, because the service may not
// know yet what it has accepted; the task's end removes it.
func (d *draft) putBack(e Effect, t Task, r Result) {
	e.Claim = Claim{}
	if e.Kind.sends() && !r.MaybeSent {
		e.FirstSent = e.PriorSent
	}
	if e.Kind.sends() && t.Cancel && e.FirstSent.IsZero() {
		d.endTask(t, TaskCancelled, "cancelled before it was sent")
		return
	}
	switch r.Kind {
	case ResultThrottled:
		next := d.m.Now.Truncate(d.p.Minute).Add(d.p.Minute)
		e.NotBefore = next.Add(spread(d.Instance.ID, d.p.Minute/4))
	case ResultQuota:
		e.NotBefore = NextDay(d.m.Now).Add(spread(d.Instance.ID, 10*d.p.Minute))
	default:
		e.NotBefore = d.m.Now.Add(d.p.backoff(e.Tries))
	}
	d.setEffect(e)
	d.note("effect "+e.Key+" put back", string(r.Kind)+" "+r.Reason)
}

// checkMore notes if the results made work that can be done at once.
func (d *draft) checkMore() {
	open := d.Instance.Boot == BootBootable && d.blockedUntil().IsZero()
	if len(d.dueEffects()) > 0 || open && d.waiting() || d.anyReady() {
		d.more = true
	}
}

// spread derives a delay below limit from an instance's id, so that instances
// which wait for the same moment do not all come back at once.
func spread(instanceID string, limit time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(instanceID))
	return time.Duration(binary.BigEndian.Uint16(sum[:])) * limit / (1 << 16)
}

// chinaTime is the zone in whose days the service counts its daily quota.
var chinaTime = time.FixedZone("UTC+8", 8*60*60)

// NextDay is the start of the next day of the service's daily quota. That its
// days are those of UTC+8 is an assumption: the service does not say.
func NextDay(now time.Time) time.Time {
	y, m, day := now.In(chinaTime).Date()
	return time.Date(y, m, day+1, 0, 0, 0, 0, chinaTime).UTC()
}
