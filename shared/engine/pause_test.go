package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
)

// [51] The stop switch costs no time. One that cannot be read starts no flow, and
// keeps no input from being committed.
// (decide rule 83)
func TestTheStopSwitchIsReadBesideTheLoad(t *testing.T) {
	p := withFlows(t, oneStep)
	d := newDesk()
	d.store(state(decide.BootBootable))
	// Each of the two calls answers only when the other is under way.
	begun := map[string]chan struct{}{"load": make(chan struct{}), "control": make(chan struct{})}
	other := map[string]string{"load": "control", "control": "load"}
	d.wait = func(_ context.Context, what, _ string) error {
		if begun[what] == nil {
			return nil
		}
		close(begun[what])
		select {
		case <-begun[other[what]]:
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("what is said about flows is not read beside the load")
		}
	}
	if mustHandle(t, d.engine(p), happened("s-1")); d.calls() != "load arm commit send commit" {
		t.Errorf("calls: %s", d.calls())
	}
	d.wait = nil
	for i, c := range []struct {
		name string
		p    decide.Policy
		want int // reads, until now
	}{{"with flows", p, 2}, {"without flows, but with runs of some", policy(), 3}, {"without flows and runs", policy(), 3}} {
		if i == 2 {
			d.store(state(decide.BootBootable))
		}
		if mustHandle(t, d.engine(c.p), happened(fmt.Sprint("u-", i))); d.reads != c.want {
			t.Errorf("%s: pauses were read %d times, want %d", c.name, d.reads, c.want)
		}
	}
	d.on = failing("control", 1, refused)
	out := mustHandle(t, d.engine(p), happened("s-5"))
	r := only(t, d.table.state("i-1").Runs)
	if !r.StartedAt.IsZero() || len(d.cloud.invocations) != 1 || len(out.Notes) == 0 || out.Notes[0].What != "pauses and breakers unknown" {
		t.Errorf("run %+v, notes %v, want it to wait", r, out.Notes)
	}
}

// The read of pauses has a time of its own, so that one which hangs leaves time to
// commit.
// (decide rules 6, 83)
func TestPausesThatHangKeepNothingFromBeingCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(2)
		e := d.real(d.engine(withFlows(t, oneStep)))
		d.wait = hanging("control")
		r := handleAll(t, e, ends("i-0", "a"), ends("i-1", "b"))
		if took := time.Since(now); r["0/0"].err != nil || r["1/0"].err != nil || took != 5*time.Second {
			t.Errorf("%v after %s, want both committed after 5 s", r, took)
		}
		for _, id := range []string{"i-0", "i-1"} {
			if s := d.table.state(id); len(s.Tasks) > 0 || len(s.Runs) != 1 {
				t.Errorf("%s has the tasks %v and the runs %v, want a run that waits", id, s.Tasks, s.Runs)
			}
		}
	})
}

// (decide rule 94)
func TestASweepReadsPausesOnce(t *testing.T) {
	d := fleetDesk(20)
	if s, err := d.engine(withFlows(t, oneStep)).Sweep(t.Context(), 4); err != nil || !s.Complete || d.reads != 1 {
		t.Errorf("sweep %+v, %v: pauses were read %d times, want once", s, err, d.reads)
	}
	// Nothing was due: a load and a removal for each, beside the list.
	if len(d.made) != 1+2*20 {
		t.Errorf("%d calls, want two for each of 20", len(d.made))
	}
}

// A pause that comes during a long invocation is heard of before a claim.
// (decide rule 83)
func TestNoClaimReliesOnOldPauses(t *testing.T) {
	for name, c := range map[string]struct {
		age         time.Duration
		paused      bool
		reads, sent int
	}{
		"those read 5 s ago are relied on":                 {5 * time.Second, true, 1, 1},
		"older ones are read again":                        {6 * time.Second, false, 2, 1},
		"a command of a flow that is paused by then stays": {6 * time.Second, true, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := fleetDesk(1)
			e := d.engine(withFlows(t, oneStep))
			mustSweep(t, e)
			d.clock = now.Add(c.age)
			if c.paused {
				d.table.control.Pauses["*"] = decide.Pause{Flow: decide.AllFlows, By: "ann", At: d.clock}
			}
			d.store(state(decide.BootBootable))
			mustHandle(t, e, happened("s-1"))
			if d.reads != c.reads || len(d.cloud.invocations) != c.sent {
				t.Errorf("pauses were read %d times and %d commands sent, want %d and %d", d.reads, len(d.cloud.invocations), c.reads, c.sent)
			}
		})
	}
}
