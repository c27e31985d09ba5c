// Package backtest plays what happened through flows that may not be deployed. It
// decides by package decide, with the state of each instance in memory, and knows
// nothing of where the history comes from. It sends nothing and writes nothing.
//
// What is played are the ends of commands, the boots, the starts by hand and the ticks
// that are recorded, and the stops and resumes of people, each at the time at which it
// became known. The state that guards ask for is carried along: runs under way, limits,
// windows, breakers, failures in a row, failed runs, boots. How a run goes is taken, in
// this order:
//
//   - from the record of the same run, if it was started by the same event and has
//     the same steps: as it went, its real ends with it;
//   - from a rehearsal: its commands succeed at once, what they print is unknown, and
//     its waits take their time. What depends on an output is counted as unknown,
//     and the run as one that goes well.
//
// The end of a flow's own command counts only in the first case. In the second, the
// end in the history is that of a command that would not have been sent like this:
// it is left out, and the assumed end is played in its place. So none counts twice.
//
// Not recorded, and so not played, are starts by hand that were refused, ticks of
// another schedule than the recorded one, runs that people ran again, and changes of
// an instance's state at ECS. What waits for a time goes on at that time; a sweep
// looks at it up to a minute later.
package backtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// Happening is an end, a boot, a start by hand, or what a person did.
type Happening struct {
	InstanceID string
	// At is when it became known.
	At        time.Time
	Execution *decide.Execution
	Boot      *decide.Boot
	Act       string          // such as "stop flow mend"
	Start     *decide.FlowRun // a run that a person or a clock started
}

// Past is what is known beside what happened.
type Past interface {
	// Start is the instance as it was before all that happened, as far as that is
	// known, with the runs that are under way now.
	Start(ctx context.Context, instanceID string) (decide.State, error)
	// EndedRun is nil if no such run is recorded.
	EndedRun(ctx context.Context, instanceID, flow, runID string) (*decide.FlowRun, error)
}

// World is what would have become of a file's flows.
type World struct {
	flows    []flow.Definition
	past     Past
	policy   decide.Policy
	control  decide.Control
	fleet    map[string]*instance
	wakes    wakes
	failures map[string][]time.Time
	tallies  map[string]*Tally
	lacks    map[string][]string // by the kind of event, what its records do not hold
	choices  []choice            // since they were taken
	// LeftOut counts the ends of commands that the flows would not have sent, or not
	// like this.
	LeftOut int
	// Unknown counts what could not be known, in words.
	Unknown map[string]int
}

// instance is what a world knows of one.
type instance struct {
	state  decide.State
	live   map[string]decide.FlowRun
	began  map[string]course      // by run
	tries  map[string]decide.Task // of submitted commands that are queued again
	flows  map[string]bool        // that have started
	wakeAt time.Time
}

// New is a world in which nothing has happened.
func New(flows []flow.Definition, past Past) *World {
	w := &World{
		flows: flows, past: past, policy: decide.DefaultPolicy(), control: decide.NewControl(), fleet: map[string]*instance{},
		failures: map[string][]time.Time{}, tallies: map[string]*Tally{}, lacks: map[string][]string{}, Unknown: map[string]int{},
	}
	w.policy.Flows = flow.NewSet(flows)
	for _, d := range flows {
		w.tallies[d.Name] = NewTally(d.Name, d.Mode)
		text, _ := json.Marshal(d) // it was read from a file
		for _, field := range notHeld {
			if slices.Contains(d.On, flow.FirstHeartbeat) && strings.Contains(string(text), field) {
				w.lacks[flow.FirstHeartbeat] = append(w.lacks[flow.FirstHeartbeat], "flow "+d.Name+" reads "+field+", which records of boots do not hold")
			}
		}
		if d.Schedule != nil {
			w.Unknown[unticked(d.Name)] = 1
		}
		if strings.Contains(string(text), "event.requeued") {
			w.lacks[requeued] = append(w.lacks[requeued], "flow "+d.Name+" reads event.requeued, which the record of a step's attempt does not hold")
		}
	}
	return w
}

// notHeld are the fields of first heartbeats that the records of boots do not hold.
var notHeld = []string{"event.bizEventId", "event.source", "event.account", "event.dataRegion", "event.extensions", "event.region", "event.azone"}

const requeued = "requeued"

// Tallies are what became of the flows, in the order of the file.
func (w *World) Tallies() (list []*Tally) {
	for _, d := range w.flows {
		list = append(list, w.tallies[d.Name])
	}
	return list
}

