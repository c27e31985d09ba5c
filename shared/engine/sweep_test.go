package engine_test

import (
	"context"
	"fmt"
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
		if err != nil || out.Woken != 3 || out.Waiting != 2 || out.Complete || len(d.cloud.invocations) != 3 {
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
