package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

func failureOf(instanceID, runID string, at time.Time) decide.FleetFailure {
	return decide.FleetFailure{Flow: "clean-up", RunID: runID, InstanceID: instanceID, At: at}
}

func wantCount(t *testing.T, l *ledger.Ledger, f decide.FleetFailure, since time.Time, want int) {
	t.Helper()
	if got, err := l.CountFailure(t.Context(), f, since); got != want || err != nil {
		t.Errorf("CountFailure(%s on %s) = %d, %v, want %d", f.RunID, f.InstanceID, got, err, want)
	}
}

func TestAFailureCountsOnceHoweverOftenItIsTold(t *testing.T) {
	l, _, faults := open(t)
	since := start.Add(-10 * time.Minute)
	for range 3 {
		wantCount(t, l, failureOf("i-1", "r1", start), since, 1)
	}
	wantCount(t, l, failureOf("i-1", "r1", start.Add(time.Second)), since, 1) // as another delivery dates it
	wantCount(t, l, failureOf("i-2", "r1", start), since, 2)
	wantCount(t, l, failureOf("i-2", "r2", start), since, 3)
	other := failureOf("i-2", "r2", start)
	other.Flow = "clean"
	wantCount(t, l, other, since, 1)
	faults.ResetCalls()
	wantCount(t, l, failureOf("i-1", "r3", start), since, 4)
	if got := fmt.Sprint(faults.Calls()); got != "map[GetRange:1 PutRow:1]" {
		t.Errorf("calls = %s, want one put and one range", got)
	}
}

func TestFailuresCountFromSinceOn(t *testing.T) {
	l, _, _ := open(t)
	for i := range 5 { // at -4, -3, -2, -1 and 0 minutes
		f := failureOf("i-1", fmt.Sprint("r", i), start.Add(time.Duration(i-4)*time.Minute))
		if _, err := l.CountFailure(t.Context(), f, start); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		since time.Time
		want  int
	}{
		"from the beginning":          {start.Add(-4 * time.Minute), 5},
		"a millisecond later":         {start.Add(-4*time.Minute + time.Millisecond), 4},
		"within the millisecond":      {start.Add(-2*time.Minute + time.Millisecond - 1), 3},
		"in another zone":             {start.Add(-2 * time.Minute).In(time.FixedZone("here", -7200)), 3},
		"from the last one on":        {start, 1},
		"from the future on":          {start.Add(time.Hour), 0},
		"from the far future on":      {start.AddDate(5000, 0, 0), 0},
		"ever":                        {time.Time{}, 5},
		"since before there was time": {start.AddDate(-5000, 0, 0), 5},
	} {
		t.Run(name, func(t *testing.T) {
			wantCount(t, l, failureOf("i-1", "r4", start), c.since, c.want)
		})
	}
}

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

func TestAFailureCountsOnceWhateverFails(t *testing.T) {
	sweep(t, func(t *testing.T, l *ledger.Ledger, plan func()) {
		wantCount(t, l, failureOf("i-1", "r1", start), start, 1)
		plan()
		wantCount(t, l, failureOf("i-2", "r2", start), start, 2)
		wantCount(t, l, failureOf("i-2", "r2", start), start, 2)
	})
}

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
