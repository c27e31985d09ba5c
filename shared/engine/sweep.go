package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"aftercare/shared/decide"
)

// Sweep is what a sweep did.
type Sweep struct {
	// Woken counts the wake-ups that it handled, Failed those of them that
	// failed, and Waiting the others, whose commands still wait for room.
	Woken, Failed, Waiting int
	// Late is how long the oldest wake-up was overdue.
	Late time.Duration
	// Outcomes are those of the instances that the sweep acted on.
	Outcomes []Outcome
	// Repairs counts what it made good.
	Repairs decide.Repaired
	// Asked: so many of them were ends that were asked for, lately.
	Asked bool
	// Complete: every wake-up that was due was handled, and none failed or
	// waits.
	Complete bool
}

// perInstance is how long one instance may take of a sweep.
const perInstance = 10 * time.Second

// sweep is a sweep under way.
type sweep struct {
	*Engine
	last    time.Time // nothing is begun after it
	end     time.Time // the invocation's
	pace    *pace
	slots   chan struct{}
	working sync.WaitGroup
	hung    atomic.Bool // messages took all the time of an instance

	mu     sync.Mutex
	aside  []Wakeup // which wait for room, in the order in which they came
	result Sweep
}

// Sweep handles every wake-up that is due, several at once, while time allows.
// It removes a wake-up only after a load that showed no work that needs one, or
// after it armed the next one. One that failed is moved to a later minute, so
// that it is not the first of the next sweep. Sweep spreads its commands over its
// time: an instance whose commands find no room is put aside, and visited when
// there is some, by this sweep or a later one.
func (e *Engine) Sweep(ctx context.Context, parallel int) (Sweep, error) {
	s := e.newSweep(ctx, parallel)
	all := true
	err := e.Ledger.Due(ctx, e.Now(), func(page []Wakeup) bool {
		for _, w := range page {
			s.result.Late = max(s.result.Late, e.Now().Sub(w.Due))
			s.serve(ctx)
			if w.waits(s.Now()) {
				s.putAside(w)
			} else {
				w.Commands = 0
				all = all && s.begin(ctx, w)
			}
		}
		return all
	})
	if err == nil {
		s.finish(ctx)
	}
	s.working.Wait()
	s.countRepairs(ctx)
	if err != nil {
		return s.result, fmt.Errorf("sweep: %w", err)
	}
	s.result.Waiting = len(s.aside)
	s.result.Complete = all && s.result.Failed == 0 && s.result.Waiting == 0
	return s.result, nil
}

func (e *Engine) newSweep(ctx context.Context, parallel int) *sweep {
	h := e.newHandling(ctx, "")
	s := &sweep{Engine: e, last: h.deadline.Add(-h.reserve), end: h.deadline, slots: make(chan struct{}, parallel)}
	s.result.Repairs = decide.Repaired{}
	if e.Sends != nil {
		s.pace = &pace{each: max(1, s.last.Sub(e.Now())/time.Duration(e.Sends.PerMinute)), burst: e.Policy.Batch}
	}
	return s
}

// begin begins to visit an instance, and reports whether there was time for it.
func (s *sweep) begin(ctx context.Context, w Wakeup) bool {
	s.slots <- struct{}{}
	if s.Now().After(s.last) {
		<-s.slots
		return false
	}
	r := ration{cap: s.Sends, pace: s.pace}
	if w.Commands > 0 {
		r.granted, _ = r.cap.take(s.Now(), w.Commands, r.pace)
	} else {
		s.mu.Lock()
		r.open = len(s.aside) == 0 // those that wait come first
		s.mu.Unlock()
	}
	s.working.Go(func() {
		defer func() { <-s.slots }()
		s.visit(ctx, w, r)
	})
	return true
}

// serve begins the visits of instances that were put aside and for which there
// is room now.
func (s *sweep) serve(ctx context.Context) {
	for {
		w, at := s.next()
		if w == nil || at.After(s.Now()) {
			return
		}
		s.mu.Lock()
		s.aside = s.aside[1:]
		s.mu.Unlock()
		if !s.begin(ctx, *w) {
			s.putAside(*w)
			return
		}
	}
}

// next is the instance that has waited longest, and when there is room for it.
func (s *sweep) next() (*Wakeup, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.aside) == 0 {
		return nil, time.Time{}
	}
	w := s.aside[0]
	return &w, s.Sends.when(s.Now(), w.Commands, s.pace)
}

func (s *sweep) putAside(w Wakeup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside = append(s.aside, w)
}

