package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// reported are the outcomes of an array by "part/input".
type reported struct {
	out map[string]engine.Outcome
	err map[string]error
}

// handleAll handles an array with the time of an invocation.
func handleAll(t *testing.T, e *engine.Engine, parts ...engine.Part) reported {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	var mu sync.Mutex
	r := reported{map[string]engine.Outcome{}, map[string]error{}}
	e.HandleAll(ctx, parts, func(part, input int, out engine.Outcome, err error) {
		mu.Lock()
		defer mu.Unlock()
		place := fmt.Sprint(part, "/", input)
		if _, twice := r.out[place]; twice {
			t.Errorf("input %s is reported twice", place)
		}
		r.out[place], r.err[place] = out, err
	})
	for p, part := range parts {
		for i := range part.Inputs {
			if _, there := r.out[fmt.Sprint(p, "/", i)]; !there {
				t.Errorf("input %d/%d is not reported", p, i)
			}
		}
	}
	return r
}

// ends is a part of an array: the ends of others' commands on an instance, which
// failed.
func ends(instanceID string, invokeIDs ...string) engine.Part {
	p := engine.Part{InstanceID: instanceID}
	for _, id := range invokeIDs {
		e := ended(id, "", event.StatusFailed, "ExitCodeNonzero")
		e.Event.InstanceID = instanceID
		p.Inputs = append(p.Inputs, e)
	}
	return p
}

// fleetDesk has bootable instances, with these rows in each, and a wake-up of each.
func fleetDesk(instances int, rows ...func(*decide.State)) *desk {
	d := newDesk()
	for n := range instances {
		s := state(decide.BootBootable)
		s.Instance.ID = fmt.Sprint("i-", n)
		for _, row := range rows {
			row(&s)
		}
		d.store(s)
		d.table.armed[engine.Wakeup{InstanceID: s.Instance.ID, Due: now}] = true
	}
	return d
}

// own are so many tasks of each instance.
func own(tasks int) func(*decide.State) {
	return func(s *decide.State) {
		for i := range tasks {
			task(fmt.Sprint(s.Instance.ID[2:], "a", i))(s)
		}
	}
}

// reacting is a policy with a flow and alerts.
func reacting() decide.Policy {
	p := policy()
	p.Flows = flows(define("f", onEnd, byOthers, run("one", "f/one", "true"))).Flows
	return p
}

// Three instances, one of them with two inputs.
// (decide rules 2, 51, 110)
func TestAnArrayIsCommittedThenSentThenDelivered(t *testing.T) {
	d := fleetDesk(3)
	r := handleAll(t, d.engine(reacting()), ends("i-0", "a", "b"), ends("i-1", "c"), ends("i-2", "d"))
	calls := strings.Fields(d.calls())
	place := func(what string) []int {
		var out []int
		for i, c := range calls {
			if c == what {
				out = append(out, i)
			}
		}
		return out
	}
	commits, sends, alerts := place("commit"), place("send"), place("alert")
	if len(sends) != 3 || len(alerts) != 4 || commits[3] > sends[0] || sends[2] > alerts[0] {
		t.Errorf("calls: %s\nwant four commits, then three sends, then four alerts", d.calls())
	}
	if loads := place("load"); len(loads) != 3 {
		t.Errorf("%d loads, want one for each instance", len(loads))
	}
	// The first run of i-0 is under way, so the other waits. What was performed is in the
	// outcome of the last input.
	for input, performed := range map[string]int{"0/0": 0, "0/1": 3, "1/0": 2, "2/0": 2} {
		if o := r.out[input]; r.err[input] != nil || o.Performed != performed || o.Left != 0 || o.Duplicate || o.Trouble != nil {
			t.Errorf("input %s: %+v, %v, want %d performed", input, o, r.err[input], performed)
		}
	}
}

// A channel that does not answer costs the invocation the time of one message,
// also if there are more instances than are handled side by side.
// (decide rule 51)
func TestMessagesThatHangCostAnArrayTheTimeOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fleetDesk(100)
		d.wait = hanging("alert")
		var parts []engine.Part
		for n := range 100 {
			parts = append(parts, ends(fmt.Sprint("i-", n), "a"))
		}
		e := d.real(d.engine(policy()))
		began := time.Now()
		r := handleAll(t, e, parts...)
		if took := time.Since(began); took != policy().MessageTime {
			t.Errorf("it took %s, want %s", took, policy().MessageTime)
		}
		// Also if the time of some begins when others have taken a part of it.
		d.wait = func(_ context.Context, what, _ string) error {
			if what == "alert" {
				time.Sleep(policy().MessageTime * 2 / 3)
			}
			return nil
		}
		for n := range parts {
			parts[n] = ends(parts[n].InstanceID, "b")
		}
		began = time.Now()
		handleAll(t, d.real(d.engine(policy())), parts...)
		if took := time.Since(began); took > policy().MessageTime*4/3 {
			t.Errorf("it took %s, want a round and what is left of the time", took)
		}
		for input, o := range r.out {
			if r.err[input] != nil || o.Left != 1 {
				t.Fatalf("input %s: %+v, %v, want its alert left", input, o, r.err[input])
			}
		}
	})
}

