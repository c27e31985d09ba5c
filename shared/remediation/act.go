package remediation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aftercare/shared/event"
)

// perform does the effects and commits their results. Commands are sent one
// after another, in order; alerts and updates of breakers go beside them, and
// no command's result waits for those.
func (h *handling) perform(ctx context.Context, s State, effects []Effect) (State, bool, error) {
	actCtx, cancel := context.WithTimeout(ctx, h.deadline.Add(-h.reserve).Sub(h.Now()))
	defer cancel()

	alerts := make(chan Result, len(effects))
	var delivering sync.WaitGroup
	defer delivering.Wait()
	pending := 0
	var results []Result
	blocked := Result{}
	for _, e := range effects {
		h.done[claimed{e.Key, e.Claim.Commit}] = true
		h.out.Performed++
		switch {
		case e.Kind == EffectAlert:
			pending++
			delivering.Go(func() { alerts <- h.deliver(actCtx, e) })
		case e.Fleet != nil:
			pending++
			delivering.Go(func() { alerts <- h.updateBreaker(actCtx, e) })
		case e.Kind == EffectStop:
			results = append(results, h.stop(actCtx, s.Tasks[e.TaskID], e))
		case blocked.Kind != "":
			// The commands behind one that could not be sent keep their place.
			results = append(results, Result{Key: e.Key, Commit: e.Claim.Commit, Kind: blocked.Kind, Reason: blocked.Reason})
		default:
			t := s.Tasks[e.TaskID]
			r := h.send(actCtx, t, e)
			if !t.Cancel && (r.Kind == ResultThrottled || r.Kind == ResultQuota || r.Kind == ResultNotSent) {
				blocked = r
			}
			results = append(results, r)
		}
	}
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
func drain(alerts <-chan Result, results []Result, pending int) ([]Result, int) {
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
func (h *handling) send(ctx context.Context, t Task, e Effect) Result {
	r := Result{Key: e.Key, Commit: e.Claim.Commit}
	if !e.PriorSent.IsZero() {
		inv, err := h.Commander.FindByToken(ctx, h.instanceID, e.Key)
		late := h.Now().Sub(e.PriorSent) > h.Policy.SendWindow
		switch {
		case err != nil && !(late && permanent(err)):
			r = r.failed(err)
			if r.Kind == ResultInvalid {
				// Cloud Assistant refused the question, not the command.
				r.Kind = ResultNotSent
			}
			return r
		case inv != nil:
			return r.done(inv.InvokeID)
		case late:
			r.Kind, r.Reason = ResultGivenUp, "first sent too long ago"
			return r
		}
	}
	if t.Cancel {
		r.Kind, r.Reason = ResultNotSent, "it was cancelled, and Cloud Assistant has no run of it"
		return r
	}
	if !h.Sends.take(h.Now()) {
		r.Kind, r.Reason = ResultThrottled, "this function instance has used up its sends for this minute"
		return r
	}
	id, err := h.Commander.Send(ctx, Send{
		InstanceID: h.instanceID, TaskID: t.ID, Token: e.Key, Command: t.Command,
	})
	switch {
	case err == nil:
		return r.done(id)
	case errors.Is(err, ErrAcceptedBefore):
		inv, findErr := h.Commander.FindByToken(ctx, h.instanceID, e.Key)
		if findErr == nil && inv != nil {
			return r.done(inv.InvokeID)
		}
		r.Kind, r.Reason, r.MaybeSent = ResultUnknown, err.Error(), true
		return r
	}
	return r.failed(err)
}

// permanent reports whether retrying the question cannot help.
func permanent(err error) bool {
	return errors.Is(err, ErrInvalid) || errors.Is(err, ErrDenied)
}

func (h *handling) stop(ctx context.Context, t Task, e Effect) Result {
	r := Result{Key: e.Key, Commit: e.Claim.Commit}
	if err := h.Commander.Stop(ctx, h.instanceID, t.InvokeID); err != nil {
		return r.failed(err)
	}
	return r.done("")
}

// deliver sends an alert within the policy's AlertTime.
func (h *handling) deliver(ctx context.Context, e Effect) Result {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.AlertTime)
	defer cancel()
	r := Result{Key: e.Key, Commit: e.Claim.Commit}
	if err := h.Notifier.Notify(ctx, *e.Alert); err != nil {
		r.Kind, r.Reason = ResultNotSent, err.Error()
		return r
	}
	return r.done("")
}

// updateBreaker counts a failed run for its flow's breaker, or closes a breaker
// that has expired. It may be repeated: a failure is counted once, and the
// breaker's key shows who opened it.
func (h *handling) updateBreaker(ctx context.Context, e Effect) Result {
	r := Result{Key: e.Key, Commit: e.Claim.Commit}
	f := e.Fleet
	if e.Kind == EffectClose {
		if _, err := h.Shared.CloseBreaker(ctx, f.Flow, f.Breaker.Key); err != nil {
			r.Kind, r.Reason = ResultNotSent, err.Error()
			return r
		}
		return r.done("")
	}
	if b, ok := h.control.Breakers[f.Flow]; ok && b.Key == e.Key {
		r.Breaker = &b // opened by an earlier try whose result was lost
		return r.done("")
	}
	now := h.Now()
	// The window ends with this failure, which a sweep may count long after.
	n, err := h.Shared.CountFailure(ctx, FleetFailure{
		Flow: f.Flow, RunID: f.RunID, InstanceID: h.instanceID, At: f.At,
	}, f.At.Add(-f.Limit.Window.D()))
	if err == nil && n >= f.Limit.MaxFailures {
		var b Breaker
		b, err = h.Shared.OpenBreaker(ctx, Breaker{
			Flow: f.Flow, Key: e.Key, OpenedAt: now, ResumeAt: now.Add(f.Limit.ResumeAfter.D()), Failures: n,
		})
		if err == nil && b.Key == e.Key {
			r.Breaker = &b
		}
	}
	if err != nil {
		r.Kind, r.Reason = ResultNotSent, err.Error()
		return r
	}
	return r.done("")
}

func (r Result) done(invokeID string) Result {
	r.Kind, r.InvokeID = ResultDone, invokeID
	return r
}

// failed sets the kind of result that an error of the Commander stands for.
func (r Result) failed(err error) Result {
	r.Reason = err.Error()
	r.MaybeSent = errors.Is(err, ErrUnknownOutcome)
	switch {
	case errors.Is(err, ErrInvalid) && !r.MaybeSent:
		r.Kind = ResultInvalid
	case errors.Is(err, ErrThrottled):
		r.Kind = ResultThrottled
	case errors.Is(err, ErrQuotaExceeded):
		r.Kind = ResultQuota
	case r.MaybeSent:
		r.Kind = ResultUnknown
	default:
		r.Kind = ResultNotSent
	}
	return r
}

// ended reports whether the invocation has reached a final status.
func (i Invocation) ended() bool {
	switch i.Status {
	case "", "Pending", "Running", "Stopping", "Scheduled":
		return false
	}
	return true
}

// event returns the TaskCompleted event of an ended invocation.
func (i Invocation) event(instanceID string) event.TaskCompleted {
	return event.TaskCompleted{
		Envelope:   event.Envelope{Kind: event.KindTaskCompleted, Time: i.FinishTime},
		InstanceID: instanceID, InvokeID: i.InvokeID, CommandID: i.CommandID, CommandName: i.CommandName,
		Status: event.Status(i.Status), ExitCode: i.ExitCode, ErrorCode: i.ErrorCode, ErrorDesc: i.ErrorDesc,
		RepeatMode: i.RepeatMode, Repeats: i.Repeats, StartTime: i.StartTime, FinishTime: i.FinishTime,
	}
}

// SendCap caps how many commands one function instance sends in a minute,
// because the service's quota is shared with the console and other tools. It
// is safe for concurrent use; nil caps nothing.
type SendCap struct {
	PerMinute int

	mu     sync.Mutex
	minute time.Time
	sent   int
}

func (c *SendCap) take(now time.Time) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := now.Truncate(time.Minute); !m.Equal(c.minute) {
		c.minute, c.sent = m, 0
	}
	if c.sent >= c.PerMinute {
		return false
	}
	c.sent++
	return true
}

