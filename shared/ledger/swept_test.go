package ledger_test

import (
	"testing"
	"time"

	"aftercare/tests/localcloud/fault"
)

// TestTheEndOfTheLastSweepIsOneRow that each puts with one call, and reads with one.
// (ledger rule 59)
func TestTheEndOfTheLastSweepIsOneRow(t *testing.T) {
	l, server, faults := open(t)
	if at, err := l.LastSwept(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("before the first sweep: %s, %v", at, err)
	}
	for n := range 3 {
		faults.Clear()
		if n == 1 {
			faults.Add(fault.Fault{Call: "PutRow", Mode: fault.CutAfter})
		}
		want := start.Add(time.Duration(n) * time.Minute)
		must(t, l.Swept(t.Context(), want))
		if at, err := l.LastSwept(t.Context()); err != nil || !at.Equal(want) {
			t.Errorf("the last sweep ended at %s, %v, want %s", at, err, want)
		}
	}
	if rows := rawTable(t, server, "aftercare_shared", "scope", "row"); len(rows) != 1 {
		t.Errorf("there are %d rows, want one", len(rows))
	}
}
