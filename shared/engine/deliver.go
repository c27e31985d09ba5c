package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"aftercare/shared/decide"
)

// deliverAll delivers messages beside one another. All messages of one
// invocation share the policy's MessageTime.
func (h *handling) deliverAll(ctx context.Context, messages []decide.Message) []decide.Delivery {
	if h.delivering.IsZero() {
		h.delivering = h.Now().Add(h.Policy.MessageTime)
	}
	ctx, cancel := context.WithTimeout(ctx, h.delivering.Sub(h.Now()))
	defer cancel()
	out := make([]decide.Delivery, len(messages))
	var delivering sync.WaitGroup
	for i, m := range messages {
		h.done[claimed{m.Row(), m.Claim.Commit}] = true
		h.out.Performed++
		delivering.Go(func() { out[i] = h.deliver(ctx, m) })
	}
	delivering.Wait()
	return out
}

func (h *handling) deliver(ctx context.Context, m decide.Message) (r decide.Delivery) {
	r = decide.Delivery{Row: m.Row(), Commit: m.Claim.Commit}
	defer func() {
		if p := recover(); p != nil { // it must not end the process
			r.Err = fmt.Sprintf("panic of type %T", p)
		}
	}()
	var err error
	switch m.Kind {
	case decide.MessageAlert:
		err = h.Notifier.Notify(ctx, *m.Alert)
	case decide.MessageCount:
		r.Breaker, err = h.countFailure(ctx, m)
	case decide.MessageClose:
		_, err = h.Shared.CloseBreaker(ctx, m.Fleet.Flow, m.Fleet.Breaker.Key)
	}
	if err != nil {
		r.Err, r.Paced = err.Error(), errors.Is(err, ErrThrottled)
	}
	return r
}

// countFailure counts a failed run for its flow's breaker, and returns the
// breaker if this opened it. It may be repeated: a failure is counted once, and
// the breaker's key shows what opened it.
func (h *handling) countFailure(ctx context.Context, m decide.Message) (*decide.Breaker, error) {
	f := m.Fleet
	if b, ok := h.control.Breakers[f.Flow]; ok && b.Key == m.Key {
		return &b, nil // opened by an earlier try whose result was lost
	}
	now := h.Now()
	// The window ends with this failure, which a sweep may count long after.
	n, err := h.Shared.CountFailure(ctx, decide.FleetFailure{
		Flow: f.Flow, RunID: f.RunID, InstanceID: h.instanceID, At: f.At,
	}, f.At.Add(-f.Limit.Window.D()))
	if err != nil || n < f.Limit.MaxFailures {
		return nil, err
	}
	b, err := h.Shared.OpenBreaker(ctx, decide.Breaker{
		Flow: f.Flow, Key: m.Key, OpenedAt: now, ResumeAt: now.Add(f.Limit.ResumeAfter.D()), Failures: n,
	})
	if err != nil || b.Key != m.Key {
		return nil, err
	}
	return &b, nil
}