// finish visits those that were put aside, as long as there will be room in time.
func (s *sweep) finish(ctx context.Context) {
	for idle := false; ; {
		s.serve(ctx)
		w, at := s.next()
		switch {
		case w == nil && idle:
			return
		case w == nil:
			s.working.Wait() // they may be put aside
			idle = true
			continue
		case at.After(s.last) || s.Now().After(s.last) || s.Sleep == nil:
			return
		}
		s.Sleep(ctx, at.Sub(s.Now()))
		idle = false
	}
}

// countRepairs counts what the sweep repaired, where all sweeps count it. If that
// fails, these repairs raise no alert.
func (s *sweep) countRepairs(ctx context.Context) {
	if len(s.result.Repairs) == 0 {
		return
	}
	out, err := s.Handle(ctx, decide.SweepID, s.result.Repairs)
	if err != nil {
		out.Trouble = err
	}
	s.result.Outcomes, s.result.Asked = append(s.result.Outcomes, out), out.Asked
}

// visit looks at an instance, and notes what became of it.
func (s *sweep) visit(ctx context.Context, w Wakeup, r ration) {
	defer s.wakeAlerts(ctx)
	out, waiting, err := s.wake(ctx, w, r)
	if err != nil {
		s.pushBack(ctx, w)
		out.Trouble = err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting == nil {
		s.result.Woken++
	} else {
		s.aside = append(s.aside, *waiting)
	}
	if err != nil {
		s.result.Failed++
	}
	for _, r := range out.Repairs {
		s.result.Repairs[r]++
	}
	if err != nil || out.Performed > 0 || len(out.Notes) > 0 || out.Trouble != nil {
		s.result.Outcomes = append(s.result.Outcomes, out)
	}
}

// wake looks at one instance, and moves its wake-up to when work is due next. If
// its commands find no room and some will come soon, wake leaves the wake-up, notes
// in it that they wait, and returns it. A panic fails that instance alone and does
// not end the sweep.
func (s *sweep) wake(ctx context.Context, w Wakeup, r ration) (out Outcome, waiting *Wakeup, err error) {
	ctx, cancel := context.WithTimeout(ctx, perInstance)
	defer cancel()
	h := s.newHandling(ctx, w.InstanceID)
	h.end = s.end
	h.ration = r
	defer func() {
		h.ration.end()
		out = h.out
	}()
	defer Recovered(&err)
	if err := h.take(ctx, decide.WakeUp{}); err != nil {
		return out, nil, err
	}
	h.out.Trouble = h.act(ctx, !s.hung.Load())
	if h.delivering.over(s.Now()) {
		s.hung.Store(true)
	}
	h.out.Left = len(h.state.Sends) + len(h.state.Messages)
	m := decide.Moment{Now: s.Now()}
	if h.short > 0 {
		if m.RoomAt = h.roomAt; m.RoomAt.Before(m.Now.Add(2 * s.Policy.Minute)) {
			later := h.forRoom(h.state, w.Due)
			if !w.waits(m.Now) {
				if err := s.Ledger.Arm(ctx, later); err != nil {
					return out, nil, fmt.Errorf("note in a wake-up of instance %s that it waits for room: %w", w.InstanceID, err)
				}
			}
			return out, &later, nil
		}
	}
	if due := decide.Due(h.state, h.control, s.Policy, m); !due.IsZero() {
		next := s.Policy.Ceil(decide.Later(due, m.Now.Add(time.Nanosecond)))
		if at := h.state.Instance.WakeAt; !at.After(m.Now) || at.After(next) {
			if err := s.Ledger.Arm(ctx, Wakeup{InstanceID: w.InstanceID, Due: next}); err != nil {
				return out, nil, fmt.Errorf("arm the next wake-up of instance %s: %w", w.InstanceID, err)
			}
		}
	}
	if err := s.Ledger.Disarm(ctx, w); err != nil {
		return out, nil, fmt.Errorf("remove a wake-up of instance %s: %w", w.InstanceID, err)
	}
	return out, nil, nil
}

// pushBack moves a wake-up that failed by a minute or two. If that fails, the
// wake-up stays.
func (s *sweep) pushBack(ctx context.Context, w Wakeup) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	later := Wakeup{InstanceID: w.InstanceID, Due: s.Policy.Ceil(s.Now().Add(s.Policy.Minute))}
	if s.Ledger.Arm(ctx, later) == nil {
		_ = s.Ledger.Disarm(ctx, w) // at worst there are two
	}
}