// Sweep is what a sweep did.
type Sweep struct {
	Woken, Failed int
	// Outcomes are those of the instances that the sweep acted on.
	Outcomes []Outcome
	// Complete is false if time ran out before every due wake-up was handled.
	Complete bool
}

// Sweep handles every wake-up that is due, several at once, while time
// allows. It removes a wake-up only after a load that showed no work that
// needs one, or after it armed the next one. One that failed stays for the
// next sweep and does not hold up the others.
func (e *Engine) Sweep(ctx context.Context, parallel int) (Sweep, error) {
	var (
		mu     sync.Mutex
		result = Sweep{Complete: true}
		trial  = e.newHandling(ctx, "")
	)
	limit := make(chan struct{}, parallel)
	var working sync.WaitGroup
	err := e.Ledger.Due(ctx, e.Now(), func(page []Wakeup) bool {
		for _, w := range page {
			if e.Now().Add(2 * trial.reserve).After(trial.deadline) {
				result.Complete = false
				return false
			}
			limit <- struct{}{}
			working.Go(func() {
				defer func() { <-limit }()
				out, err := e.wake(ctx, w)
				mu.Lock()
				defer mu.Unlock()
				result.Woken++
				if err != nil {
					result.Failed++
					out.Trouble = err
				}
				if err != nil || out.Performed > 0 || len(out.Notes) > 0 || out.Trouble != nil {
					result.Outcomes = append(result.Outcomes, out)
				}
			})
		}
		return true
	})
	working.Wait()
	if err != nil {
		return result, fmt.Errorf("list due wake-ups: %w", err)
	}
	return result, nil
}

// wake looks at one instance, and moves its wake-up to when work is due next.
// A panic fails that instance alone and does not end the sweep.
func (e *Engine) wake(ctx context.Context, w Wakeup) (out Outcome, err error) {
	h := e.newHandling(ctx, w.InstanceID)
	defer func() {
		if r := recover(); r != nil {
			out, err = h.out, fmt.Errorf("look at instance %s: panic of type %T", w.InstanceID, r)
		}
	}()
	s, err := h.handle(ctx, WakeUp{})
	if err != nil {
		return h.out, err
	}
	now := e.Now()
	if due := newDraft(s, Facts{Control: h.control}, e.Policy, Moment{Now: now}).wakeBy(); !due.IsZero() {
		next := e.Policy.ceil(later(due, now.Add(time.Nanosecond)))
		if at := s.Instance.WakeAt; !at.After(now) || at.After(next) {
			if err := e.Ledger.Arm(ctx, Wakeup{InstanceID: w.InstanceID, Due: next}); err != nil {
				return h.out, fmt.Errorf("arm the next wake-up of instance %s: %w", w.InstanceID, err)
			}
		}
	}
	if err := e.Ledger.Disarm(ctx, w); err != nil {
		return h.out, fmt.Errorf("remove a wake-up of instance %s: %w", w.InstanceID, err)
	}
	return h.out, nil
}
