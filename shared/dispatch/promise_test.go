package dispatch_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/engine"
)

// TestSevenHundredAlertsReachAChannelOfTwentyAMinuteOnceEach: none is given up and none
// comes twice, also when the channel locks out for ten minutes, as DingTalk does, or
// answers 429 with a Retry-After. Each alert is a group of its own. (rules 8, 10 and 11)
func TestSevenHundredAlertsReachAChannelOfTwentyAMinuteOnceEach(t *testing.T) {
	const many = 700
	for name, c := range map[string]struct {
		rounds int
		refuse func(message int) time.Duration
	}{
		"a channel that takes them":          {46, func(int) time.Duration { return 0 }},
		"a lockout of ten minutes":           {57, func(n int) time.Duration { return map[bool]time.Duration{true: 10 * time.Minute}[n == 100] }},
		"a Retry-After at each tenth":        {90, func(n int) time.Duration { return map[bool]time.Duration{true: 20 * time.Second}[n%10 == 0] }},
		"a lockout of ten minutes at once":   {57, func(n int) time.Duration { return map[bool]time.Duration{true: 10 * time.Minute}[n == 1] }},
		"a lockout that ends and comes back": {68, func(n int) time.Duration { return map[bool]time.Duration{true: 10 * time.Minute}[n == 10 || n == 11] }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.bubble = true
				w.route.Channels, w.route.RepeatInterval = []string{"chat"}, 0
				w.groupBy = func(a decide.Alert) []string { return []string{a.InstanceID} }
				messages := 0
				var bar time.Time
				early, closed := 0, 0
				w.answer = func(string, dispatch.Notice, int) dispatch.Result {
					messages++
					wait := c.refuse(messages)
					if wait > 0 {
						bar = w.now.Add(wait)
						closed++
					} else if w.now.Before(bar) {
						early++
					}
					if w.now.Before(bar) {
						return dispatch.Result{RetryAt: bar, Why: "too many messages"}
					}
					return dispatch.Result{Confirmed: true}
				}
				for n := range many {
					w.put(failure(n, 1))
				}
				w.rounds(c.rounds)
				w.wantTold(many, 0, many)
				for id, times := range w.confirms {
					if times != 1 {
						t.Errorf("%s was taken %d times", id, times)
					}
				}
				if len(w.lost) > 0 || len(w.armed) > 0 || len(w.confirms) != many {
					t.Errorf("%d are confirmed, %d given up, and %d groups have something to do", len(w.confirms), len(w.lost), len(w.armed))
				}
				if early > closed {
					t.Errorf("the channel closed %d times, and was asked %d times meanwhile", closed, early)
				}
			})
		})
	}
}

// TestAFlushOfSeveralBatchesIsExactWhereverItIsKilled gathers 400 members, which take
// five batches, and lets one call after the other fail: the function dies before or
// after it, its outcome is unknown, or another function comes in the middle. (rule 6)
func TestAFlushOfSeveralBatchesIsExactWhereverItIsKilled(t *testing.T) {
	const members = 400
	step := 1
	if testing.Short() {
		step = 5
	}
	for _, what := range []string{"kill before", "kill after", "unknown before", "unknown after", "another", "another and kill"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at += step {
				w := newWorld(t)
				last := map[int]bool{}
				for n := range members {
					w.put(failure(n, 1))
					last[n] = true
				}
				struck := w.strike(at, what)
				for range 3 {
					_, _ = w.round(0, 1) // the first of them may die
					w.until(w.clock().Add(time.Minute))
				}
				w.before, w.after = nil, nil
				w.rounds(30)
				w.checkEnd(t, last)
				for _, channel := range w.route.Channels {
					if firing, recovered, flushes := w.sums(channel); firing != members || recovered != 0 || flushes != 1 {
						t.Errorf("%s was told of %d firing and %d recovered in %d flushes", channel, firing, recovered, flushes)
					}
				}
				for id, n := range w.confirms {
					// Who dies between a delivery and its mark lets it come again, under the same id.
					if n > 2 || n != 1 && what == "another" {
						t.Errorf("%s was taken %d times", id, n)
					}
				}
				if t.Failed() {
					t.Fatalf("call %d", at)
				}
				if !struck.Load() {
					if at < 30 {
						t.Errorf("only %d calls were made", at)
					}
					return
				}
			}
		})
	}
}

// strike lets one call fail. Who dies makes no further call in that round.
func (w *world) strike(at int, what string) *atomic.Bool {
	var struck, dead, inside atomic.Bool
	w.before = func(n int, call string) error {
		switch {
		case inside.Load():
			return nil
		case dead.Load() && call != "Inbox":
			return errKilled
		case dead.Load():
			dead.Store(false) // the next round begins
		}
		if n != at {
			return nil
		}
		struck.Store(true)
		switch what {
		case "another", "another and kill":
			inside.Store(true)
			_, err := w.round(0, 1)
			inside.Store(false)
			if err != nil {
				w.t.Error(err)
			}
			if what == "another" {
				return nil
			}
			dead.Store(true)
			return errKilled
		case "kill before":
			dead.Store(true)
			return errKilled
		case "unknown before":
			return engine.ErrUnknownOutcome
		}
		return nil
	}
	w.after = func(n int, _ string) error {
		switch {
		case n != at || inside.Load():
		case what == "kill after":
			dead.Store(true)
			return errKilled
		case what == "unknown after":
			return engine.ErrUnknownOutcome
		}
		return nil
	}
	return &struck
}
