package engine_test

import (
	"testing"

	"aftercare/shared/decide"
)

// TestAnEndThatNoEventTellsIsCommittedAfterItsHistory: no delivery of it comes
// again, and once its task has ended nothing asks for it.
func TestAnEndThatNoEventTellsIsCommittedAfterItsHistory(t *testing.T) {
	for _, source := range []string{decide.SourcePoll, decide.SourceEvent} {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a", running("t-1"))))
		d.on = failing("history", 1, refused)
		end := ended("t-1", "a", "Success", "")
		end.Source = source
		if _, err := handle(t, d.engine(policy()), end); err == nil {
			t.Errorf("%s: no error, and the history was refused", source)
		}
		committed := len(d.table.state("i-1").Tasks) == 0
		if want := source == decide.SourceEvent; committed != want {
			t.Errorf("%s: committed %v, want %v", source, committed, want)
		}
		mustHandle(t, d.engine(policy()), end)
		if len(d.table.history) != 1 || len(d.table.state("i-1").Tasks) != 0 {
			t.Errorf("%s: delivered again, %d executions in the history and %d tasks live, want one and none",
				source, len(d.table.history), len(d.table.state("i-1").Tasks))
		}
	}
}
