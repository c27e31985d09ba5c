// Package backtest plays what happened through flows that may not be deployed. It
// decides by package decide, with the state of each instance in memory, and sends
// and writes nothing. World plays, and History reads what it plays.
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
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// World is what would have become of a file's flows.
type World struct {
	flows    []flow.Definition
	past     *History
	policy   decide.Policy
	control  decide.Control
	fleet    map[string]*instance
	wakes    []wake                 // the first to come first
	failures map[string][]time.Time // by flow, as its breaker counts them
	tallies  map[string]*Tally
	started  func(Choice) // is called for what starts
	// LeftOut counts the ends of commands that the flows would not have sent, or not
	// like this.
	LeftOut int
	// Unknown counts what could not be known, in words.
	Unknown map[string]int
}

// instance is what a world knows of one.
type instance struct {
	state     decide.State
	live      map[string]decide.FlowRun // runs that are under way now
	began     map[string]course         // by run
	unstarted map[string]int            // attempts of submitted commands that never started
	wakeAt    time.Time
}

type wake struct {
	at time.Time
	of *instance
}

// New is a world in which nothing has happened.
func New(flows []flow.Definition, past *History) *World {
	w := &World{
		flows: flows, past: past, policy: decide.DefaultPolicy(), control: decide.NewControl(), fleet: map[string]*instance{},
		failures: map[string][]time.Time{}, tallies: map[string]*Tally{}, started: func(Choice) {}, Unknown: map[string]int{},
	}
	w.policy.Flows = flow.NewSet(flows)
	for _, d := range flows {
		w.tallies[d.Name] = NewTally(d.Name)
		if text, _ := json.Marshal(d); slices.Contains(d.On, flow.FirstHeartbeat) && notHeld.Match(text) { // it was read from a file
			w.Unknown["what flow "+d.Name+" reads of boots and their records do not hold"] = 1
		}
		if d.Schedule != nil {
			w.Unknown[unticked(d.Name)] = 1
		}
	}
	return w
}

// notHeld are the fields of first heartbeats that the records of boots do not hold.
var notHeld = regexp.MustCompile(`event\.(bizEventId|source|account|dataRegion|extensions|region|azone)\b`)

// Tallies are what became of the flows, in the order of the file.
func (w *World) Tallies() (list []*Tally) {
	for _, d := range w.flows {
		list = append(list, w.tallies[d.Name])
	}
	return list
}

func (w *World) instance(id string) *instance {
	i := w.fleet[id]
	if i == nil {
		known := w.past.known[id]
		i = &instance{state: decide.NewState(id), live: known.Runs, began: map[string]course{}, unstarted: map[string]int{}}
		i.state.Instance = known.Instance
		w.fleet[id] = i
	}
	return i
}

// Until plays what is due before a time.
func (w *World) Until(ctx context.Context, t time.Time) error {
	for len(w.wakes) > 0 && w.wakes[0].at.Before(t) {
		next := w.wakes[0]
		w.wakes = w.wakes[1:]
		if !next.of.wakeAt.Equal(next.at) {
			continue // it is due at another time
		}
		if err := w.decide(ctx, next.of, decide.WakeUp{}, next.at, Choice{}); err != nil {
			return err
		}
	}
	return nil
}

// decide makes one decision, and what follows from it at once. Every agent is ready,
// and ECS says no more of an instance than is known. Outputs stay unknown.
func (w *World) decide(ctx context.Context, i *instance, in decide.Input, at time.Time, about Choice) error {
	facts := decide.Facts{Control: w.control, Agent: &decide.AgentStatus{Ready: true, Seen: at}, Unlisted: true}
	facts.Asked.Agent, facts.Asked.Machine = true, true
	d := decide.Decide(i.state, in, facts, w.policy, decide.Moment{Now: at, Claim: decide.Claim{Commit: "backtest", Until: at}})
	w.choose(i, d, at, about)
	before := i.state.Runs
	i.state = carried(d.Next)
	for _, m := range d.Next.Messages {
		if m.Kind == decide.MessageCount {
			w.countFailure(m.Fleet)
		}
	}
	for _, r := range d.Changes.EndedRuns {
		w.ended(i, r)
	}
	var begun []decide.FlowRun
	for id, r := range i.state.Runs {
		_, known := i.began[id]
		_, waited := before[id]
		switch {
		case !r.StartedAt.IsZero() && !known:
			begun = append(begun, r)
		case r.StartedAt.IsZero() && !waited:
			w.tallies[r.Flow].Waited[guardOf(r.Waits)]++
		}
	}
	slices.SortFunc(begun, func(a, b decide.FlowRun) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range begun {
		if err := w.begin(ctx, i, r, at); err != nil {
			return err
		}
	}
	if d.More {
		return w.decide(ctx, i, decide.Continue{}, at, Choice{})
	}
	w.wakeUp(i, at)
	return nil
}

// carried is what a decision leaves for the next one: not what is sent and reported.
func carried(next decide.State) decide.State {
	s := decide.NewState(next.Instance.ID)
	s.Instance, s.Runs, s.Limits, s.Failing = next.Instance, maps.Clone(next.Runs), next.Limits, next.Failing
	s.Instance.LearnAt, s.Instance.CheckAt = time.Time{}, time.Time{}
	s.Instance.Waiting, s.Instance.WaitingUntil, s.Instance.WaitingFrom = 0, time.Time{}, time.Time{}
	return s
}

// wakeUp sees to it that what waits for a time is played then.
func (w *World) wakeUp(i *instance, now time.Time) {
	at := decide.DueRuns(i.state, w.control, w.policy, now)
	if !at.IsZero() && !at.Equal(i.wakeAt) {
		n, _ := slices.BinarySearchFunc(w.wakes, at, func(w wake, t time.Time) int { return w.at.Compare(t) })
		w.wakes = slices.Insert(w.wakes, n, wake{at, i})
	}
	i.wakeAt = at
}
