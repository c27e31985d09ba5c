package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// backlog is a fleet with commands, and a Cloud Assistant that refuses every command
// over a number in a minute of the clock.
type backlog struct {
	*desk
	perMinute         int
	accepted, refused atomic.Int64
	last              time.Time // when a command was accepted
}

func newBacklog(instances, perMinute int, rows ...func(*decide.State)) *backlog {
	b := &backlog{desk: fleetDesk(instances, rows...), perMinute: perMinute}
	b.wait = func(_ context.Context, what, _ string) error {
		time.Sleep(map[string]time.Duration{"load": 10 * time.Millisecond, "commit": 10 * time.Millisecond, "send": 20 * time.Millisecond}[what])
		return nil
	}
	var minute time.Time
	calls := 0
	b.on = func(what, _ string) fate {
		if what != "send" {
			return fate{}
		}
		if m := time.Now().Truncate(time.Minute); !m.Equal(minute) {
			minute, calls = m, 0
		}
		if calls++; calls > perMinute {
			b.refused.Add(1)
			return fate{err: engine.ErrThrottled}
		}
		b.accepted.Add(1)
		b.last = time.Now()
		return fate{}
	}
	return b
}

// boot lets a function instance handle the heartbeats of every fourth instance, which
// come evenly within a time.
func (b *backlog) boot(t *testing.T, first, instances, room int, within time.Duration) {
	sends, began := &engine.SendCap{PerMinute: room}, time.Now()
	for n := first; n < instances; n += 4 {
		time.Sleep(time.Until(began.Add(within * time.Duration(n) / time.Duration(instances))))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if out, err := b.paced(sends).Handle(ctx, fmt.Sprint("i-", n), beat(0, time.Second)); err != nil || out.Trouble != nil {
			t.Errorf("heartbeat %d: %v, %v", n, err, out.Trouble)
		}
		cancel()
	}
}

// TestABacklogIsSentAtTheRateThatIsAllowed: the refusals of a service that
// refuses by the minute cost few commands, and little of what it allows is left
// unused. In the last case all numbers are a fifth of those of 5,000 instances at 50
// commands a second, with the default room of 1,200; they get their commands
// within 15 minutes.
// (decide rule 95)
func TestABacklogIsSentAtTheRateThatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		perSecond, room, instances int
		boots                      time.Duration // in which they boot; 0: they have, and wake-ups are due
		share                      float64       // that is used at least
	}{
		{10, 600, 400, 20 * time.Second, 0.8}, {10, 600, 400, 0, 0.8}, {50, 3000, 1000, 60 * time.Second, 0.8}, {50, 3000, 1000, 0, 0.8},
		{10, 1200 / 5, 1000, 60 * time.Second, 5. / 15},
	} {
		t.Run(fmt.Sprintf("%d a second, room for %d, boots in %s", c.perSecond, c.room, c.boots), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBacklog(c.instances, 60*c.perSecond, own(3), func(s *decide.State) {
					if c.boots > 0 {
						s.Instance.Boot, s.Instance.CheckAt = decide.BootWaiting, now.Add(time.Minute)
					}
				})
				time.Sleep(time.Until(now.Truncate(time.Minute).Add(time.Minute)))
				began, total := time.Now(), int64(3*c.instances)
				var working sync.WaitGroup
				if c.boots > 0 {
					clear(b.table.armed)
					for first := range 4 {
						working.Go(func() { b.boot(t, first, c.instances, c.room, c.boots) })
					}
					time.Sleep(time.Minute)
				}
				sends := &engine.SendCap{PerMinute: c.room}
				for n := 0; b.accepted.Load() < total && n < 15; n++ {
					if s, err := sweep(t, b.paced(sends), 54*time.Second, 32); err != nil || s.Failed > 0 {
						t.Errorf("sweep: %+v, %v", s, err)
					}
					time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
				}
				working.Wait()
				accepted, refused, used := b.accepted.Load(), b.refused.Load(), float64(total)/(float64(c.perSecond)*b.last.Sub(began).Seconds())
				loads := float64(b.count("load")) / float64(c.instances)
				if loads > 4.5 {
					t.Errorf("%.1f loads for each instance, want those for its heartbeat, one with room, and those after claims", loads)
				}
				if accepted != total || used < c.share || refused > total/20 {
					t.Errorf("%d commands were sent with %.0f %% of the allowed rate, and %d refused, want %d, at least %.0f %%, and at most %d",
						accepted, 100*used, refused, total, 100*c.share, total/20)
				}
			})
		})
	}
}
