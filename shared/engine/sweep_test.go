package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/engine"
)

// sweep is a sweep that has so much time.
func sweep(t *testing.T, e *engine.Engine, limit time.Duration, parallel int) (engine.Sweep, error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return e.Sweep(ctx, parallel)
}

// (decide rules 93, 94)
func TestInstancesThatDoNotAnswerStopNoSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		stuck := map[string]bool{}
		d.wait = func(ctx context.Context, what, id string) error {
			if !stuck[id] {
				return nil
			}
			return hanging("load")(ctx, what, id)
		}
		for n := range 10 {
			w := engine.Wakeup{InstanceID: fmt.Sprint("i-", n), Due: now.Add(time.Duration(n-60) * time.Second)}
			d.table.armed[w] = true
			stuck[w.InstanceID] = n < 8
		}
		e := d.real(d.engine(policy()))
		// Two at a time, each for 10 s: the two others come last.
		if out, err := sweep(t, e, 54*time.Second, 2); err != nil || out.Woken != 10 || out.Failed != 8 || out.Complete {
			t.Errorf("sweep %+v, %v, want ten woken, eight of them failed, and not complete", out, err)
		}
		if took := time.Since(now); took != 40*time.Second {
			t.Errorf("the sweep took %s, want 10 s for each two that do not answer", took)
		}
		// Those that failed are not first again.
		d.table.armed[engine.Wakeup{InstanceID: "i-9", Due: now}] = true
		if out, err := sweep(t, e, 54*time.Second, 2); err != nil || out.Woken != 1 || !out.Complete {
			t.Errorf("the next sweep: %+v, %v, want the one that is due", out, err)
		}
		if len(d.table.armed) != 8 {
			t.Errorf("wake-ups %v, want one of each that failed", d.table.armed)
		}
	})
}

// paced is an engine with the room of its function instance.
func (d *desk) paced(sends *engine.SendCap) *engine.Engine {
	e := d.real(d.engine(policy()))
	e.Sends, e.Sleep = sends, func(_ context.Context, wait time.Duration) { time.Sleep(wait) }
	return e
}

// An instance whose commands find no room is put aside; others are not held up,
// and it is visited again when there is room.
// (decide rules 94, 95)
func TestAnInstanceWithoutRoomIsPutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(3, own(2))
		out, err := sweep(t, d.paced(&engine.SendCap{PerMinute: 3}), timeLimit, 1)
		if err != nil || out.Woken != 1 || out.Waiting != 2 || out.Complete || len(d.cloud.invocations) != 3 {
			t.Errorf("sweep %+v, %v, %d commands; want three sent, and two instances that wait", out, err, len(d.cloud.invocations))
		}
		// The next minute was too far away for that sweep, but is not for a longer one.
		time.Sleep(time.Until(now.Truncate(time.Minute).Add(50 * time.Second)))
		began := time.Now()
		out, err = sweep(t, d.paced(&engine.SendCap{PerMinute: 2}), time.Minute, 1)
		if took := time.Since(began); err != nil || out.Woken != 2 || !out.Complete || len(d.cloud.invocations) != 6 || took < 10*time.Second {
			t.Errorf("sweep %+v, %v, %d commands, after %s; want all sent after a wait", out, err, len(d.cloud.invocations), took)
		}
	})
}

// No sweep looks at it without room again, until something else is due.
// (decide rule 95)
func TestWithoutRoomNoSweepLooksAtAnInstanceTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(20, own(2))
		sends := &engine.SendCap{PerMinute: 3}
		for n, want := range []struct{ loads, sent int }{
			{21, 3}, // all, and the second one again, which had room for one command
			{5, 6},  // and those whose claims may have ended
			{5, 9},
		} {
			before := d.count("load")
			out, err := sweep(t, d.paced(sends), 50*time.Second, 1)
			if loads := d.count("load") - before; err != nil || out.Failed > 0 || len(d.cloud.invocations) != want.sent || loads > want.loads {
				t.Errorf("sweep %d: %+v, %v, %d commands in all, %d loads; want %d, and %d at most", n, out, err, len(d.cloud.invocations), loads, want.sent, want.loads)
			}
			time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		}
		// When they expire, they need no room.
		time.Sleep(policy().TaskTTL)
		d.mu.Lock()
		d.alerts = nil
		d.mu.Unlock()
		for range 3 {
			if _, err := sweep(t, d.paced(&engine.SendCap{PerMinute: 1}), 50*time.Second, 1); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
		}
		waiting := 0
		for id := range d.table.rows {
			waiting += d.table.state(id).Instance.Waiting
		}
		if waiting != 0 {
			t.Errorf("%d tasks wait beyond their time", waiting)
		}
	})
}

