package engine_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

func TestExplainSaysWhatWouldBecomeOfEachFlow(t *testing.T) {
	step := run("only", "f/only", "echo $who")
	begun := func(s *decide.State) {
		r := decide.FlowRun{ID: "other", Flow: "f", CreatedAt: now.Add(-time.Minute), Run: flow.NewRun("other", define("f", onEnd, "", step), flow.Event{}, 0)}
		r.StartedAt, r.Pending = now.Add(-time.Minute), flow.Pending{State: flow.PendingCommand, Attempt: 1}
		r.Section, r.Deadline = flow.SectionSteps, now.Add(time.Hour)
		s.Runs[r.ID] = r
	}
	nights := func(outside string) func(*flow.Definition) {
		return func(d *flow.Definition) {
			d.Windows = &flow.Windows{TimeZone: "UTC", Outside: outside, Open: []flow.Window{{From: "22:00", To: "04:00"}}}
		}
	}
	drop := func(d *flow.Definition) { d.WhenBusy = flow.BusyDrop }
	open := decide.Facts{Control: decide.Control{Breakers: map[string]decide.Breaker{
		"f": {Flow: "f", ResumeAt: now.Add(time.Hour), Failures: 3}}}}
	over := decide.Facts{Control: decide.Control{Breakers: map[string]decide.Breaker{
		"f": {Flow: "f", ResumeAt: now}}}}
	limited := func(s *decide.State) {
		s.Limits["f"] = decide.Limit{Flow: "f", Starts: []time.Time{now.Add(-time.Minute)}, Until: now.Add(time.Hour)}
	}
	cases := []struct {
		name  string
		flow  flow.Definition
		state decide.State
		facts decide.Facts
		what  decide.What
		why   string
	}{
		{"it starts", define("f", onEnd, byOthers, step), state(decide.BootBootable), decide.Facts{},
			decide.FlowStarted, "its condition holds"},
		{"it starts where nothing is known", define("f", onEnd, byOthers, step), decide.NewState("i-1"), decide.Facts{},
			decide.FlowStarted, "its condition holds"},
		{"it is in dry-run", with(define("f", onEnd, byOthers, step), dryRun), state(decide.BootBootable), decide.Facts{},
			decide.FlowDryRun, "it would have run: only (run)"},
		{"a run is under way", define("f", onEnd, byOthers, step), state(decide.BootBootable, begun), decide.Facts{},
			decide.FlowWaits, "another run of it is under way on this instance"},
		{"a run is under way, and it does not queue", with(define("f", onEnd, byOthers, step), drop), state(decide.BootBootable, begun), decide.Facts{},
			decide.FlowDropped, "another run of it is under way on this instance"},
		{"it is outside its windows", with(define("f", onEnd, byOthers, step), nights(flow.OutsideWait)), state(decide.BootBootable), decide.Facts{},
			decide.FlowWaits, "its next window opens at 2026-03-04T22:00:00Z"},
		{"it is outside its windows, and does not wait", with(define("f", onEnd, byOthers, step), nights(flow.OutsideDrop)), state(decide.BootBootable), decide.Facts{},
			decide.FlowDropped, "it is outside its windows"},
		{"its limit is reached", with(define("f", onEnd, byOthers, step), perInstance(1, time.Hour)), state(decide.BootBootable, limited), decide.Facts{},
			decide.FlowRefused, "it already ran 1 times within 1h on this instance, which is its limit"},
		{"it is paused", define("f", onEnd, byOthers, step), state(decide.BootBootable), pausing("f"),
			decide.FlowRefused, "paused by ann since 2026-03-04T05:05:07Z: an incident"},
		{"all are paused", define("f", onEnd, byOthers, step), state(decide.BootBootable), pausing(decide.AllFlows),
			decide.FlowRefused, "all flows are paused by ann since 2026-03-04T05:05:07Z: an incident"},
		{"its breaker is open", define("f", onEnd, byOthers, step), state(decide.BootBootable), open,
			decide.FlowRefused, "its breaker is open until 2026-03-04T06:06:07Z, because 3 runs failed"},
		{"its breaker's time is over", define("f", onEnd, byOthers, step), state(decide.BootBootable), over,
			decide.FlowStarted, "its condition holds"},
		{"its condition does not hold", define("f", onEnd, "event.exitCode == 99", step), state(decide.BootBootable), decide.Facts{},
			decide.FlowNotStarted, "when was false: event.exitCode == 99"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := picture(c.state)
			p := flows(c.flow)
			got := decide.Explain(c.state, happened("s-1"), c.facts, p, now)
			if len(got) != 1 || got[0].What != c.what || got[0].Why != c.why {
				t.Fatalf("it says %+v, want %s because %s", got, c.what, c.why)
			}
			if diff := cmp.Diff(before, picture(c.state)); diff != "" {
				t.Errorf("it changed the state (-before +after):\n%s", diff)
			}
			if again := decide.Explain(c.state, happened("s-1"), c.facts, p, now); !cmp.Equal(got, again) {
				t.Errorf("it says another thing again: %+v", again)
			}
			if decided := said(t, must(t, c.state, happened("s-1"), c.facts, p), "f"); decided.What != c.what || decided.Why != c.why {
				t.Errorf("Decide decides %+v", decided)
			}
			fires := c.what != decide.FlowNotStarted
			if fires && (got[0].Rehearsal == nil || got[0].Definition == nil || len(got[0].Rehearsal.Actions) != 1 ||
				got[0].Rehearsal.Actions[0].Run.Parameters["who"] != "i-1") {
				t.Errorf("rehearsal %+v, want the command with its parameter's value", got[0].Rehearsal)
			}
			if want := []flow.Value{{Name: "event.exitCode", Value: "-1"}}; !fires && !cmp.Equal(got[0].Values, want) {
				t.Errorf("values %v, want %v", got[0].Values, want)
			}
		})
	}
	t.Run("it says nothing about ends that wait for their tasks", func(t *testing.T) {
		s := state(decide.BootBootable)
		for i := range 3 {
			e := happened(fmt.Sprint("u-", i)).Event
			s.Unmatched[e.InvokeID] = decide.Unmatched{Event: e, Received: now}
		}
		if got := decide.Explain(s, happened("s-1"), decide.Facts{}, flows(define("f", onEnd, "", step)), now); len(got) != 1 {
			t.Errorf("it says %+v, want one thing about the end that was asked about", got)
		}
	})
	t.Run("it says nothing about a boot that is known", func(t *testing.T) {
		p := flows(define("f", onBoot, "", step))
		if got := decide.Explain(state(decide.BootBootable), beat(time.Hour, time.Minute), decide.Facts{}, p, now); len(got) != 0 {
			t.Errorf("it says %+v", got)
		}
		if got := decide.Explain(state(decide.BootBootable), beat(0, time.Second), decide.Facts{}, p, now); len(got) != 1 || got[0].What != decide.FlowStarted {
			t.Errorf("it says %+v of a new boot", got)
		}
	})
}
