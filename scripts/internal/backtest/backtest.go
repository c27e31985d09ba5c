// Package backtest plays what happened through flows that may not be deployed. It
// decides by package decide, with the state of each instance in memory, and sends
// and writes nothing. History reads what is played, World plays it, and a Tally says
// what became of a flow.
//
// Played are the recorded ends, boots, starts by hand and ticks, and the stops and
// resumes of people, each at the time at which it became known. What guards ask for is
// carried along: runs under way, limits, windows, breakers, failures, boots. A run goes
// as its record says, if the same event started it and it has the same steps. Otherwise
// it goes as a rehearsal: its commands succeed at once, and its waits take their time.
//
// Not recorded, and so not played, are refused starts by hand, ticks of another
// schedule, runs that people ran again, and changes of an instance's state at ECS.
package backtest

import (
	"context"
	"maps"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Play plays what happened through each world, in the order in which it became known.
func Play(ctx context.Context, past *History, worlds ...*World) error {
	err := past.each(ctx, func(h happening) {
		for _, w := range worlds {
			w.play(h, past.known[h.instanceID].Instance)
		}
	})
	for _, w := range worlds {
		w.until(past.Before)
	}
	return err
}

// World is what would have become of a file's flows.
type World struct {
	Report
	policy   decide.Policy
	control  decide.Control
	fleet    map[string]*instance
	wakes    []wake                 // the first to come first
	failures map[string][]time.Time // by flow, as its breaker counts them
	started  func(Start)            // is called for what starts
}

// instance is what a world knows of one.
type instance struct {
	state     decide.State
	records   map[string]decide.FlowRun // of its runs that have not begun
	courses   map[string]course         // of those that have
	unstarted map[string]int            // attempts of submitted commands that never started
	wakeAt    time.Time
}

// wake is that an instance is to be looked at.
type wake struct {
	at time.Time
	of *instance
}

// New is a world in which nothing has happened.
func New(flows []flow.Definition) *World {
	w := &World{
		Report: newReport(flows), policy: decide.DefaultPolicy(), control: decide.NewControl(),
		fleet: map[string]*instance{}, failures: map[string][]time.Time{}, started: func(Start) {},
	}
	w.policy.Flows = flow.NewSet(flows)
	return w
}

// until plays what is due before a time.
func (w *World) until(t time.Time) {
	for len(w.wakes) > 0 && w.wakes[0].at.Before(t) {
		next := w.wakes[0]
		w.wakes = w.wakes[1:]
		if next.of.wakeAt.Equal(next.at) { // otherwise it is due at another time
			w.decide(next.of, decide.WakeUp{}, next.at, Start{})
		}
	}
}

// decide makes one decision, and what follows from it at once. Every agent is ready,
// and ECS says no more of an instance than is known. Outputs stay unknown.
func (w *World) decide(i *instance, in decide.Input, at time.Time, about Start) {
	facts := decide.Facts{Control: w.control, Agent: &decide.AgentStatus{Ready: true, Seen: at}, Unlisted: true}
	facts.Asked.Agent, facts.Asked.Machine = true, true
	d := decide.Decide(i.state, in, facts, w.policy, decide.Moment{Now: at, Claim: decide.Claim{Commit: "backtest", Until: at}})
	// What is sent and reported is left out.
	i.state = decide.State{Instance: d.Next.Instance, Runs: maps.Clone(d.Next.Runs), Limits: d.Next.Limits, Failing: d.Next.Failing}
	i.state.Instance.CheckAt = time.Time{}
	w.count(d, about, i.state.Instance.ID, at)
	for _, m := range d.Next.Messages {
		if m.Kind == decide.MessageCount {
			w.countFailure(*m.Fleet)
		}
	}
	for _, r := range d.Changes.EndedRuns {
		w.ended(i, r)
	}
	for _, c := range d.Changes.Runs {
		if r := c.After; r != nil && !r.StartedAt.IsZero() && (c.Before == nil || c.Before.StartedAt.IsZero()) {
			w.begin(i, *r, at)
		}
	}
	if d.More {
		w.decide(i, decide.Continue{}, at, Start{})
		return
	}
	w.wakeUp(i, at)
}

// wakeUp sees to it that what waits for a time is played then.
func (w *World) wakeUp(i *instance, now time.Time) {
	i.asRecorded(now)
	at := decide.DueRuns(i.state, w.control, w.policy, now)
	if !at.IsZero() && !at.Equal(i.wakeAt) {
		n, _ := slices.BinarySearchFunc(w.wakes, at, func(w wake, t time.Time) int { return w.at.Compare(t) })
		w.wakes = slices.Insert(w.wakes, n, wake{at, i})
	}
	i.wakeAt = at
}

// countFailure counts a failed run for its flow's breaker, and opens that.
func (w *World) countFailure(f decide.Fleet) {
	since := f.Since(w.control, f.At)
	list := slices.DeleteFunc(append(w.failures[f.Flow], f.At), func(t time.Time) bool { return t.Before(since) })
	w.failures[f.Flow] = list
	if len(list) >= f.Limit.MaxFailures && !w.control.Breakers[f.Flow].ResumeAt.After(f.At) {
		w.control.Breakers[f.Flow] = f.Opens("", len(list), f.At)
	}
}
