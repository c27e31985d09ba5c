package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// flows is a policy with these flows, which alerts of no command's end.
func flows(list ...flow.Definition) decide.Policy {
	p := policy()
	p.AlertOn = map[event.Status]bool{}
	p.Flows = flow.NewSet(list)
	return p
}

// byOthers is the condition of flows that do not lead to themselves.
const byOthers = `event.commandName == "a stranger's"`

// besideLoad answers only when the other of the two calls is under way.
type besideLoad struct {
	*desk
	loading, reading chan struct{}
}

func (b besideLoad) Load(ctx context.Context, id string) (decide.State, error) {
	close(b.loading)
	if !met(b.reading) {
		return decide.State{}, errors.New("what is said about flows is not read beside the load")
	}
	return b.desk.Load(ctx, id)
}

func (b besideLoad) Control(ctx context.Context) (decide.Control, error) {
	close(b.reading)
	met(b.loading)
	return b.desk.Control(ctx)
}

func met(other chan struct{}) bool {
	select {
	case <-other:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

// [51] The stop switch costs no time. One that cannot be read starts no flow, and
// keeps no input from being committed.
// (decide rule 83)
func TestTheStopSwitchIsReadBesideTheLoad(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true")))
	d := newDesk()
	d.store(state(decide.BootBootable))
	e := d.engine(p)
	b := besideLoad{d, make(chan struct{}), make(chan struct{})}
	e.Ledger, e.Shared = b, b
	if mustHandle(t, e, happened("s-1")); d.calls() != "load arm commit send commit" {
		t.Errorf("calls: %s", d.calls())
	}
	n := reads(d)
	for i, c := range []struct {
		name string
		p    decide.Policy
		want int // reads, until now
	}{{"with flows", p, 1}, {"without flows, but with runs of some", policy(), 2}, {"without flows and runs", policy(), 2}} {
		if i == 2 {
			d.store(state(decide.BootBootable))
		}
		if mustHandle(t, d.engine(c.p), happened(fmt.Sprint("u-", i))); *n != c.want {
			t.Errorf("%s: they were read %d times, want %d", c.name, *n, c.want)
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
		e := d.engine(reacting())
		e.Now = func() time.Time { return time.Now().UTC() }
		e.Shared = hangingControl{d}
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

type hangingControl struct{ *desk }

func (hangingControl) Control(ctx context.Context) (decide.Control, error) {
	<-ctx.Done()
	return decide.Control{}, ctx.Err()
}
