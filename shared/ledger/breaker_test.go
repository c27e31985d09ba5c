package ledger_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
)

func TestABreakerStandsUntilItsTimeIsOver(t *testing.T) {
	first := breakerOf("e1", 0)
	for name, c := range map[string]struct {
		next remediation.Breaker
		want string
	}{
		"another one while it is open":      {breakerOf("e2", 9), "e1"},
		"another one when its time is over": {breakerOf("e2", 10), "e2"},
		"another one that is older":         {breakerOf("e2", -5), "e1"},
		"itself":                            {first, "e1"},
		"itself after its time":             {breakerOf("e1", 20), "e1"},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			mustOpen(t, l, first)
			want := first
			if c.want != first.Key {
				want = c.next
			}
			for range 2 {
				if diff := cmp.Diff(want, mustOpen(t, l, c.next)); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
				wantControl(t, l, want)
			}
		})
	}
}

func TestOneOfManyOpenersWins(t *testing.T) {
	for name, before := range map[string]*remediation.Breaker{
		"where there is no breaker":          nil,
		"where the time of a breaker passed": {Flow: "clean-up", Key: "old", OpenedAt: start.Add(-time.Hour), ResumeAt: start},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			if before != nil {
				mustOpen(t, l, *before)
			}
			var won atomic.Int32
			answers := make([]remediation.Breaker, 12)
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

func TestABreakerOpensOnceWhateverFails(t *testing.T) {
	for name, c := range map[string]struct {
		before *remediation.Breaker
		want   string
	}{
		"where there is no breaker":          {nil, "new"},
		"where one is open":                  {&remediation.Breaker{Flow: "clean-up", Key: "old", OpenedAt: start, ResumeAt: start.Add(time.Hour)}, "old"},
		"where the time of a breaker passed": {&remediation.Breaker{Flow: "clean-up", Key: "old", OpenedAt: start.Add(-time.Hour), ResumeAt: start}, "new"},
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
	})
}
