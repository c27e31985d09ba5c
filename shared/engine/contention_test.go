package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// TestManyInputsAtOnceForOneInstance: each is committed, at the cost of few
// calls. A wait between the load and the commit would make nearly every try
// meet a conflict.
// (decide rule 5)
func TestManyInputsAtOnceForOneInstance(t *testing.T) {
	const many = 50
	for _, c := range []struct {
		name  string
		state decide.State
		input func(n int) decide.Input
		calls float64 // of each input, on average, at most
	}{
		{"submissions", state(decide.BootWaiting), func(n int) decide.Input { return submission(fmt.Sprint(n)) }, 10},
		{"bad ends", state(decide.BootBootable), func(n int) decide.Input {
			return ended(fmt.Sprint("t-", n), "", event.StatusFailed, "ExitCodeNonzero")
		}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				d.store(c.state)
				p := policy()
				p.MaxQueued = 2 * many
				var calls atomic.Int64
				var mu sync.Mutex
				random := rand.New(rand.NewPCG(1, 2))
				some := func(most time.Duration) time.Duration {
					mu.Lock()
					defer mu.Unlock()
					return time.Duration(random.Int64N(int64(most) + 1))
				}
				// Each call to the ledger takes a millisecond or so.
				d.wait = func(_ context.Context, what, _ string) error {
					if what != "send" && what != "alert" && what != "texts" {
						calls.Add(1)
						time.Sleep(time.Millisecond/2 + some(time.Millisecond))
					}
					return nil
				}
				var working sync.WaitGroup
				for n := range many {
					working.Go(func() {
						e := d.engine(p)
						backoff := engine.Conflicts
						backoff.Random = some
						e.Pause = backoff.Pause
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						defer cancel()
						if out, err := e.Handle(ctx, "i-1", c.input(n)); err != nil || out.Trouble != nil || out.Duplicate {
							t.Errorf("input %d: %v, trouble %v, duplicate %v", n, err, out.Trouble, out.Duplicate)
						}
					})
				}
				working.Wait()
				if each := float64(calls.Load()) / many; each > c.calls {
					t.Errorf("%.1f calls for each input, want at most %.0f", each, c.calls)
				}
			})
		})
	}
}
