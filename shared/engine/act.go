package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"aftercare/shared/decide"
)

// perform does the effects and commits their results. Commands are sent one
// after another, in order; alerts and updates of breakers go beside them, and
// no command's result waits for those.
func (h *handling) perform(ctx context.Context, s decide.State, effects []decide.Effect) (decide.State, bool, error) {
	actCtx, cancel := context.WithTimeout(ctx, h.deadline.Add(-h.reserve).Sub(h.Now()))
	defer cancel()

	alerts := make(chan decide.Result, len(effects))
	var delivering sync.WaitGroup
	defer delivering.Wait()
	pending := 0
	var results []decide.Result
	blocked := decide.Result{}
	unused := 0 // room that was taken for commands that are not tried
	for _, e := range effects {
		h.done[claimed{e.Key, e.Claim.Commit}] = true
		h.out.Performed++
		t := s.Tasks[e.TaskID]
		switch {
		case e.Kind == decide.EffectAlert:
			pending++
			delivering.Go(func() { alerts <- h.deliver(actCtx, e) })
		case e.Fleet != nil:
			pending++
			delivering.Go(func() { alerts <- h.updateBreaker(actCtx, e) })
		case e.Kind == decide.EffectStop:
			results = append(results, h.stop(actCtx, t, e))
		case blocked.Kind != "":
			// The commands behind one that could not be sent keep their place.
			results = append(results, decide.Result{Key: e.Key, Commit: e.Claim.Commit, Kind: blocked.Kind, Reason: blocked.Reason})
			unused++
		default:
			sent := h.sent
			r := h.send(actCtx, t, e)
			if !t.Cancel && h.sent == sent {
				unused++
			}
			if !t.Cancel && (r.Kind == decide.ResultThrottled || r.Kind == decide.ResultQuota || r.Kind == decide.ResultNotSent) {
				blocked = r
			}
			results = append(results, r)
		}
	}
	h.ration.giveBack(unused)
	var more bool
	var trouble error
	if len(results) > 0 {
		results, pending = drain(alerts, results, pending)
		s, more, trouble = h.settle(ctx, s, results)
		results = nil
	}
	for ; pending > 0; pending-- {
		results = append(results, <-alerts)
	}
	if len(results) > 0 && trouble == nil {
		var again bool
		s, again, trouble = h.settle(ctx, s, results)
		more = more || again
	}
	return s, more, trouble
}

// drain takes the alerts' results that have already arrived.
func drain(alerts <-chan decide.Result, results []decide.Result, pending int) ([]decide.Result, int) {
	for pending > 0 {
		select {
		case r := <-alerts:
			results = append(results, r)
			pending--
		default:
			return results, pending
		}
	}
	return results, pending
}

// send sends a command. If an earlier claim may have sent it, send asks Cloud
// Assistant first. A cancelled command is only looked for.
func (h *handling) send(ctx context.Context, t decide.Task, e decide.Effect) decide.Result {
	r := decide.Result{Key: e.Key, Commit: e.Claim.Commit}
	if !e.PriorSent.IsZero() {
		inv, err := h.Commander.FindByToken(ctx, h.instanceID, e.Key)
		late := h.Now().Sub(e.PriorSent) > h.Policy.SendWindow
		switch {
		case err != nil && !(late && permanent(err)):
			r = failed(r, err)
			if r.Kind == decide.ResultInvalid {
				// Cloud Assistant refused the question, not the command.
				r.Kind = decide.ResultNotSent
			}
			return r
		case inv != nil:
			return done(r, inv.InvokeID)
		case late:
			r.Kind, r.Reason = decide.ResultGivenUp, "first sent too long ago"
			return r
		}
	}
	if t.Cancel {
		r.Kind, r.Reason = decide.ResultNotSent, "it was cancelled, and Cloud Assistant has no run of it"
		return r
	}
	if h.Sends.isClosed(h.Now()) {
		r.Kind, r.Reason = decide.ResultThrottled, "the service refused another command of this function instance"
		return r
	}
	h.sent++
	id, err := h.Commander.Send(ctx, Send{
		InstanceID: h.instanceID, TaskID: t.ID, Token: e.Key, Command: t.Command,
	})
	switch {
	case err == nil:
		return done(r, id)
	case errors.Is(err, ErrThrottled):
		h.Sends.close(h.nextMinute())
	case errors.Is(err, ErrQuotaExceeded):
		h.Sends.close(decide.NextDay(h.Now()))
	case errors.Is(err, ErrAcceptedBefore):
		inv, findErr := h.Commander.FindByToken(ctx, h.instanceID, e.Key)
		if findErr == nil && inv != nil {
			return done(r, inv.InvokeID)
		}
		r.Kind, r.Reason, r.MaybeSent = decide.ResultUnknown, err.Error(), true
		return r
	}
	return failed(r, err)
}

