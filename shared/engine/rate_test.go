package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// quota is a Cloud Assistant that refuses every command over a number in a
// minute of the clock.
type quota struct {
	*desk
	perMinute int

	mu                sync.Mutex
	minute            time.Time
	calls             int // in that minute
	accepted, refused int
	last              time.Time // when a command was accepted
}

func (q *quota) Send(ctx context.Context, s engine.Send) (string, error) {
	time.Sleep(20 * time.Millisecond)
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if m := now.Truncate(time.Minute); !m.Equal(q.minute) {
		q.minute, q.calls = m, 0
	}
	if q.calls++; q.calls > q.perMinute {
		q.refused++
		return "", engine.ErrThrottled
	}
	q.accepted++
	q.last = now
	return q.desk.Send(ctx, s)
}

func (q *quota) all(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accepted >= n
}

// process is a function instance: an engine for each invocation, and one cap.
func (q *quota) process() func() *engine.Engine {
	sends := &engine.SendCap{PerMinute: q.perMinute}
	return func() *engine.Engine {
		e := q.desk.engine(policy())
		e.Commander, e.Sends = q, sends
		e.Now = func() time.Time { return time.Now().UTC() }
		e.Sleep = func(_ context.Context, d time.Duration) { time.Sleep(d) }
		return e
	}
}

// TestABacklogIsSentAtTheRateThatIsAllowed: the refusals of a service that
// refuses by the minute cost few commands, and little of what it allows is left
// unused.
// (decide rule 95)
func TestABacklogIsSentAtTheRateThatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		perSecond, instances int
		boots                time.Duration // in which they boot; 0: they have, and wake-ups are due
	}{
		{10, 400, 20 * time.Second}, {10, 400, 0}, {50, 1000, 60 * time.Second}, {50, 1000, 0},
	} {
		t.Run(fmt.Sprintf("%d a second, boots in %s", c.perSecond, c.boots), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now.Truncate(time.Minute).Add(time.Second)))
				q := &quota{desk: newDesk(), perMinute: 60 * c.perSecond}
				q.wait = func(_ context.Context, what, _ string) error {
					if what == "load" || what == "commit" {
						time.Sleep(10 * time.Millisecond)
					}
					return nil
				}
				boot := decide.BootWaiting
				if c.boots == 0 {
					boot = decide.BootBootable
				}
				for n := range c.instances {
					s := state(boot, task(fmt.Sprint(n, "a")), task(fmt.Sprint(n, "b")), task(fmt.Sprint(n, "c")))
					s.Instance.ID = fmt.Sprint("i-", n)
					q.store(s)
					if c.boots == 0 {
						q.table.armed[engine.Wakeup{InstanceID: s.Instance.ID, Due: now.Truncate(time.Minute)}] = true
					}
				}
				began, total := time.Now(), 3*c.instances
				var working sync.WaitGroup
				for p := range 4 {
					process := q.process()
					working.Go(func() {
						for n := p; n < c.instances && c.boots > 0; n += 4 {
							time.Sleep(time.Until(began.Add(c.boots * time.Duration(n) / time.Duration(c.instances))))
							ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
							in := beat(time.Since(now), time.Second)
							if out, err := process().Handle(ctx, fmt.Sprint("i-", n), in); err != nil || out.Trouble != nil {
								t.Errorf("heartbeat %d: %v, %v", n, err, out.Trouble)
							}
							cancel()
						}
					})
				}
				sweeps, process := 0, q.process()
				for ; !q.all(total) && sweeps < 10; sweeps++ {
					time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
					ctx, cancel := context.WithTimeout(t.Context(), 54*time.Second)
					if s, err := process().Sweep(ctx, 32); err != nil || s.Failed > 0 {
						t.Errorf("sweep: %+v, %v", s, err)
					}
					cancel()
				}
				working.Wait()
				took := q.last.Sub(began)
				if c.boots == 0 {
					took -= 59 * time.Second // until the first sweep
				}
				used := float64(q.accepted) / (float64(c.perSecond) * took.Seconds())
				t.Logf("%d commands in %s, %.0f %% of what is allowed, %d refused, %d sweeps", q.accepted, took, 100*used, q.refused, sweeps)
				if q.accepted != total || used < 0.8 {
					t.Errorf("%d commands were sent with %.0f %% of the allowed rate, want %d with at least 80 %%", q.accepted, 100*used, total)
				}
				if most := total / 20; q.refused > most {
					t.Errorf("%d commands were refused, want at most %d", q.refused, most)
				}
			})
		})
	}
}
