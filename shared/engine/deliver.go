package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"aftercare/shared/decide"
)

// span is the time for messages, which begins with the first of them.
type span struct {
	mu  sync.Mutex
	end time.Time
}

func (s *span) over(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.end.IsZero() && !now.Before(s.end)
}

// left is how much of it is left.
func (s *span) left(now time.Time, all time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end.IsZero() {
		s.end = now.Add(all)
	}
	return s.end.Sub(now)
}

// deliverAll delivers messages beside one another.
func (h *handling) deliverAll(ctx context.Context, messages []decide.Message) []decide.Delivery {
	ctx, cancel := context.WithTimeout(ctx, h.delivering.left(h.Now(), h.Policy.MessageTime))
	defer cancel()
	out := make([]decide.Delivery, len(messages))
	var delivering sync.WaitGroup
	by := messenger{h.Engine, h.instanceID, h.control}
	for i, m := range messages {
		h.done[claimed{m.Row(), m.Claim.Commit}] = true
		h.out.Performed++
		delivering.Go(func() { out[i] = by.deliver(ctx, m) })
	}
	delivering.Wait()
	return out
}

// messenger delivers the messages of one instance.
type messenger struct {
	*Engine
	instanceID string
	control    decide.Control
}

func (n messenger) deliver(ctx context.Context, m decide.Message) decide.Delivery {
	r := decide.Delivery{Row: m.Row(), Commit: m.Claim.Commit}
	err := func() (err error) {
		defer Recovered(&err) // it must not end the process
		switch m.Kind {
		case decide.MessageAlert:
			if err = n.Inbox.Post(ctx, m.Key, m.Rev, *m.Alert); err == nil {
				n.urgent.note(*m.Alert)
			}
		case decide.MessageCount:
			r.Breaker, err = n.countFailure(ctx, m)
		case decide.MessageClose:
			_, err = n.Shared.CloseBreaker(ctx, m.Fleet.Flow, m.Fleet.Breaker.Key)
		}
		return err
	}()
	if err != nil {
		r.Err, r.Paced = err.Error(), errors.Is(err, ErrThrottled)
	}
	return r
}

// countFailure counts a failed run for its flow's breaker, and returns the
// breaker if this opened it. It may be repeated: a failure is counted once, and
// the breaker's key shows what opened it.
func (n messenger) countFailure(ctx context.Context, m decide.Message) (*decide.Breaker, error) {
	f := m.Fleet
	if b, ok := n.control.Breakers[f.Flow]; ok && b.Key == m.Key {
		return &b, nil // opened by an earlier try whose result was lost
	}
	now := n.Now() // a sweep may count it long after it happened
	failures, err := n.Shared.CountFailure(ctx, decide.FleetFailure{
		Flow: f.Flow, RunID: f.RunID, InstanceID: n.instanceID, At: f.At,
	}, f.Since(n.control, now))
	if err != nil || failures < f.Limit.MaxFailures {
		return nil, err
	}
	b, err := n.Shared.OpenBreaker(ctx, f.Opens(m.Key, failures, now))
	if err != nil || b.Key != m.Key {
		return nil, err
	}
	return &b, nil
}
