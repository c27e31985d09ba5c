package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// reported is what became of an input.
type reported struct {
	engine.Outcome
	err error
}

// handleAll handles an array, and returns what became of its inputs by "part/input".
func handleAll(ctx context.Context, t *testing.T, e *engine.Engine, parts ...engine.Part) map[string]reported {
	t.Helper()
	var mu sync.Mutex
	all, inputs := map[string]reported{}, 0
	e.HandleAll(ctx, parts, func(part, input int, out engine.Outcome, err error) {
		mu.Lock()
		defer mu.Unlock()
		all[fmt.Sprint(part, "/", input)] = reported{out, err}
		inputs--
	})
	for _, part := range parts {
		inputs += len(part.Inputs)
	}
	if inputs != 0 || len(all) == 0 {
		t.Errorf("%d inputs more are there than are reported: %v", inputs, all)
	}
	return all
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
		id := fmt.Sprint("i-", n)
		named := func(s *decide.State) { s.Instance.ID = id }
		d.store(state(decide.BootBootable, append([]func(*decide.State){named}, rows...)...))
		d.table.armed[engine.Wakeup{InstanceID: id, Due: now}] = true
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

// Three instances, one of them with two inputs.
// (decide rules 2, 51, 110)
func TestAnArrayIsCommittedThenSentThenDelivered(t *testing.T) {
	d := fleetDesk(3)
	r := handleAll(t.Context(), t, d.engine(withFlows(t, oneStep)), ends("i-0", "a", "b"), ends("i-1", "c"), ends("i-2", "d"))
	place := map[string][]int{}
	for i, call := range d.made {
		place[call] = append(place[call], i)
	}
	commits, sends, alerts := place["commit"], place["send"], place["alert"]
	if len(sends) != 3 || len(alerts) != 4 || commits[3] > sends[0] || sends[2] > alerts[0] {
		t.Errorf("calls: %s\nwant four commits, then three sends, then four alerts", d.calls())
	}
	if len(place["load"]) != 3 {
		t.Errorf("%d loads, want one for each instance", len(place["load"]))
	}
	// The first run of i-0 is under way, so the other waits. What was performed is in the
	// outcome of the last input.
	for input, performed := range map[string]int{"0/0": 0, "0/1": 3, "1/0": 2, "2/0": 2} {
		if o := r[input]; o.err != nil || o.Performed != performed || o.Left != 0 || o.Duplicate || o.Trouble != nil {
			t.Errorf("input %s: %+v, want %d performed", input, o, performed)
		}
	}
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
			r := handleAll(t.Context(), t, d.engine(withFlows(t, oneStep)), ends("i-0", "a"), ends("i-1", "b", "c"), ends("i-2", "d"))
			var p *engine.Panic
			if err := r["1/0"].err; err == nil || errors.As(err, &p) != panics || len(d.cloud.invocations) != 3 {
				t.Errorf("input b: %v, and %d commands were sent, want three", err, len(d.cloud.invocations))
			}
			for _, input := range []string{"0/0", "1/1", "2/0"} {
				if o := r[input]; o.err != nil || o.Left != 0 || o.Performed != 2 {
					t.Errorf("input %s: %+v, want it committed, sent and alerted", input, o)
				}
			}
		})
	}
}
