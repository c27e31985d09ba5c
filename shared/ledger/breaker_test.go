package ledger_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

// (ledger rule 53)
func TestOneOfManyOpenersWins(t *testing.T) {
	for name, before := range map[string]*decide.Breaker{
		"where there is no breaker":          nil,
		"where the time of a breaker passed": {Flow: "clean-up", Key: "old", OpenedAt: start.Add(-time.Hour), ResumeAt: start},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			if before != nil {
				mustOpen(t, l, *before)
			}
			var won atomic.Int32
			answers := make([]decide.Breaker, 12)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() {
					b := breakerOf(fmt.Sprint("e", i), 0)
					var err error
					if answers[i], err = l.OpenBreaker(t.Context(), b); err != nil {
						t.Error(err)
					}
					if answers[i].Key == b.Key {
						won.Add(1)
					}
				})
			}
			all.Wait()
			if won.Load() != 1 {
				t.Errorf("%d openers won, want 1", won.Load())
			}
			for _, a := range answers {
				if a != answers[0] {
					t.Errorf("one got %+v, another %+v", a, answers[0])
				}
			}
			wantControl(t, l, answers[0])
		})
	}
}

// (ledger rule 53)
func TestOneOfManyClosersWins(t *testing.T) {
	l, _, _ := open(t)
	mustOpen(t, l, breakerOf("e1", 0))
	if gone, err := l.CloseBreaker(t.Context(), "clean-up", "e2"); gone || err != nil {
		t.Errorf("closing under another key = %t, %v, want false", gone, err)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			gone, err := l.CloseBreaker(t.Context(), "clean-up", "e1")
			if err != nil {
				t.Error(err)
			}
			if gone {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d closers won, want 1", won.Load())
	}
	wantControl(t, l)
}

// (ledger rules 53, 54)
func TestABreakerOpensOnceWhateverFails(t *testing.T) {
	for name, c := range map[string]struct {
		before *decide.Breaker
		want   string
	}{
		"where there is no breaker":          {nil, "new"},
		"where one is open":                  {&decide.Breaker{Flow: "clean-up", Key: "old", OpenedAt: start, ResumeAt: start.Add(time.Hour)}, "old"},
		"where the time of a breaker passed": {&decide.Breaker{Flow: "clean-up", Key: "old", OpenedAt: start.Add(-time.Hour), ResumeAt: start}, "new"},
	} {
		t.Run(name, func(t *testing.T) {
			sweep(t, func(t *testing.T, l *ledger.Ledger, plan func()) {
				want := breakerOf("new", 0)
				if c.before != nil {
					mustOpen(t, l, *c.before)
					if c.want == c.before.Key {
						want = *c.before
					}
				}
				plan()
				for range 2 {
					if got := mustOpen(t, l, breakerOf("new", 0)); got != want {
						t.Errorf("OpenBreaker = %+v, want %+v", got, want)
					}
				}
				wantControl(t, l, want)
			})
		})
	}
}

// (ledger rules 53, 54)
func TestABreakerClosesOnceWhateverFails(t *testing.T) {
	sweep(t, func(t *testing.T, l *ledger.Ledger, plan func()) {
		mustOpen(t, l, breakerOf("e1", 0))
		plan()
		for _, want := range []bool{true, false} {
			if got, err := l.CloseBreaker(t.Context(), "clean-up", "e1"); got != want || err != nil {
				t.Errorf("CloseBreaker = %t, %v, want %t", got, err, want)
			}
		}
		wantControl(t, l)
		wantCount(t, l, failureOf("i-1", "r1", start), start.Add(-time.Hour), 0)
	})
}
