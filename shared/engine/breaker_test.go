package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// breaking is a flow whose breaker opens for an hour when two of its runs fail
// within a window.
func breaking(window time.Duration) decide.Policy {
	f := define("f", onEnd, byOthers, run("only", "f/only", "true"))
	f.Limits.Fleet = &flow.FleetLimit{MaxFailures: 2, Window: flow.Duration(window), ResumeAfter: flow.Duration(time.Hour)}
	return flows(f)
}

// fail lets a run of the flow begin and its command fail.
func fail(t *testing.T, d *desk, p decide.Policy, invokeID string) {
	t.Helper()
	mustHandle(t, d.engine(p), happened(invokeID))
	for _, task := range d.table.state("i-1").Tasks {
		mustHandle(t, d.engine(p), endOf(task, event.StatusFailed, "ExitCodeNonzero"))
	}
}

// failLosing is fail, but from a call on nothing is committed, so its result is lost.
func failLosing(t *testing.T, d *desk, p decide.Policy, invokeID, call string) {
	t.Helper()
	mustHandle(t, d.engine(p), happened(invokeID))
	d.on = func(what, _ string) fate {
		if what == "commit" && slices.Contains(d.made, call) {
			return refused
		}
		return fate{}
	}
	task := only(t, d.table.state("i-1").Tasks)
	if out, err := handle(t, d.engine(p), endOf(task, event.StatusFailed, "")); err != nil || out.Trouble == nil {
		t.Fatalf("error %v, trouble %v, want the result lost", err, out.Trouble)
	}
	d.on = nil
}

// kinds are the kinds of the alerts that were delivered.
func (d *desk) kinds() string {
	var out []string
	for _, a := range d.alerts {
		out = append(out, string(a.Kind))
	}
	return strings.Join(out, " ")
}

// A function dies when it has opened the breaker. What it leaves is seen to when the
// window of the failures is over, or the breaker's time: the alerts come all the same.
// (decide rule 82)
func TestABreakerWhoseOpenerDied(t *testing.T) {
	p := breaking(10 * time.Minute)
	for _, late := range []time.Duration{11 * time.Minute, time.Hour + time.Minute} {
		d := newDesk()
		d.store(state(decide.BootBootable))
		fail(t, d, p, "s-1")
		failLosing(t, d, p, "s-2", "open")
		for _, at := range []time.Duration{late, 2 * time.Hour} {
			d.clock = now.Add(at)
			mustHandle(t, d.engine(p), decide.WakeUp{})
		}
		if d.kinds() != "breaker-opened breaker-closed" || len(d.table.control.Breakers) > 0 {
			t.Errorf("after %s: alerts %q, breakers %v, want it closed", late, d.kinds(), d.table.control.Breakers)
		}
	}
}

// A failure that a sweep counts long after the window counts at its own time.
// (decide rule 82)
func TestAFailureThatIsReportedLateCountsInItsOwnTime(t *testing.T) {
	p := breaking(time.Minute)
	for before, opens := range map[time.Duration]int{59 * time.Second: 1, 61 * time.Second: 0} {
		d := newDesk()
		d.store(state(decide.BootBootable))
		other := decide.FleetFailure{Flow: "f", RunID: "run-1", InstanceID: "i-2", At: now.Add(-before)}
		if _, err := d.CountFailure(t.Context(), other, now); err != nil {
			t.Fatal(err)
		}
		mustHandle(t, d.engine(p), happened("s-1"))
		d.on = failing("count", 1, refused)
		mustHandle(t, d.engine(p), endOf(only(t, d.table.state("i-1").Tasks), event.StatusFailed, ""))
		d.clock = now.Add(10 * time.Minute)
		if mustHandle(t, d.engine(p), decide.WakeUp{}); d.table.opened != opens {
			t.Errorf("with a failure %s before, the breaker opened %d times, want %d", before, d.table.opened, opens)
		}
	}
}

// A resume, and the end of a breaker's time, begin the count anew: neither the
// failures before them nor a count whose result was lost opens it again.
// (decide rule 82)
func TestABreakerCountsFromItsResume(t *testing.T) {
	for name, c := range map[string]struct {
		window  time.Duration
		lost    bool // the result of the count that opened it
		between func(*testing.T, *desk)
	}{
		"the failures before a resume": {10 * time.Minute, false, func(_ *testing.T, d *desk) { d.resume("f") }},
		"a count whose result was lost": {10 * time.Minute, true, func(t *testing.T, d *desk) {
			d.resume("f")
			d.clock = now.Add(5 * time.Minute)
			if mustSweep(t, d.engine(breaking(10*time.Minute))); d.open() > 0 {
				t.Errorf("%d messages are left, want the count settled", d.open())
			}
		}},
		"the failures before it closed by itself": {3 * time.Hour, false, func(t *testing.T, d *desk) {
			d.clock = now.Add(time.Hour + time.Minute)
			if mustSweep(t, d.engine(breaking(3*time.Hour))); len(d.table.control.Breakers) > 0 {
				t.Error("it has not closed")
			}
		}},
		"the failures before its time was over, if nobody closed it": {3 * time.Hour, false, func(_ *testing.T, d *desk) {
			maps.DeleteFunc(d.table.rows["i-1"], func(row string, _ []byte) bool { return strings.HasPrefix(row, "live/message/") })
			d.clock = now.Add(time.Hour + time.Minute)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, d := breaking(c.window), newDesk()
			d.store(state(decide.BootBootable))
			fail(t, d, p, "s-1")
			if c.lost {
				failLosing(t, d, p, "s-2", "open")
			} else {
				fail(t, d, p, "s-2")
			}
			d.clock = now.Add(time.Minute)
			c.between(t, d)
			for n, want := range []int{1, 1, 2} { // after no more failures, one, and two
				if n > 0 {
					d.clock = d.clock.Add(time.Minute)
					fail(t, d, p, "s-"+string(rune('2'+n)))
				}
				if d.table.opened != want {
					t.Errorf("after %d failures more it has opened %d times, want %d", n, d.table.opened, want)
				}
			}
		})
	}
}
