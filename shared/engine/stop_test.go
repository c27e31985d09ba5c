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

// The read of stops has a time of its own, so that one which hangs leaves time to
// commit.
// (decide rules 6, 83)
func TestStopsThatHangKeepNothingFromBeingCommitted(t *testing.T) {
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
func TestASweepReadsStopsOnce(t *testing.T) {
	d := fleetDesk(20)
	if s, err := d.engine(withFlows(t, oneStep)).Sweep(t.Context(), 4); err != nil || !s.Complete || d.reads != 1 {
		t.Errorf("sweep %+v, %v: stops were read %d times, want once", s, err, d.reads)
	}
	// Nothing was due: a load and a removal for each, beside the list.
	if len(d.made) != 1+2*20 {
		t.Errorf("%d calls, want two for each of 20", len(d.made))
	}
}

// A stop that comes during a long invocation is heard of before a claim.
// (decide rule 83)
func TestNoClaimReliesOnOldStops(t *testing.T) {
	for name, c := range map[string]struct {
		age         time.Duration
		stopped     bool
		reads, sent int
	}{
		"those read 5 s ago are relied on":        {5 * time.Second, true, 1, 1},
		"older ones are read again":               {6 * time.Second, false, 2, 1},
		"a command that is stopped by then stays": {6 * time.Second, true, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := fleetDesk(1)
			e := d.engine(withFlows(t, oneStep))
			mustSweep(t, e)
			d.clock = now.Add(c.age)
			if c.stopped {
				d.table.stop(decide.Stop{By: "ann", At: d.clock})
			}
			d.store(state(decide.BootBootable))
			mustHandle(t, e, happened("s-1"))
			if d.reads != c.reads || len(d.cloud.invocations) != c.sent {
				t.Errorf("stops were read %d times and %d commands sent, want %d and %d", d.reads, len(d.cloud.invocations), c.reads, c.sent)
			}
		})
	}
}

// TestAStopHoldsWhatIsClaimedAfterIt: it lands at each call of a release that takes
// several commits, which lasts for 6 s more. Nothing is lost, and a resume needs no
// list.
// (decide rules 83, 84, 85, 87)
func TestAStopHoldsWhatIsClaimedAfterIt(t *testing.T) {
	const tasks = 45
	labelled := func(t *decide.Task) { t.Labels = []string{"other", "nightly"} }
	queue := func(s *decide.State) {
		for i := range tasks {
			task(fmt.Sprint(100+i), labelled)(s)
		}
	}
	for _, scope := range []decide.Scope{{}, {Instance: "i-1"}, {Label: "nightly"}} {
		t.Run(scope.String(), func(t *testing.T) {
			for n, landed := 1, true; landed; n++ {
				landed = false
				d := newDesk()
				d.store(state(decide.BootWaiting, queue))
				calls, claimed, unread := 0, 0, true
				d.on = func(what, _ string) (f fate) {
					if calls++; calls == n {
						landed = true
						d.table.stop(decide.Stop{Scope: scope, By: "ann", At: d.clock})
						claimed = len(d.cloud.invocations)
						for _, s := range d.table.state("i-1").Sends {
							if s.FirstSent.IsZero() {
								t.Errorf("send %s is not claimed", s.Key)
							}
							claimed++
						}
						if !unread {
							claimed += 20 // of the commit under way
						}
						f.takes = 6 * time.Second
					}
					unread = unread && (what != "control" || landed)
					return f
				}
				mustHandle(t, d.engine(policy()), beat(0, time.Second))
				if got := len(d.cloud.invocations); landed && got > min(claimed, tasks) {
					t.Errorf("call %d: %d commands were sent, of which %d were claimed when it landed, or just after", n, got, claimed)
				}
				d.on = nil
				before := len(d.cloud.invocations)
				wakeAll := func() {
					t.Helper()
					d.clock = d.clock.Add(6 * time.Minute)
					if s, err := d.engine(policy()).Sweep(t.Context(), 1); err != nil || !s.Complete || s.Woken == 0 && before < tasks {
						t.Errorf("call %d: sweep %+v, %v", n, s, err)
					}
				}
				if wakeAll(); landed && len(d.cloud.invocations) != before {
					t.Errorf("call %d: %d commands were sent while it was stopped", n, len(d.cloud.invocations)-before)
				}
				d.table.resume(scope, d.clock)
				wakeAll()
				if got := len(d.cloud.invocations); got != tasks {
					t.Errorf("call %d: %d commands were sent in all, want %d", n, got, tasks)
				}
			}
		})
	}
}