// nextMinute is when the service's next minute has begun for certain: its clock
// may be a little behind this one.
func (h *handling) nextMinute() time.Time {
	minute := h.Policy.Minute
	return h.Now().Truncate(minute).Add(minute + minute/60)
}

// permanent reports whether retrying the question cannot help.
func permanent(err error) bool {
	return errors.Is(err, ErrInvalid) || errors.Is(err, ErrDenied)
}

func (h *handling) stop(ctx context.Context, t decide.Task, e decide.Effect) decide.Result {
	r := decide.Result{Key: e.Key, Commit: e.Claim.Commit}
	if err := h.Commander.Stop(ctx, h.instanceID, t.InvokeID); err != nil {
		return failed(r, err)
	}
	return done(r, "")
}

// deliver sends an alert within the policy's AlertTime.
func (h *handling) deliver(ctx context.Context, e decide.Effect) decide.Result {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.AlertTime)
	defer cancel()
	r := decide.Result{Key: e.Key, Commit: e.Claim.Commit}
	if err := h.Notifier.Notify(ctx, *e.Alert); err != nil {
		r.Kind, r.Reason = decide.ResultNotSent, err.Error()
		return r
	}
	return done(r, "")
}

// updateBreaker counts a failed run for its flow's breaker, or closes a breaker
// that has expired. It may be repeated: a failure is counted once, and the
// breaker's key shows who opened it.
func (h *handling) updateBreaker(ctx context.Context, e decide.Effect) decide.Result {
	r := decide.Result{Key: e.Key, Commit: e.Claim.Commit}
	f := e.Fleet
	if e.Kind == decide.EffectClose {
		if _, err := h.Shared.CloseBreaker(ctx, f.Flow, f.Breaker.Key); err != nil {
			r.Kind, r.Reason = decide.ResultNotSent, err.Error()
			return r
		}
		return done(r, "")
	}
	if b, ok := h.control.Breakers[f.Flow]; ok && b.Key == e.Key {
		r.Breaker = &b // opened by an earlier try whose result was lost
		return done(r, "")
	}
	now := h.Now()
	// The window ends with this failure, which a sweep may count long after.
	n, err := h.Shared.CountFailure(ctx, decide.FleetFailure{
		Flow: f.Flow, RunID: f.RunID, InstanceID: h.instanceID, At: f.At,
	}, f.At.Add(-f.Limit.Window.D()))
	if err == nil && n >= f.Limit.MaxFailures {
		var b decide.Breaker
		b, err = h.Shared.OpenBreaker(ctx, decide.Breaker{
			Flow: f.Flow, Key: e.Key, OpenedAt: now, ResumeAt: now.Add(f.Limit.ResumeAfter.D()), Failures: n,
		})
		if err == nil && b.Key == e.Key {
			r.Breaker = &b
		}
	}
	if err != nil {
		r.Kind, r.Reason = decide.ResultNotSent, err.Error()
		return r
	}
	return done(r, "")
}

func done(r decide.Result, invokeID string) decide.Result {
	r.Kind, r.InvokeID = decide.ResultDone, invokeID
	return r
}

// failed sets the kind of result that an error of the Commander stands for.
func failed(r decide.Result, err error) decide.Result {
	r.Reason = err.Error()
	r.MaybeSent = errors.Is(err, ErrUnknownOutcome)
	switch {
	case errors.Is(err, ErrInvalid) && !r.MaybeSent:
		r.Kind = decide.ResultInvalid
	case errors.Is(err, ErrThrottled):
		r.Kind = decide.ResultThrottled
	case errors.Is(err, ErrQuotaExceeded):
		r.Kind = decide.ResultQuota
	case r.MaybeSent:
		r.Kind = decide.ResultUnknown
	default:
		r.Kind = decide.ResultNotSent
	}
	return r
}
