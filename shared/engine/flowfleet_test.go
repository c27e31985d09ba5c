package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// breaking is a flow whose breaker opens for an hour when two of its runs fail
// within ten minutes.
func breaking() decide.Policy {
	return flows(with(define("f", onEnd, byOthers, run("only", "f/only", "true")), func(d *flow.Definition) {
		d.Limits.Fleet = &flow.FleetLimit{MaxFailures: 2, Window: flow.Duration(10 * time.Minute), ResumeAfter: flow.Duration(time.Hour)}
	}))
}

// fail lets a run of the flow begin and its command fail.
func fail(t *testing.T, d *desk, p decide.Policy, invokeID string) {
	t.Helper()
	mustHandle(t, d.engine(p), happened(invokeID))
	for _, task := range d.table.state("i-1").Tasks {
		mustHandle(t, d.engine(p), endOf(task, event.StatusFailed, "ExitCodeNonzero"))
	}
}

// kinds are the kinds of the alerts that were delivered.
func (d *desk) kinds() string {
	var out []string
	for _, a := range d.alerts {
		out = append(out, string(a.Kind))
	}
	return strings.Join(out, " ")
}

func resultsOf(d *desk) string {
	var out []string
	for _, r := range logged[decide.FlowRun](d.table, "i-1", "flow") {
		out = append(out, r.Result)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// [55]
func TestTheBreakerOpensAndCloses(t *testing.T) {
	p := breaking()
	d := newDesk()
	d.store(state(decide.BootBootable))
	fail(t, d, p, "s-1")
	if len(d.table.control.Breakers) > 0 {
		t.Fatal("one failure has opened it")
	}
	d.clock = now.Add(time.Minute)
	fail(t, d, p, "s-2")
	b := only(t, d.table.control.Breakers)
	if !b.ResumeAt.Equal(d.clock.Add(time.Hour)) || b.Failures != 2 || d.kinds() != "breaker-opened" {
		t.Fatalf("breaker %+v, alerts %q, want it open for an hour, and one alert", b, d.kinds())
	}
	mustHandle(t, d.engine(p), happened("s-3"))
	if got := resultsOf(d); got != "failed failed refused" {
		t.Errorf("results %q, want the third run refused", got)
	}
	// Nothing but wake-ups comes until it is closed.
	for _, at := range []time.Duration{10 * time.Minute, time.Hour + 2*time.Minute, time.Hour + 10*time.Minute} {
		d.clock = now.Add(at)
		if s, err := d.engine(p).Sweep(t.Context(), 1); err != nil || s.Failed > 0 {
			t.Fatalf("sweep %+v, error %v", s, err)
		}
	}
	if len(d.table.control.Breakers) > 0 || d.kinds() != "breaker-opened breaker-closed" {
		t.Errorf("breakers %v, alerts %q, want it closed, and one alert more", d.table.control.Breakers, d.kinds())
	}
	d.clock = d.clock.Add(time.Hour)
	fail(t, d, p, "s-4")
	if got := resultsOf(d); got != "failed failed failed refused" {
		t.Errorf("results %q, want the fourth run begun", got)
	}
}

// [55] A function dies when it has opened the breaker. What it leaves is seen
// to when the window of the failures is over: the alerts come all the same.
// (decide rule 82)
func TestABreakerWhoseOpenerDied(t *testing.T) {
	for name, c := range map[string]struct {
		after decide.Policy
		late  time.Duration
	}{
		"":                           {breaking(), 11 * time.Minute},
		", and the flow is gone":     {policy(), 11 * time.Minute},
		", also when its time is up": {breaking(), time.Hour + time.Minute},
	} {
		t.Run("its alerts come"+name, func(t *testing.T) {
			after := c.after
			p := breaking()
			d := newDesk()
			d.store(state(decide.BootBootable))
			fail(t, d, p, "s-1")
			mustHandle(t, d.engine(p), happened("s-2"))
			opened := false
			d.on = func(what, _ string) fate {
				opened = opened || what == "open"
				if opened && what == "commit" {
					return refused
				}
				return fate{}
			}
			task := only(t, d.table.state("i-1").Tasks)
			if out, err := handle(t, d.engine(p), endOf(task, event.StatusFailed, "")); err != nil || out.Trouble == nil {
				t.Fatalf("error %v, trouble %v, want the results not committed", err, out.Trouble)
			}
			d.on = nil
			d.clock = now.Add(c.late)
			mustHandle(t, d.engine(after), decide.WakeUp{})
			if !strings.HasPrefix(d.kinds(), "breaker-opened") {
				t.Fatalf("alerts %q, want one that it is open", d.kinds())
			}
			d.clock = now.Add(2 * time.Hour)
			mustHandle(t, d.engine(after), decide.WakeUp{})
			if d.kinds() != "breaker-opened breaker-closed" || len(d.table.control.Breakers) > 0 {
				t.Errorf("alerts %q, breakers %v, want it closed", d.kinds(), d.table.control.Breakers)
			}
		})
	}
}
