package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
)

// passed is a breaker whose time is over when others open.
var passed = decide.Breaker{Flow: "clean-up", Key: "old", OpenedAt: start.Add(-time.Hour), ResumeAt: start}

// atOnce calls do several times at once.
func atOnce(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// (ledger rules 51, 53)
func TestOfManyAtOnceOneOpensOneClosesAndAllCount(t *testing.T) {
	for name, before := range map[string]*decide.Breaker{"where there is no breaker": nil, "where the time of a breaker passed": &passed} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			if before != nil {
				mustOpen(t, l, *before)
			}
			const n = 12
			var answers [n]decide.Breaker
			var errs [3 * n]error
			atOnce(n, func(i int) { answers[i], errs[i] = l.OpenBreaker(t.Context(), breakerOf(fmt.Sprint("e", i), 0)) })
			for _, a := range answers {
				if a != answers[0] {
					t.Errorf("one got %+v, another %+v", a, answers[0])
				}
			}
			wantControl(t, l, answers[0])
			var closed [n]bool
			atOnce(n, func(i int) { closed[i], errs[n+i] = l.CloseBreaker(t.Context(), "clean-up", answers[0].Key) })
			wantControl(t, l)
			var counts [n]int
			late := start.AddDate(0, 0, 1)
			atOnce(n, func(i int) {
				counts[i], errs[2*n+i] = l.CountFailure(t.Context(), failureOf(fmt.Sprint("i-", i), "r", late), late)
			})
			won, most := 0, 0
			for i := range n {
				if closed[i] {
					won++
				}
				most = max(most, counts[i])
			}
			if err := errors.Join(errs[:]...); err != nil || won != 1 || most != n {
				t.Errorf("%d closers won, and at most %d failures are counted, %v, want 1 and %d", won, most, err, n)
			}
		})
	}
}

// TestSharedRowsAreWrittenOnceWhateverFails: every fault strikes every call, until
// it meets none.
// (ledger rules 51, 53, 54)
func TestSharedRowsAreWrittenOnceWhateverFails(t *testing.T) {
	b, p := breakerOf("new", 0), stopOf("clean-up", "Ann", start)
	for name, c := range map[string]struct {
		before []decide.Breaker
		do     func(*testing.T, *ledger.Ledger)
		after  []any
	}{
		"opening where there is no breaker":          {nil, func(t *testing.T, l *ledger.Ledger) { mustOpen(t, l, b); mustOpen(t, l, b) }, []any{b}},
		"opening where the time of a breaker passed": {[]decide.Breaker{passed}, func(t *testing.T, l *ledger.Ledger) { mustOpen(t, l, b); mustOpen(t, l, b) }, []any{b}},
		"opening where one is open": {[]decide.Breaker{b}, func(t *testing.T, l *ledger.Ledger) {
			wantBreaker(t, l, breakerOf("other", 1), b)
			wantBreaker(t, l, breakerOf("other", 1), b)
		}, []any{b}},
		"closing": {[]decide.Breaker{b}, func(t *testing.T, l *ledger.Ledger) {
			for _, want := range []bool{true, false} {
				if got, err := l.CloseBreaker(t.Context(), b.Flow, b.Key); got != want || err != nil {
					t.Errorf("CloseBreaker = %t, %v, want %t", got, err, want)
				}
			}
			wantCount(t, l, failureOf("i-1", "r1", start), start.Add(-time.Hour), 0)
		}, nil},
		"stopping and resuming": {[]decide.Breaker{b}, func(t *testing.T, l *ledger.Ledger) {
			mustStop(t, l, p)
			wantControl(t, l, p, b)
			wantResume(t, l, "clean-up", p, b)
		}, nil},
		"counting": {nil, func(t *testing.T, l *ledger.Ledger) {
			for range 2 {
				wantCount(t, l, failureOf("i-2", "r2", start), start, 1)
			}
		}, nil},
	} {
		for _, mode := range fault.Modes {
			t.Run(name+", "+string(mode), func(t *testing.T) {
				t.Parallel()
				for n, struck := 1, true; struck; n++ {
					l, _, faults := open(t)
					for _, b := range c.before {
						mustOpen(t, l, b)
					}
					faults.Add(fault.Fault{Nth: n, Mode: mode})
					c.do(t, l)
					wantControl(t, l, c.after...)
					if struck = faults.Struck() > 0; t.Failed() || n == 20 {
						t.Fatalf("with fault %d, or there is always one more call", n)
					}
				}
			})
		}
	}
}

// writes are those that read back what they may have done.
var writes = map[string]func(*ledger.Ledger, context.Context) error{
	"OpenBreaker": func(l *ledger.Ledger, ctx context.Context) error {
		_, err := l.OpenBreaker(ctx, breakerOf("e2", 30))
		return err
	},
	"CloseBreaker": func(l *ledger.Ledger, ctx context.Context) error {
		_, err := l.CloseBreaker(ctx, "clean-up", "e1")
		return err
	},
	"Order": func(l *ledger.Ledger, ctx context.Context) error {
		_, _, err := l.Order(ctx, newOrder(decide.ActResume, decide.Scope{Flow: "clean-up"}, start))
		return err
	},
}

// TestTriesOfAConditionalWriteAreCounted, when others are always faster and when
// no answer arrives.
// (ledger rule 54)
func TestTriesOfAConditionalWriteAreCounted(t *testing.T) {
	for want, f := range map[error]fault.Fault{
		engine.ErrUnavailable:    {Mode: fault.ErrorBefore, Status: 403, Code: "OTSConditionCheckFail", Times: -1},
		engine.ErrUnknownOutcome: {Mode: fault.CutBefore, Times: -1},
	} {
		l, _, faults := open(t)
		mustOpen(t, l, breakerOf("e1", 0))
		for name, call := range map[string]string{"OpenBreaker": "PutRow", "CloseBreaker": "DeleteRow", "Order": "BatchWriteRow"} {
			f.Call = call
			faults.Add(f)
			faults.ResetCalls()
			err := writes[name](l, t.Context())
			if n := faults.Calls()[call]; !errors.Is(err, want) || errors.Is(err, engine.ErrConflict) || n != 8 {
				t.Errorf("%s: %v after %d calls, want %v after 8", name, err, n, want)
			}
			faults.Clear()
		}
	}
}

// TestAWriteInDoubtIsNotReportedAsUndone: the time is up when it should be
// read whether the write landed.
// (ledger rule 54)
func TestAWriteInDoubtIsNotReportedAsUndone(t *testing.T) {
	for name, write := range writes {
		l, _, faults := open(t)
		mustOpen(t, l, breakerOf("e1", 0))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, call := range []string{"PutRow", "DeleteRow", "BatchWriteRow"} {
			faults.Add(fault.Fault{Call: call, Mode: fault.CutAfter, OnStrike: cancel})
		}
		if err := write(l, ctx); !errors.Is(err, engine.ErrUnknownOutcome) || errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnknownOutcome", name, err)
		}
	}
}
