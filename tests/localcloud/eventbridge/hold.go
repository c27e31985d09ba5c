package eventbridge

import (
	"cmp"
	"slices"
)

// Order is the order in which held deliveries are released.
type Order int

// The orders.
const (
	InOrder Order = iota
	Reversed
	// Never loses what is held: the events stay traced.
	Never
)

// Held is a set of deliveries that wait until a test releases them.
type Held struct {
	s     *Server
	match func(Delivery) bool
	tasks []*task
}

// Hold holds back new deliveries that match, before their first attempt, until
// Release. They count as accepted: a server that starts again with the same file
// delivers them. match must not call the server.
func (s *Server) Hold(match func(Delivery) bool) *Held {
	h := &Held{s: s, match: match}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = append(s.holds, h)
	return h
}

// hold gives t to the first hold that wants it; the caller holds mu.
func (s *Server) hold(t *task) bool {
	for _, h := range s.holds {
		if h.match(t.delivery()) {
			h.tasks = append(h.tasks, t)
			return true
		}
	}
	return false
}

// Len returns how many deliveries are held.
func (h *Held) Len() int {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return len(h.tasks)
}

// Release ends the hold and delivers what it holds, one after another: it starts
// each delivery when the first attempt of the one before has ended. It returns
// when all have had an attempt, or the server closes. With Never, none gets one.
func (h *Held) Release(order Order) {
	s := h.s
	s.mu.Lock()
	tasks := h.tasks
	h.tasks = nil
	s.holds = slices.DeleteFunc(s.holds, func(other *Held) bool { return other == h })
	s.mu.Unlock()
	slices.SortFunc(tasks, func(a, b *task) int {
		if order == Reversed {
			a, b = b, a
		}
		return cmp.Compare(a.seq, b.seq)
	})
	for _, t := range tasks {
		if order == Never {
			s.finish(t)
			continue
		}
		s.mu.Lock()
		s.launch(t)
		s.mu.Unlock()
		select {
		case <-t.tried:
		case <-s.life.Done():
			return
		}
	}
}