// (decide rules 22, 93, 95)
func TestTwoSweepsAtOnceSendEachCommandOnce(t *testing.T) {
	for _, room := range []int{1000, 20} {
		synctest.Test(t, func(t *testing.T) {
			b := newBacklog(20, 1000, own(3))
			for n := 0; n < 5; n++ {
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() {
						if out, err := sweep(t, b.paced(&engine.SendCap{PerMinute: room}), 50*time.Second, 4); err != nil {
							t.Errorf("sweep %+v, %v", out, err)
						}
					})
				}
				both.Wait()
				time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
			}
			if n := len(b.cloud.invocations); n != 60 || b.accepted.Load() != 60 {
				t.Errorf("with room for %d: %d commands, sent %d times, want 60 and 60", room, n, b.accepted.Load())
			}
		})
	}
}

// (decide rules 28, 95)
func TestASweepStopsBeforeItsDeadlineAndTheNextContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 20 * time.Second
		b := newBacklog(100, 1000, own(3))
		sends := &engine.SendCap{PerMinute: 120}
		for sweeps := 0; ; sweeps++ {
			e := b.paced(sends)
			began := time.Now()
			out, err := sweep(t, e, limit, 4)
			out.Outcomes = nil
			if took := time.Since(began); err != nil || out.Failed > 0 || took > limit || b.last.Sub(began) > limit-2*time.Second {
				t.Fatalf("sweep %+v, %v took %s, and sent a command after %s", out, err, took, b.last.Sub(began))
			}
			if out.Complete {
				if sweeps < 2 || b.accepted.Load() != 300 {
					t.Errorf("%d commands were sent by %d sweeps", b.accepted.Load(), sweeps+1)
				}
				return
			}
			if out.Waiting == 0 {
				t.Errorf("sweep %+v is not complete, and nothing waits", out)
			}
			time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		}
	})
}

// A test can shorten the minute.
// (decide rule 39)
func TestTheRoomIsThatOfAMinuteOfThePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(5, 1000, own(1))
		out, err := sweep(t, b.paced(&engine.SendCap{PerMinute: 1, Minute: time.Second}), 20*time.Second, 1)
		if out.Outcomes = nil; err != nil || !out.Complete || b.accepted.Load() != 5 {
			t.Errorf("sweep %+v, %v: %d commands were sent, want 5 in as many seconds", out, err, b.accepted.Load())
		}
	})
}

// (decide rule 39)
func TestARefusalClosesTheRoomForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(20, 0, own(3))
		if out, err := sweep(t, b.paced(&engine.SendCap{PerMinute: 1000}), 20*time.Second, 1); err != nil || out.Waiting != 19 {
			t.Errorf("sweep %+v, %v; want 19 instances that wait", out, err)
		}
		// One claim, one refusal, and what became of it.
		if n := b.count("commit"); n != 2 || b.refused.Load() != 1 {
			t.Errorf("%d commits and %d refusals, want 2 and 1", n, b.refused.Load())
		}
	})
}

// (decide rule 95)
func TestASweepSpreadsItsCommandsOverItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(3, own(20))
		var sent []time.Time
		d.on = func(what, _ string) fate {
			if what == "send" {
				sent = append(sent, time.Now())
			}
			return fate{}
		}
		out, err := sweep(t, d.paced(&engine.SendCap{PerMinute: 60}), time.Minute, 1)
		if err != nil || !out.Complete || len(sent) != 60 || sent[59].Sub(sent[0]) < 30*time.Second {
			t.Errorf("sweep %+v, %v, sent at %v; want 60 commands in the better part of a minute", out, err, sent)
		}
	})
}
