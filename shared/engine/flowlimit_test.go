package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

func dryRun(d *flow.Definition) { d.Mode = flow.ModeDryRun }

func perInstance(most int, window time.Duration) func(*flow.Definition) {
	return func(d *flow.Definition) {
		d.Limits.PerInstance = flow.InstanceLimit{Max: most, Window: flow.Duration(window)}
	}
}

// said is what a decision says about a flow in the event's record.
func said(t *testing.T, d decide.Decision, name string) decide.FlowDecision {
	t.Helper()
	var list []decide.FlowDecision
	switch {
	case d.Changes.Execution != nil:
		list = d.Changes.Execution.Decided.Flows
	case len(d.Changes.Boots) > 0:
		list = d.Changes.Boots[0].Decided.Flows
	}
	for _, f := range list {
		if f.Flow == name {
			return f
		}
	}
	t.Fatalf("the record says nothing about flow %s: %+v", name, list)
	return decide.FlowDecision{}
}

// [54]
// (decide rule 81)
func TestAFlowRunsOnlySoOftenOnAnInstance(t *testing.T) {
	p := flows(with(define("f", onEnd, byOthers, say("tell", "it ran")), perInstance(2, 10*time.Minute)))
	s := state(decide.BootBootable)
	for i, c := range []struct {
		at     time.Duration
		what   decide.What
		alerts string
	}{
		{0, decide.FlowStarted, "flow"},
		{4 * time.Minute, decide.FlowStarted, "flow"},
		{5 * time.Minute, decide.FlowRefused, "flow-limit"},
		{9 * time.Minute, decide.FlowRefused, ""}, // one alert has said so
		{10 * time.Minute, decide.FlowStarted, "flow"},
		{11 * time.Minute, decide.FlowRefused, "flow-limit"}, // a run has begun since
		{15 * time.Minute, decide.FlowStarted, "flow"},
	} {
		d := decideAt(t, now.Add(c.at), s, happened(fmt.Sprint("s-", i)), decide.Facts{}, p)
		if got := said(t, d, "f"); got.What != c.what || alerts(d) != c.alerts {
			t.Errorf("after %s: %+v, alerts %q, want %s and %q", c.at, got, alerts(d), c.what, c.alerts)
		}
		s = d.Next
	}
	t.Run("runs count when they begin, and not when they are made", func(t *testing.T) {
		p := flows(with(define("f", onEnd, byOthers, wait("w", "20m")), perInstance(2, 10*time.Minute)))
		s := queueOf(t, p, 2)
		begun := 0
		for i := range 60 {
			d := decideAt(t, now.Add(time.Duration(i)*time.Minute), s, decide.WakeUp{}, decide.Facts{}, p)
			for _, r := range d.Next.Runs {
				if _, live := s.Runs[r.ID]; live && s.Runs[r.ID].StartedAt.IsZero() && !r.StartedAt.IsZero() {
					begun++
				}
			}
			s = d.Next
		}
		if begun != 2 {
			t.Errorf("%d of the 2 that waited have begun, 20 minutes each behind the one before", begun)
		}
	})
}

// [56]
func TestAFlowInDryRunDoesNothing(t *testing.T) {
	f := define("f", onEnd, byOthers,
		run("one", "f/one", "true"), say("tell", "done"), wait("rest", "1h"), wait("boot", flow.WaitNextBoot),
		run("two", "f/two", "true", when(`steps.one.status == "failed"`)))
	f.OnFailure = []flow.Step{run("sorry", "f/sorry", "true")}
	f.Limits.Fleet = &flow.FleetLimit{MaxFailures: 1, Window: flow.Duration(time.Hour), ResumeAfter: flow.Duration(time.Hour)}
	p := flows(with(f, dryRun, perInstance(2, time.Hour)))
	s := state(decide.BootBootable)
	d := must(t, s, happened("s-1"), decide.Facts{}, p)
	if len(d.Next.Runs)+len(d.Next.Tasks)+len(d.Next.Sends) > 0 || len(d.Changes.EndedRuns) != 1 {
		t.Fatalf("state %+v, ended runs %+v, want nothing live, and one record", d.Next, d.Changes.EndedRuns)
	}
	r := d.Changes.EndedRuns[0]
	if r.Result != flow.ResultDryRun || !strings.Contains(r.Reason, "one (run), tell (alert), rest (wait), boot (wait)") || strings.Contains(r.Reason, "two") {
		t.Errorf("ended as %q: %s, want what it would do if every step succeeded", r.Result, r.Reason)
	}
	if got := said(t, d, "f"); got.What != decide.FlowDryRun || got.RunID != r.ID {
		t.Errorf("the event's record says %+v", got)
	}
	t.Run("it counts towards its own limits, and no refusal alerts", func(t *testing.T) {
		for i, want := range []decide.What{decide.FlowDryRun, decide.FlowRefused, decide.FlowRefused} {
			d = must(t, d.Next, happened(fmt.Sprint("s-", i+2)), decide.Facts{}, p)
			if got := said(t, d, "f"); got.What != want || alerts(d) != "" {
				t.Errorf("event %d: %+v, alerts %q, want %s and none", i, got, alerts(d), want)
			}
		}
	})
	t.Run("nobody is alerted that it was stopped", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", running("t-1"), func(t *decide.Task) { t.Chain = []string{"f"} }))
		p := flows(with(define("f", onEnd, "", run("one", "f/one", "true")), dryRun))
		d := must(t, s, ended("t-1", "a", event.StatusSuccess, ""), decide.Facts{}, p)
		if got := said(t, d, "f"); got.What != decide.FlowStopped || alerts(d) != "" {
			t.Errorf("%+v, alerts %q, want it stopped, and none", got, alerts(d))
		}
	})
}
