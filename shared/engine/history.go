package engine

import (
	"aftercare/shared/decide"
	"context"
	"fmt"
)

// recordHistory puts an execution into the history beside the commit. An end
// that a sweep polled is put before the commit: nobody delivers it again, and
// after the commit no sweep asks for its task.
func (h *handling) recordHistory(ctx context.Context, s decide.State, in decide.Input) error {
	ended, ok := in.(decide.Ended)
	if !ok {
		return nil
	}
	h.history = make(chan error, 1)
	t, _ := s.TaskOf(ended.Event)
	record := decide.Execution{
		Event: ended.Event, Name: decide.Named(ended.Event, t).CommandName, TaskID: t.ID, Source: ended.Source, Received: ended.Received,
	}
	put := func() {
		defer close(h.history)
		if err := h.Ledger.PutHistory(ctx, h.instanceID, record); err != nil {
			h.history <- fmt.Errorf("record execution in the history: %w", err)
		}
	}
	if ended.Source == decide.SourcePoll {
		put()
		return h.historyPut()
	}
	go put()
	return nil
}

// historyPut waits for the history and returns its error.
func (h *handling) historyPut() error {
	if h.history == nil {
		return nil
	}
	return <-h.history
}
