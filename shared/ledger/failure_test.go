package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

func wantCount(t *testing.T, l *ledger.Ledger, f decide.FleetFailure, since time.Time, want int) {
	t.Helper()
	if got, err := l.CountFailure(t.Context(), f, since); got != want || err != nil {
		t.Errorf("CountFailure(%s on %s) = %d, %v, want %d", f.RunID, f.InstanceID, got, err, want)
	}
}

func TestAFailureIsCountedInTwoCalls(t *testing.T) {
	l, _, faults := open(t)
	wantCount(t, l, failureOf("i-1", "r1", start), start, 1)
	if diff := cmp.Diff(map[string]int{"GetRange": 1, "PutRow": 1}, faults.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// (ledger rule 51)
func TestManyFailuresAtOnceAreAllCounted(t *testing.T) {
	l, _, _ := open(t)
	counts := make([]int, 12)
	var all sync.WaitGroup
	for i := range counts {
		all.Go(func() {
			var err error
			counts[i], err = l.CountFailure(t.Context(), failureOf(fmt.Sprint("i-", i), "r", start), start)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	if most != len(counts) {
		t.Errorf("the counts are %v, want one of %d", counts, len(counts))
	}
}

// (ledger rule 51)
func TestAFailureCountsOnceWhateverFails(t *testing.T) {
	sweep(t, func(t *testing.T, l *ledger.Ledger, plan func()) {
		wantCount(t, l, failureOf("i-1", "r1", start), start, 1)
		plan()
		wantCount(t, l, failureOf("i-2", "r2", start), start, 2)
		wantCount(t, l, failureOf("i-2", "r2", start), start, 2)
	})
}

// (ledger rule 51)
func TestTheCountStopsAtAThousand(t *testing.T) {
	l, server, faults := open(t)
	put := putter(t, server, "aftercare_shared", "scope")
	for i := range 1005 {
		put("failures/clean-up", fmt.Sprintf("%013d/i-%d/r", start.UnixMilli()+int64(i), i), map[string]any{"at": "x"})
	}
	faults.ResetCalls()
	wantCount(t, l, failureOf("i-9999", "r", start.Add(time.Hour)), start, 1000)
	if n := faults.Calls()["GetRange"]; n != 1 {
		t.Errorf("%d ranges were read, want 1", n)
	}
	wantCount(t, l, failureOf("i-9999", "r", start.Add(time.Hour)), start.Add(6*time.Millisecond), 1000)
	wantCount(t, l, failureOf("i-9999", "r", start.Add(time.Hour)), start.Add(7*time.Millisecond), 999)
}
