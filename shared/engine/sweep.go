package engine

import (
	"aftercare/shared/decide"
	"context"
	"fmt"
	"sync"
	"time"
)

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
	s, err := h.handle(ctx, decide.WakeUp{})
	if err != nil {
		return h.out, err
	}
	now := e.Now()
	if due := decide.Due(s, h.control, e.Policy, now); !due.IsZero() {
		next := e.Policy.Ceil(decide.Later(due, now.Add(time.Nanosecond)))
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
