package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// (decide rules 93, 94)
func TestInstancesThatDoNotAnswerStopNoSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		stuck := map[string]bool{}
		d.wait = func(ctx context.Context, what, id string) error {
			if what != "load" || !stuck[id] {
				return nil
			}
			return hanging("load")(ctx, what, id)
		}
		for n := range 10 {
			w := engine.Wakeup{InstanceID: fmt.Sprint("i-", n), Due: now.Add(time.Duration(n-60) * time.Second)}
			d.table.armed[w] = true
			stuck[w.InstanceID] = n < 8
		}
		sweep := func() engine.Sweep {
			e := d.real(d.engine(policy()))
			ctx, cancel := context.WithTimeout(t.Context(), 54*time.Second)
			defer cancel()
			out, err := e.Sweep(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		// Two at a time, each for 10 s: the two others come last.
		if out := sweep(); out.Woken != 10 || out.Failed != 8 || out.Complete {
			t.Errorf("sweep %+v, want ten woken, eight of them failed, and not complete", out)
		}
		if took := time.Since(now); took != 40*time.Second {
			t.Errorf("the sweep took %s, want 10 s for each two that do not answer", took)
		}
		// Those that failed are not first again.
		d.table.armed[engine.Wakeup{InstanceID: "i-9", Due: now}] = true
		if out := sweep(); out.Woken != 1 || !out.Complete {
			t.Errorf("the next sweep: %+v, want the one that is due", out)
		}
		if len(d.table.armed) != 8 {
			t.Errorf("wake-ups %v, want one of each that failed", d.table.armed)
		}
	})
}

// reads counts the reads of stops and breakers.
func reads(d *desk) *int {
	n := new(int)
	d.on = func(what, _ string) fate {
		if what == "control" {
			*n++
		}
		return fate{}
	}
	return n
}

// (decide rule 94)
func TestASweepReadsStopsOnce(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true")))
	d := fleetDesk(20)
	n := reads(d)
	if s, err := d.engine(p).Sweep(t.Context(), 4); err != nil || !s.Complete || *n != 1 {
		t.Errorf("sweep %+v, %v: stops were read %d times, want once", s, err, *n)
	}
	// Nothing was due: a load and a removal for each, beside the list.
	if len(d.made) != 1+2*20 {
		t.Errorf("%d calls, want two for each of 20", len(d.made))
	}
}

// DESIGN 4.13: a stop that comes during a long sweep is heard of before a claim.
// (decide rule 83)
func TestNoClaimReliesOnOldStops(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true")))
	for age, want := range map[time.Duration]int{5 * time.Second: 1, 6 * time.Second: 2} {
		t.Run(age.String(), func(t *testing.T) {
			d := fleetDesk(1)
			e := d.engine(p)
			n := reads(d)
			mustSweep(t, e)
			d.clock = now.Add(age)
			d.store(state(decide.BootBootable, task("a")))
			mustHandle(t, e, decide.WakeUp{})
			if *n != want || len(d.cloud.invocations) != 1 {
				t.Errorf("stops were read %d times and %d commands sent, want %d and 1", *n, len(d.cloud.invocations), want)
			}
		})
	}
	t.Run("a command of a flow that is stopped meanwhile stays", func(t *testing.T) {
		d := fleetDesk(1)
		e := d.engine(p)
		mustSweep(t, e)
		d.clock = now.Add(time.Minute)
		d.store(state(decide.BootBootable))
		d.table.stop(decide.Stop{By: "ann", At: d.clock})
		end := happened("s-1")
		end.Event.FinishTime = d.clock
		mustHandle(t, e, end)
		if len(d.cloud.invocations) != 0 {
			t.Error("a stopped command was sent")
		}
	})
}