// A sweep waits for it once, and sends the commands of all.
// (decide rule 51)
func TestMessagesThatHangCostASweepTheTimeOfOneInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		news := func(s *decide.State) {
			m := decide.Message{Key: id("m"), Rev: 1, Kind: decide.MessageAlert, Alert: &decide.Alert{}, PlannedAt: now}
			s.Messages[m.Row()] = m
		}
		d := fleetDesk(9, task("a"), news)
		e := d.real(d.engine(policy()))
		d.wait = hanging("alert")
		ctx, cancel := context.WithTimeout(t.Context(), 54*time.Second)
		defer cancel()
		out, err := e.Sweep(ctx, 3)
		took, sends := time.Since(now), strings.Count(d.calls(), "send")
		if err != nil || out.Woken != 9 || took != policy().MessageTime || sends != 9 {
			t.Errorf("the sweep woke %d, %v, took %s and sent %d commands, want nine, %s and nine", out.Woken, err, took, sends, policy().MessageTime)
		}
	})
}

// (decide rules 6, 110)
func TestAnInputThatIsNotCommittedStopsNoOther(t *testing.T) {
	for name, panics := range map[string]bool{"its load is refused": false, "its load panics": true} {
		t.Run(name, func(t *testing.T) {
			d := fleetDesk(3)
			failed := false
			d.on = func(what, detail string) fate {
				if failed || what != "load" || detail != "i-1" {
					return fate{}
				}
				if failed = true; panics {
					panic("!")
				}
				return refused
			}
			r := handleAll(t, d.engine(reacting()), ends("i-0", "a"), ends("i-1", "b", "c"), ends("i-2", "d"))
			var p *engine.Panic
			if err := r.err["1/0"]; err == nil || errors.As(err, &p) != panics || len(d.cloud.invocations) != 3 {
				t.Errorf("input b: %v, and %d commands were sent, want three", err, len(d.cloud.invocations))
			}
			for _, input := range []string{"0/0", "1/1", "2/0"} {
				if o := r.out[input]; r.err[input] != nil || o.Left != 0 || o.Performed != 2 {
					t.Errorf("input %s: %+v, %v, want it committed, sent and alerted", input, o, r.err[input])
				}
			}
		})
	}
}

// An event that is in an array twice is a duplicate the second time, and not the
// commit of the first. After a duplicate the instance is loaded again: another
// invocation may have changed it.
// (decide rule 12)
func TestADuplicateInAnArrayIsOne(t *testing.T) {
	d := fleetDesk(1)
	d.on = func(what, _ string) fate {
		if what == "recorded" {
			d.table.rev["i-0"]++
		}
		return fate{}
	}
	r := handleAll(t, d.engine(policy()), ends("i-0", "a", "a", "b", "b"))
	for input, performed := range map[string]int{"0/0": 0, "0/1": 0, "0/2": 2, "0/3": 0} {
		o, want := r.out[input], input == "0/1" || input == "0/3"
		if o.Duplicate != want || o.Performed != performed || o.Left > 0 || r.err[input] != nil {
			t.Errorf("input %s: %+v, %v, want duplicate %v and %d performed", input, o, r.err[input], want, performed)
		}
	}
	if want := "load arm commit commit recorded load commit commit recorded alert alert"; !strings.HasPrefix(d.calls(), want) {
		t.Errorf("calls: %s\nwant:  %s", d.calls(), want)
	}
}

// slow runs a test with commits that take their time, and a clock that moves.
func slow(t *testing.T, d *desk, commit time.Duration, do func(*testing.T, *engine.Engine)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now.Truncate(time.Minute).Add(50 * time.Second)))
		e := d.engine(policy())
		e.Now = func() time.Time { return time.Now().UTC() }
		d.wait = func(_ context.Context, what, _ string) error {
			if what == "commit" {
				time.Sleep(commit)
			}
			return nil
		}
		do(t, e)
	})
}

// An input for which there is too little time is left, so that what was committed
// before it is sent.
// (decide rule 110)
func TestAnArrayLeavesTimeForItsSends(t *testing.T) {
	d := fleetDesk(1)
	slow(t, d, 17*time.Second, func(t *testing.T, e *engine.Engine) {
		beat := beat(0, time.Second)
		r := handleAll(t, e, engine.Part{InstanceID: "i-0", Inputs: []decide.Input{submission("a"), beat}})
		if !errors.Is(r.err["0/1"], engine.ErrLate) || len(d.cloud.invocations) != 1 {
			t.Errorf("the second input: %v, and %d commands were sent, want it left and one", r.err["0/1"], len(d.cloud.invocations))
		}
	})
}

// The room that a claim took is taken until its command is sent, also if a new
// minute begins in between.
// (decide rule 39)
func TestAnArrayKeepsTheRateThroughAMinutesTurn(t *testing.T) {
	d := fleetDesk(1)
	slow(t, d, 6*time.Second, func(t *testing.T, e *engine.Engine) {
		e.Sends = &engine.SendCap{PerMinute: 1}
		// Claimed at :50 and :56, and committed in the next minute.
		part := engine.Part{InstanceID: "i-0", Inputs: []decide.Input{submission("a"), submission("b"), submission("c")}}
		handleAll(t, e, part)
		if n := len(d.cloud.invocations); n != 1 {
			t.Errorf("%d commands were sent in a minute, want 1", n)
		}
	})
}

// (decide rule 83)
func TestAnArrayReadsStopsAgainBeforeALaterClaim(t *testing.T) {
	d := fleetDesk(1)
	n := reads(d)
	slow(t, d, 6*time.Second, func(t *testing.T, e *engine.Engine) {
		e.Policy = reacting()
		handleAll(t, e, engine.Part{InstanceID: "i-0", Inputs: []decide.Input{submission("a"), submission("b")}})
		if *n != 2 || len(d.cloud.invocations) != 2 {
			t.Errorf("stops were read %d times and %d commands sent, want 2 and 2", *n, len(d.cloud.invocations))
		}
	})
}
