package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aftercare/shared/decide"
)

// controlAge is how old the pauses and breakers may be that a claim relies on.
const controlAge = 5 * time.Second

// switches are the pauses and breakers as an invocation read them last. All its
// instances share them.
type switches struct {
	mu      sync.Mutex
	control decide.Control
	at      time.Time // zero: not read yet
	// reading is closed when the read under way has ended; nil if nobody reads.
	reading chan struct{}
}

// readControl makes the handling use the invocation's pauses and breakers. It
// reads them if that has not happened yet, or too long ago. Without them no
// decision is made: an unread pause would stop nothing.
func (h *handling) readControl(ctx context.Context, maxAge time.Duration) error {
	s := &h.switches
	for {
		s.mu.Lock()
		fresh, reading := !s.at.IsZero() && h.Now().Sub(s.at) <= maxAge, s.reading
		h.control, h.controlAt = s.control, s.at
		if !fresh && reading == nil {
			s.reading = make(chan struct{})
		}
		s.mu.Unlock()
		switch {
		case fresh:
			return nil
		case reading == nil:
			return h.readSwitches(ctx)
		}
		select {
		case <-reading:
		case <-ctx.Done():
			return fmt.Errorf("read pauses and breakers: the time is up: %w", ErrUnavailable)
		}
	}
}

// readSwitches reads the pauses and breakers for all who wait for them.
func (h *handling) readSwitches(ctx context.Context) (err error) {
	s := &h.switches
	now := h.Now()
	var c decide.Control
	defer func() { // also after a panic
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.reading)
		s.reading = nil
	}()
	if c, err = h.Shared.Control(ctx); err != nil {
		return fmt.Errorf("read pauses and breakers: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control, s.at = c, now
	h.control, h.controlAt = c, now
	return nil
}

// load reads the instance's state and, at the same time, pauses and breakers if
// there are flows and this handling does not know them. Without flows it reads
// them if the state has runs or failures of a version that had flows.
func (h *handling) load(ctx context.Context) (decide.State, error) {
	reading := h.startControl(ctx)
	defer func() { <-reading }() // also after a panic
	s, err := h.Ledger.Load(ctx, h.instanceID)
	err = errors.Join(err, <-reading)
	if err == nil && h.controlAt.IsZero() && (len(s.Runs) > 0 || s.UpdatesBreaker()) {
		err = h.readControl(ctx, anyAge)
	}
	if err != nil {
		return s, fmt.Errorf("load instance %s: %w", h.instanceID, err)
	}
	return s, nil
}

// anyAge is more than any invocation lasts.
const anyAge = 24 * time.Hour

// startControl starts reading the control if there are flows. The channel
// receives the only error, then closes.
func (h *handling) startControl(ctx context.Context) <-chan error {
	reading := make(chan error, 1)
	if h.Policy.Flows.Len() == 0 || !h.controlAt.IsZero() {
		close(reading)
		return reading
	}
	go func() {
		defer close(reading)
		reading <- func() (err error) {
			defer Recovered(&err) // it must not end the process
			return h.readControl(ctx, anyAge)
		}()
	}()
	return reading
}