// An instance whose commands find no room is put aside; others are not held up,
// and it is visited again when there is room.
// (decide rules 94, 95)
func TestAnInstanceWithoutRoomIsPutAside(t *testing.T) {
	d := fleetDesk(3, own(2))
	e := d.engine(policy())
	e.Sends = &engine.SendCap{PerMinute: 3}
	var slept time.Duration
	e.Sleep = func(_ context.Context, wait time.Duration) { slept += wait; d.clock = d.clock.Add(wait) }
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	out, err := e.Sweep(ctx, 1)
	if err != nil || out.Woken != 3 || out.Waiting != 2 || out.Complete || len(d.cloud.invocations) != 3 {
		t.Errorf("sweep %+v, %v, %d commands; want three sent, and two instances that wait", out, err, len(d.cloud.invocations))
	}
	// The next minute is too far away for this sweep, but not for a longer one.
	d.clock = d.clock.Truncate(time.Minute).Add(50 * time.Second)
	e = d.engine(policy())
	e.Sends = &engine.SendCap{PerMinute: 2}
	e.Sleep = func(_ context.Context, wait time.Duration) { slept += wait; d.clock = d.clock.Add(wait) }
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err = e.Sweep(ctx, 1)
	if err != nil || out.Woken != 2 || out.Waiting != 0 || !out.Complete || len(d.cloud.invocations) != 6 || slept == 0 {
		t.Errorf("sweep %+v, %v, %d commands, slept %s; want all sent after a wait", out, err, len(d.cloud.invocations), slept)
	}
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
		e := d.real(d.engine(policy()))
		e.Sends = &engine.SendCap{PerMinute: 60}
		e.Sleep = func(_ context.Context, wait time.Duration) { time.Sleep(wait) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := e.Sweep(ctx, 1)
		if err != nil || !out.Complete || len(sent) != 60 || sent[59].Sub(sent[0]) < 30*time.Second {
			t.Errorf("sweep %+v, %v, sent at %v; want 60 commands in the better part of a minute", out, err, sent)
		}
	})
}

// Twenty runs that end with five alerts each, and count for a breaker, do not fit into
// the commit of their commands' results.
// (decide rule 101)
func TestResultsThatDoNotFitFollowInTheNextCommit(t *testing.T) {
	var list []flow.Definition
	for i := range 20 {
		f := define(fmt.Sprint("flow-", i), onEnd, byOthers, run("only", "only", "true"))
		f.Limits.Fleet = &flow.FleetLimit{MaxFailures: 1000, Window: flow.Duration(time.Hour), ResumeAfter: flow.Duration(time.Hour)}
		for j := range 5 {
			f.Finally = append(f.Finally, say(fmt.Sprint("tell-", j), "it is over"))
		}
		list = append(list, f)
	}
	d := newDesk()
	d.table.broken = t.Errorf
	d.store(state(decide.BootBootable))
	d.on = func(what, _ string) fate {
		if what == "send" {
			return fate{err: engine.ErrInvalid}
		}
		return fate{}
	}
	mustHandle(t, d.engine(flows(list...)), happened("s-1"))
	if ended := logged[decide.FlowRun](d.table, "i-1", "flow"); len(ended) != 20 || len(d.table.state("i-1").Runs) > 0 {
		t.Errorf("%d runs have ended, want 20", len(ended))
	}
}

// Each of 12 ends that no event reported is made good, and one alert says so, whichever
// sweeps see them. (decide rule 96)
func TestSweepsCountTheirRepairsTogether(t *testing.T) {
	p := policy()
	p.AlertOn = map[event.Status]bool{}
	d := fleetDesk(12, func(s *decide.State) { task("a-"+s.Instance.ID, running("t-"+s.Instance.ID), overdue)(s) })
	for n := range 12 {
		id := fmt.Sprint("i-", n)
		i := d.cloud.stranger(id, now.Add(-time.Minute), 0)
		i.id, i.status, i.finished = "t-"+id, event.StatusSuccess, now.Add(-time.Second)
	}
	for id := range d.table.rows {
		if id > "i-2" { // the first sweep finds five
			delete(d.table.armed, engine.Wakeup{InstanceID: id, Due: now})
		}
	}
	sweep := func(repairs, alerts int) {
		t.Helper()
		s, err := d.engine(p).Sweep(t.Context(), 4)
		if err != nil || s.Repairs[decide.RepairEnd] != repairs || len(d.alerts) != alerts {
			t.Fatalf("sweep %+v, %v, and %d alerts; want %d ends and %d alerts", s, err, len(d.alerts), repairs, alerts)
		}
	}
	sweep(5, 0)
	for id := range d.table.rows {
		if id > "i-2" && id[0] == 'i' {
			d.table.armed[engine.Wakeup{InstanceID: id, Due: now}] = true
		}
	}
	sweep(7, 1)
	if a := d.alerts[0]; a.Kind != decide.AlertRepairs || a.InstanceID != "" {
		t.Errorf("the alert is %+v, want one of repairs that is about no instance", a)
	}
	sweep(0, 1)
}