// Play plays what was due before, and then what happened.
func (w *World) Play(ctx context.Context, h Happening) error {
	if err := w.Until(ctx, h.At); err != nil {
		return err
	}
	if h.Act != "" {
		w.act(h)
		return nil
	}
	i, err := w.instance(ctx, h.InstanceID)
	if err != nil {
		return err
	}
	switch r := h.Start; {
	case h.Execution != nil:
		return w.end(ctx, i, h)
	case r != nil:
		return w.start(ctx, i, r, h.At)
	}
	for _, lack := range w.lacks[flow.FirstHeartbeat] {
		w.unknown(lack)
	}
	b := h.Boot
	uptime := b.EventTime.Sub(b.Time)
	ev := event.FirstHeartbeat{
		Envelope:   event.Envelope{Kind: event.KindFirstHeartbeat, ID: b.EventID, Time: b.EventTime, Region: i.state.Instance.Region},
		InstanceID: h.InstanceID, AgentVersion: b.AgentVersion, Zone: i.state.Instance.Zone, Uptime: &uptime,
	}
	return w.decide(ctx, i, decide.Heartbeat{Event: ev, Received: h.At}, h.At, choice{EventID: b.EventID, Command: "a boot", key: fmt.Sprint("boot ", b.Seq)})
}

// end plays the end of a command.
func (w *World) end(ctx context.Context, i *instance, h Happening) error {
	e, ev := h.Execution, h.Execution.Event
	ev.Bare = false
	about := choice{EventID: ev.ID, InvokeID: ev.InvokeID, Command: e.Name, key: ev.Key()}
	if e.RunID != "" {
		about.key = e.TaskID // however it was sent, and whatever reported its end
	}
	if e.TaskID == "" {
		return w.decide(ctx, i, decide.Ended{Event: ev, Received: h.At, Source: e.Source}, h.At, about)
	}
	t, again := i.tries[e.TaskID]
	if !again {
		t = decide.Task{ID: e.TaskID, Kind: decide.SendRun, Attempt: 1}
	}
	t.Name, t.CommandID, t.InvokeID, t.State = e.Name, ev.CommandID, ev.InvokeID, decide.TaskRunning
	if e.RunID != "" {
		c, real := i.began[e.RunID]
		if !real || !c.real {
			w.LeftOut++
			return nil
		}
		if !c.last(e) {
			for _, lack := range w.lacks[requeued] {
				w.unknown(lack)
			}
		}
		t.Chain, t.Attempt = c.chain, w.policy.MaxAttempts // a step has retries of its own
		if c.endedBy == ev.Key() {
			if err := w.finish(ctx, i, e.RunID, h.At); err != nil {
				return err
			}
		}
	}
	i.state.Tasks = map[string]decide.Task{t.ID: t}
	return w.decide(ctx, i, decide.Ended{Event: ev, Received: h.At, Source: e.Source}, h.At, about)
}

// maxUnknown is how many things are told apart that are not known.
const maxUnknown = 200

func (w *World) unknown(what string) {
	if _, known := w.Unknown[what]; !known && len(w.Unknown) >= maxUnknown {
		what = "other things"
	}
	w.Unknown[what]++
}

// start plays a start by hand, or a tick of the same schedule.
func (w *World) start(ctx context.Context, i *instance, r *decide.FlowRun, at time.Time) error {
	in := decide.Submission{Key: r.Event.ID, Flow: r.Flow, Inputs: r.Event.Inputs, By: r.Event.By, Reason: r.Event.Reason}
	about := choice{Flow: r.Flow, Command: "a start by hand", key: r.ID}
	if r.Event.Kind == flow.Scheduled {
		about.Command, in.Tick = "a tick", r.Event.Time
		n := slices.IndexFunc(w.flows, func(d flow.Definition) bool { return d.Name == r.Flow && d.Schedule != nil })
		if is := r.Definition.Schedule; n < 0 || is == nil || w.flows[n].Schedule.String() != is.String() {
			return nil
		}
		delete(w.Unknown, unticked(r.Flow))
	}
	return w.decide(ctx, i, in, at, about)
}

func unticked(name string) string {
	return "what flow " + name + " would do on its schedule, of which no tick is recorded"
}

func (w *World) instance(ctx context.Context, id string) (*instance, error) {
	if i := w.fleet[id]; i != nil {
		return i, nil
	}
	state, err := w.past.Start(ctx, id)
	if err != nil {
		return nil, err
	}
	i := &instance{state: decide.NewState(id), live: state.Runs, began: map[string]course{}, tries: map[string]decide.Task{}, flows: map[string]bool{}}
	i.state.Instance = state.Instance
	w.fleet[id] = i
	return i, nil
}
