package remediation

import (
	"context"
	"fmt"
)

// recordHistory puts an execution into the history beside the commit. An end
// that a sweep polled is put before the commit: nobody delivers it again, and
// after the commit no sweep asks for its task.
func (h *handling) recordHistory(ctx context.Context, s State, in Input) error {
	ended, ok := in.(Ended)
	if !ok {
		return nil
	}
	h.history = make(chan error, 1)
	t, _ := s.taskOf(ended.Event)
	record := Execution{
		Event: ended.Event, Name: named(ended.Event, t).CommandName, TaskID: t.ID, Source: ended.Source, Received: ended.Received,
	}
	put := func() {
		defer close(h.history)
		if err := h.Ledger.PutHistory(ctx, h.instanceID, record); err != nil {
			h.history <- fmt.Errorf("record execution in the history: %w", err)
		}
	}
	if ended.Source == SourcePoll {
		put()
		return h.recorded()
	}
	go put()
	return nil
}

// recorded waits for the history and returns its error.
func (h *handling) recorded() error {
	if h.history == nil {
		return nil
	}
	return <-h.history
}
