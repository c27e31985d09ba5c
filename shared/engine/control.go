package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aftercare/shared/decide"
)

// controlAge is how old the stops and breakers may be that a claim relies on, and
// how long reading them may take.
const controlAge = 5 * time.Second

// switches are the stops and breakers as an invocation read them last. All its
// instances share them.
type switches struct {
	mu      sync.Mutex
	control decide.Control
	at      time.Time // zero: not read yet
	why     string    // they could not be read
	// reading is closed when the read under way has ended; nil if nobody reads.
	reading chan struct{}
}

// readControl makes the handling use the invocation's stops and breakers. It
// reads them if that has not happened yet, or too long ago. An outage must leave
// time for a commit.
func (h *handling) readControl(ctx context.Context, maxAge time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, min(controlAge, h.deadline.Sub(h.Now())/4))
	defer cancel()
	s := &h.switches
	for {
		s.mu.Lock()
		fresh, reading := !s.at.IsZero() && h.Now().Sub(s.at) <= maxAge, s.reading
		h.control, h.controlAt = s.control, s.at
		why := s.why
		if !fresh && reading == nil {
			s.reading = make(chan struct{})
		}
		s.mu.Unlock()
		switch {
		case fresh && why != "":
			h.note("stops and breakers unknown", why)
			return
		case fresh:
			return
		case reading == nil:
			h.readSwitches(ctx)
			maxAge = anyAge
			continue
		}
		select {
		case <-reading:
		case <-ctx.Done():
			h.control, h.controlAt = decide.Control{Unread: true}, h.Now()
			h.note("stops and breakers unknown", "the time is up")
			return
		}
	}
}

// readSwitches reads the stops and breakers for all who wait for them.
func (e *Engine) readSwitches(ctx context.Context) {
	s := &e.switches
	now := e.Now()
	c, err := func() (c decide.Control, err error) {
		defer Recovered(&err)
		return e.Shared.Control(ctx)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.reading)
	s.reading = nil
	s.control, s.at, s.why = c, now, ""
	if err != nil {
		s.control, s.why = decide.Control{Unread: true}, err.Error()
	}
}

// load reads the instance's state and, at the same time, stops and breakers if
// this handling does not know them.
func (h *handling) load(ctx context.Context) (decide.State, error) {
	var reading sync.WaitGroup
	defer reading.Wait() // also after a panic
	if h.controlAt.IsZero() {
		reading.Go(func() { h.readControl(ctx, anyAge) })
	}
	s, err := h.Ledger.Load(ctx, h.instanceID)
	if err != nil {
		return s, fmt.Errorf("load instance %s: %w", h.instanceID, err)
	}
	return s, nil
}

// anyAge is more than any invocation lasts.
const anyAge = 24 * time.Hour
