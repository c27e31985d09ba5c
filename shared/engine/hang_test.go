package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// (decide rule 2)
func TestAnAnswerThatDoesNotComeLeavesTimeToCommit(t *testing.T) {
	for name, boot := range map[string]decide.BootState{"the agent's status": decide.BootUnknown, "a send": decide.BootBootable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				d.store(state(boot))
				d.wait = hanging("agent", "send")
				mustHandle(t, d.real(d.engine(policy())), submission("a"))
				if took := time.Since(now); took != timeLimit-2*time.Second || strings.Count(d.calls(), "commit") == 0 {
					t.Errorf("calls %s after %s, want a commit 2 s before the end", d.calls(), took)
				}
			})
		})
	}
}

// (decide rules 51, 92)
func TestNoResultWaitsForAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a"), task("b", running("t-b"))))
		d.wait = hanging("alert")
		start := time.Now()
		out := mustHandle(t, d.engine(policy()), ended("t-b", "b", "Failed", "ExitCodeNonzero"))
		if took := time.Since(start); took != 3*time.Second || out.Left != 1 {
			t.Errorf("it took %s with %d effects left, want the 3 s of an alert, which is left", took, out.Left)
		}
		if got, want := d.calls(), "load queue arm commit send commit arm commit"; got != want {
			t.Errorf("calls: %s\nwant:  %s", got, want)
		}
	})
}

// flows is a policy with these flows, which alerts of no command's end.
func flows(list ...flow.Definition) decide.Policy {
	p := policy()
	p.AlertOn = map[event.Status]bool{}
	p.Flows = flow.NewSet(list)
	return p
}

// byOthers is the condition of flows that do not lead to themselves.
const byOthers = `event.commandName == "a stranger's"`

// [51] The stop switch costs no time. One that cannot be read starts no flow, and
// keeps no input from being committed.
// (decide rule 83)
func TestTheStopSwitchIsReadBesideTheLoad(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true")))
	d := newDesk()
	d.store(state(decide.BootBootable))
	e := d.engine(p)
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
			return errors.New("stops are not read beside the load")
		}
	}
	if mustHandle(t, e, happened("s-1")); d.calls() != "load arm commit send commit" {
		t.Errorf("calls: %s", d.calls())
	}
	d.wait = nil
	n := reads(d)
	for i, p := range []decide.Policy{p, policy()} {
		if mustHandle(t, d.engine(p), happened(fmt.Sprint("u-", i))); *n != i+1 {
			t.Errorf("with %d flows: they were read %d times, want %d", p.Flows.Len(), *n, i+1)
		}
	}
	d.store(state(decide.BootBootable))
	d.on = failing("control", 1, refused)
	out := mustHandle(t, d.engine(p), happened("s-5"))
	r := only(t, d.table.state("i-1").Runs)
	if !r.StartedAt.IsZero() || len(d.cloud.invocations) != 1 || len(out.Notes) == 0 || out.Notes[0].What != "stops and breakers unknown" {
		t.Errorf("run %+v, notes %v, want it to wait", r, out.Notes)
	}
}

// The read of stops has a time of its own, so that one which hangs leaves time to
// commit.
// (decide rules 6, 83)
func TestStopsThatHangKeepNothingFromBeingCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(2)
		e := d.engine(reacting())
		e.Now = func() time.Time { return time.Now().UTC() }
		d.wait = hanging("control")
		began := time.Now()
		r := handleAll(t, e, ends("i-0", "a"), ends("i-1", "b"))
		if took := time.Since(began); r.err["0/0"] != nil || r.err["1/0"] != nil || took != 5*time.Second {
			t.Errorf("%v after %s, want both committed after 5 s", r.err, took)
		}
		for _, id := range []string{"i-0", "i-1"} {
			if s := d.table.state(id); len(s.Tasks) > 0 || len(s.Runs) != 1 {
				t.Errorf("%s has the tasks %v and the runs %v, want a run that waits", id, s.Tasks, s.Runs)
			}
		}
	})
}
