package ecs

import (
	"context"
	"time"
)

// NextTimes are the first n times of a schedule after from, in UTC.
func NextTimes(text string, from time.Time, n int) ([]string, error) {
	plan, err := parseSchedule(text)
	if err != nil {
		return nil, err
	}
	var out []string
	at := from
	for range n {
		next, ok := plan.after(at, from)
		if !ok {
			break
		}
		out = append(out, next.UTC().Format("01-02 15:04:05"))
		at = next
	}
	return out, nil
}

// HoldTimeouts keeps scripts from being over their timeouts until the channel is
// closed. It is called before commands are sent.
func (s *Server) HoldTimeouts(until <-chan struct{}) { s.limitsHeld = until }

// HoldAccepts keeps calls of RunCommand and InvokeCommand in progress until the
// channel is closed. It is called before them.
func (s *Server) HoldAccepts(until <-chan struct{}) {
	s.accepting = func(context.Context) bool {
		<-until
		return true
	}
}
