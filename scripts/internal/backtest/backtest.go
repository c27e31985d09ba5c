// Package backtest plays what happened through flows that may not be deployed. It
// decides by package decide, with the state of each instance in memory, and sends
// and writes nothing. History reads what is played, a world plays it, and a Tally says
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
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Play plays what happened through the flows of one or two files, in the order in which
// it became known.
func Play(ctx context.Context, past *History, files ...[]flow.Definition) (reports []Report, err error) {
	var worlds []*world
	for _, flows := range files {
		worlds = append(worlds, newWorld(flows, func(instanceID string, r decide.FlowRun) decide.FlowRun {
			return past.record(ctx, instanceID, r.ID, r.Flow)
		}))
	}
	if len(worlds) > 1 {
		worlds[0].other, worlds[1].other = worlds[1], worlds[0]
	}
	err = past.each(ctx, func(h happening) {
		for _, w := range worlds {
			w.play(h, past.known[h.instanceID].Instance)
		}
	})
	for _, w := range worlds {
		w.until(past.Before)
		if w.other != nil {
			w.Only = slices.AppendSeq([]Start{}, maps.Values(w.starts))
			slices.SortFunc(w.Only, func(a, b Start) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.event, b.event)) })
		}
		reports = append(reports, w.Report)
	}
	return reports, cmp.Or(err, past.failed)
}

// world is what would have become of a file's flows.
type world struct {
	Report
	flows    []flow.Definition
	policy   decide.Policy
	control  decide.Control
	fleet    map[string]*instance
	waiting  []*instance            // for a time; the first to come first
	failures map[string][]time.Time // by flow, as its breaker counts them
	// record reads that of a run; its id is empty without one.
	record func(instanceID string, r decide.FlowRun) decide.FlowRun
	starts map[string]Start // that the other world has not, by flow, instance and event
	// perhaps are the starts by what is played now that depend on an output.
	perhaps map[string]bool
	other   *world // nil without a second file
}

// instance is what a world knows of one.
type instance struct {
	state     decide.State
	courses   map[string]course // by run
	unstarted map[string]int    // attempts of submitted commands that never started
	wakeAt    time.Time
}

func newWorld(flows []flow.Definition, record func(instanceID string, r decide.FlowRun) decide.FlowRun) *world {
	w := &world{
		Report: newReport(flows), flows: flows, policy: decide.DefaultPolicy(), control: decide.NewControl(),
		fleet: map[string]*instance{}, failures: map[string][]time.Time{}, record: record, starts: map[string]Start{}, perhaps: map[string]bool{},
	}
	w.policy.Flows = flow.NewSet(flows)
	return w
}

// until plays what is due before a time.
func (w *world) until(t time.Time) {
	for len(w.waiting) > 0 && w.waiting[0].wakeAt.Before(t) {
		w.decide(w.waiting[0], decide.WakeUp{}, w.waiting[0].wakeAt, Start{})
	}
}

// decide makes one decision, and what follows from it at once. Every agent is ready,
// and ECS says no more of an instance than is known. Outputs stay unknown, but not
// which flows they started.
func (w *world) decide(i *instance, in decide.Input, at time.Time, about Start) {
	facts := decide.Facts{Control: w.control, Agent: &decide.AgentStatus{Ready: true, Seen: at}, Unlisted: true}
	facts.Asked.Agent, facts.Asked.Machine = true, true
	moment := decide.Moment{Now: at, Claim: decide.Claim{Commit: "backtest", Until: at}}
	d := decide.Decide(i.state, in, facts, w.policy, moment)
	if set := w.startedByOutput(i.state.Instance.ID, d.Flows, about.recorded); set != nil {
		policy := w.policy
		policy.Flows = set
		d = decide.Decide(i.state, in, facts, policy, moment)
	}
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

// startedByOutput are the flows for an event whose output decides. Those that it made a
// run of under the same when, as its record says, are without a when. It is nil if the
// record names no such run.
func (w *world) startedByOutput(instanceID string, decided, recorded []decide.FlowDecision) (set *flow.Set) {
	var flows []flow.Definition
	for _, f := range recorded {
		depends := func(d decide.FlowDecision) bool { return d.Flow == f.Flow && d.What == decide.FlowDepends }
		if f.RunID == "" || !slices.ContainsFunc(decided, depends) {
			continue
		}
		if flows == nil {
			flows = slices.Clone(w.flows)
		}
		was := w.record(instanceID, decide.FlowRun{ID: f.RunID, Flow: f.Flow}).Definition
		for n := range flows {
			if is := &flows[n]; is.Name == f.Flow && is.When == was.When {
				is.When, set = "", flow.NewSet(flows)
			}
		}
	}
	return set
}

// wakeUp sees to it that what waits for a time is played then.
func (w *world) wakeUp(i *instance, now time.Time) {
	w.lookAsRecorded(i, now)
	i.wakeAt = decide.DueRuns(i.state, w.control, w.policy, now)
	w.waiting = slices.DeleteFunc(w.waiting, func(other *instance) bool { return other == i })
	if i.wakeAt.After(now) {
		n, _ := slices.BinarySearchFunc(w.waiting, i.wakeAt, func(i *instance, t time.Time) int { return i.wakeAt.Compare(t) })
		w.waiting = slices.Insert(w.waiting, n, i)
	}
}

// countFailure counts a failed run for its flow's breaker, and opens that.
func (w *world) countFailure(f decide.Fleet) {
	since := f.Since(w.control, f.At)
	list := slices.DeleteFunc(append(w.failures[f.Flow], f.At), func(t time.Time) bool { return t.Before(since) })
	w.failures[f.Flow] = list
	if len(list) >= f.Limit.MaxFailures && !w.control.Breakers[f.Flow].ResumeAt.After(f.At) {
		w.control.Breakers[f.Flow] = f.Opens("", len(list), f.At)
	}
}
