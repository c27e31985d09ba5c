package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Delivery is one event on its way to the target of one rule.
type Delivery struct {
	Bus  string
	Rule string
	// Target is the target's Id.
	Target string
	// Event is the complete event, stamped, before any transform.
	Event []byte
	// Copy is 1, or more for the duplicates of Options.Duplicate.
	Copy int
}

// task is a delivery with its progress, as the journal keeps it.
type task struct {
	Bus       string
	Rule      string
	Target    string
	Event     json.RawMessage
	Copy      int
	Attempts  int    // failed ones
	LastError string `json:",omitempty"`
	Trace     uint64 // the number of the event's trace

	seq uint64
	// running means that a goroutine delivers it; parked, that none does until
	// its rule exists or its target is unblocked. Server.mu guards both.
	running, parked bool
	// tried is closed after the first attempt.
	tried chan struct{}
	once  sync.Once // closes tried
}

func (t *task) markTried() { t.once.Do(func() { close(t.tried) }) }

func (t *task) delivery() Delivery {
	return Delivery{Bus: t.Bus, Rule: t.Rule, Target: t.Target, Event: t.Event, Copy: t.Copy}
}

// accept stores an event for every rule that it matches, then starts to deliver
// it.
func (s *Server) accept(bus string, e event) error {
	raw, err := e.encode()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	on := s.buses[bus]
	if on == nil {
		return notFound(codeNoBus, "the event bus %q does not exist", bus)
	}
	traced := s.newTrace(bus, e, raw)
	var tasks []*task
	for _, r := range on.rules {
		st := r.visible()
		if st.spec.Status != statusEnabled {
			continue
		}
		matches, err := st.pattern.Match(raw)
		if err != nil {
			return fmt.Errorf("rule %s: %w", r.name, err)
		}
		if !matches {
			continue
		}
		traced.Rules = append(traced.Rules, r.name)
		for _, to := range st.targets {
			for i := 1; i <= s.opt.Duplicate; i++ {
				s.last++
				tasks = append(tasks, &task{Bus: bus, Rule: r.name, Target: to.spec.ID, Event: raw, Copy: i, seq: s.last, tried: make(chan struct{})})
			}
		}
	}
	if err := s.journal.accept(traced, traced.steps(), tasks); err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	for _, t := range tasks {
		s.tasks[t.seq] = t
		if !s.hold(t) {
			s.launch(t)
		}
	}
	return nil
}

// resume loads the deliveries that an earlier server did not finish. They start
// when their rule is made.
func (s *Server) resume() error {
	tasks, err := s.journal.load()
	if err != nil {
		return err
	}
	for _, t := range tasks {
		t.tried, t.parked = make(chan struct{}), true
		s.tasks[t.seq] = t
		s.last = max(s.last, t.seq)
	}
	return nil
}

// launch delivers t in a goroutine; the caller holds mu.
func (s *Server) launch(t *task) {
	if s.closed || t.running {
		return
	}
	t.running, t.parked = true, false
	s.work.Go(func() { s.run(t) })
}

// unpark continues the parked deliveries of a rule; the caller holds mu.
func (s *Server) unpark(bus, rule string) {
	for _, t := range s.tasks {
		if t.parked && t.Bus == bus && t.Rule == rule {
			s.launch(t)
		}
	}
}

// route returns the rule and target of a delivery as they are now. It returns none
// if the delivery is over or parked.
func (s *Server) route(t *task) (*rule, *target) {
	s.mu.Lock()
	r := s.ruleOf(t.Bus, t.Rule)
	var to *target
	if r != nil {
		to = r.visible().target(t.Target)
	}
	blocked := to != nil && to.blocked
	s.mu.Unlock()
	switch {
	case to == nil:
		s.finish(t) // a call deleted the rule or the target
		return nil, nil
	case blocked:
		s.park(t, to)
		return nil, nil
	}
	return r, to
}

// park leaves a delivery until its target, which it blocks, is replaced.
func (s *Server) park(t *task, to *target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.blocked, t.running, t.parked = true, false, true
	s.signal()
}

// run tries a delivery until it succeeds, it gives up, or the server closes.
func (s *Server) run(t *task) {
	defer t.markTried()
	if s.opt.Delay != nil && !s.pause(s.opt.Delay(t.delivery())) {
		return
	}
	for {
		r, to := s.route(t)
		if to == nil {
			return
		}
		select {
		case r.slots <- struct{}{}:
		case <-s.life.Done():
			return
		}
		begin := time.Now()
		err := s.attempt(t, to)
		<-r.slots
		if s.life.Err() != nil && err != nil {
			return // it failed because the server closes
		}
		t.markTried()
		traced := s.pushed(t, to, begin, err)
		if err == nil {
			// If this fails, a restart delivers it again.
			_ = s.journal.delivered(t, traced)
			s.forget(t)
			return
		}
		t.Attempts++
		t.LastError = err.Error()
		// If storing the count fails, a restart counts anew.
		_ = s.journal.tried(t, traced)
		wait, again := to.retry().Delay(t.Attempts, s.opt.Chance())
		switch {
		case !again && to.spec.ErrorsTolerance == tolerateNone:
			s.park(t, to)
			return
		case !again:
			s.giveUp(t, to)
			s.finish(t)
			return
		}
		if !s.pause(time.Duration(float64(wait) * s.opt.Scale)) {
			return
		}
	}
}

func (s *Server) attempt(t *task, to *target) error {
	payload, err := to.payload(t.Event)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.life, s.opt.DeliveryTimeout)
	defer cancel()
	return to.deliver(ctx, payload)
}

// finish ends a delivery that did not succeed.
func (s *Server) finish(t *task) {
	// If removing it fails, a restart delivers it again.
	_ = s.journal.remove(t)
	s.forget(t)
}

func (s *Server) forget(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tasks, t.seq)
	s.signal()
}

// pause waits, and reports false if the server closed meanwhile.
func (s *Server) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.life.Done():
		return false
	}
}
