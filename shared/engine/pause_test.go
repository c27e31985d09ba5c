package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
)

// The stop switch costs no time: each of the two calls answers only when the other is
// under way. (decide rule 83) [51]
func TestTheStopSwitchIsReadBesideTheLoad(t *testing.T) {
	d := fleetDesk(1)
	begun := map[string]chan struct{}{"load": make(chan struct{}), "control": make(chan struct{})}
	other := map[string]string{"load": "control", "control": "load"}
	d.wait = func(ctx context.Context, what, _ string) error {
		if begun[what] == nil {
			return nil
		}
		close(begun[what])
		select {
		case <-begun[other[what]]:
			return nil
		case <-ctx.Done():
			return errors.New("the other call was not made beside this one")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	if r := handleAll(ctx, t, d.engine(withFlows(t, oneStep)), ends("i-0", "a")); r["0/0"].err != nil || d.count("send") != 1 {
		t.Errorf("%+v, calls: %s, want a command of the flow sent", r, d.calls())
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
		r := handleAll(t.Context(), t, e, ends("i-0", "a"), ends("i-1", "b"))
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
