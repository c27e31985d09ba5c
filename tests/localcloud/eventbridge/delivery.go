package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Delivery is one event on its way to the target of one rule.
type Delivery struct {
	Bus  string
	Rule string
	// Event is the complete event, stamped, before any transform.
	Event []byte
	// Copy is 1, or more for the duplicates of Options.Duplicate.
	Copy int
}

// task is a delivery with its progress, as the journal keeps it.
type task struct {
	Bus       string
	Rule      string
	Event     json.RawMessage
	Copy      int
	Attempts  int    // failed ones
	LastError string `json:",omitempty"`

	seq uint64
	// running means that a goroutine delivers it; guarded by Server.mu.
	running bool
	// tried is closed after the first attempt of this goroutine.
	tried chan struct{}
}

func (t *task) delivery() Delivery {
	return Delivery{Bus: t.Bus, Rule: t.Rule, Event: t.Event, Copy: t.Copy}
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
	var tasks []*task
	for _, r := range s.buses[bus] {
		matches, err := r.pattern.Match(raw)
		if err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
		for i := 1; matches && i <= s.opt.Duplicate; i++ {
			s.last++
			tasks = append(tasks, &task{Bus: bus, Rule: r.Name, Event: raw, Copy: i, seq: s.last, tried: make(chan struct{})})
		}
	}
	if err := s.journal.put(tasks...); err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	for _, t := range tasks {
		s.tasks[t.seq] = t
		if !s.hold(t) {
			s.launch(t, s.ruleOf(t.Bus, t.Rule))
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
		t.tried = make(chan struct{})
		s.tasks[t.seq] = t
		s.last = max(s.last, t.seq)
	}
	return nil
}

// launch delivers t in a goroutine; the caller holds mu.
func (s *Server) launch(t *task, r *rule) {
	if s.closed || t.running {
		return
	}
	t.running = true
	s.work.Go(func() { s.run(t, r) })
}

// run tries a delivery until it succeeds, it gives up, or the server closes.
func (s *Server) run(t *task, r *rule) {
	if s.opt.Delay != nil && !s.pause(s.opt.Delay(t.delivery())) {
		return
	}
	for first := true; ; first = false {
		select {
		case r.slots <- struct{}{}:
		case <-s.life.Done():
			return
		}
		err := s.attempt(t, r)
		<-r.slots
		if s.life.Err() != nil && err != nil {
			return // it failed because the server closes
		}
		if first {
			close(t.tried)
		}
		if err == nil {
			s.finish(t)
			return
		}
		t.Attempts++
		t.LastError = err.Error()
		wait, again := r.Retry.Delay(t.Attempts, s.opt.Chance())
		if !again {
			s.letters.add(DeadLetter{
				Time: s.opt.Now().UTC(), Bus: t.Bus, Rule: t.Rule,
				Attempts: t.Attempts, LastError: t.LastError, Event: t.Event,
			})
			s.finish(t)
			return
		}
		// If storing the count fails, a restart counts anew.
		_ = s.journal.put(t)
		if !s.pause(time.Duration(float64(wait) * s.opt.Scale)) {
			return
		}
	}
}

func (s *Server) attempt(t *task, r *rule) error {
	payload, err := r.payload(t.Event)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.life, s.opt.DeliveryTimeout)
	defer cancel()
	return r.Target(ctx, payload)
}

// finish forgets a delivery.
func (s *Server) finish(t *task) {
	// If removing it fails, a restart delivers it again.
	_ = s.journal.remove(t)
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
