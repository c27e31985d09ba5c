package ledger_test

import (
	"testing"
	"time"

	"aftercare/tests/localcloud/fault"
)

// Where no sweep has ended, the wait for it has a beginning.
// (ledger rule 59)
func TestASweepIsAwaitedSinceItWasFirstAskedFor(t *testing.T) {
	l, _, _ := open(t)
	for n, want := range []time.Time{start, start, start.Add(time.Hour)} {
		if n == 2 {
			must(t, l.Swept(t.Context(), want))
		}
		if at, err := l.SweptOrAwaited(t.Context(), start.Add(time.Duration(n)*time.Minute)); err != nil || !at.Equal(want) {
			t.Errorf("asked %d times: %s, %v, want %s", n+1, at, err, want)
		}
	}
	if at, err := l.LastSwept(t.Context()); err != nil || !at.Equal(start.Add(time.Hour)) {
		t.Errorf("the last one: %s, %v", at, err)
	}
}

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
	if rows := rawTable(t, server, "aftercare_shared", "scope", "row"); len(rows) != 2 { // with the schema's
		t.Errorf("the rows are %v, want one of sweeps", rows)
	}
}
