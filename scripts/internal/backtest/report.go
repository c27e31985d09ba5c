package backtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Report is what a backtest says of a file's flows.
type Report struct {
	Flows []*Tally `json:"flows"` // in the order of the file
	// LeftOut counts the ends of commands that the flows would not have sent, or not
	// like this.
	LeftOut int `json:"leftOut"`
	// Unknown counts what could not be known, in words.
	Unknown Counts `json:"unknown"`
	// Only are the starts that the file has and the other one has not, in order.
	Only []Start `json:"only,omitzero"`
}

// notHeld are the fields of first heartbeats that the records of boots do not hold.
var notHeld = regexp.MustCompile(`event\.(bizEventId|source|account|dataRegion|extensions|region|azone)\b`)

func newReport(flows []flow.Definition) Report {
	r := Report{Unknown: Counts{}}
	for _, d := range flows {
		r.Flows = append(r.Flows, NewTally(d.Name))
		if text, _ := json.Marshal(d); slices.Contains(d.On, flow.FirstHeartbeat) && notHeld.Match(text) { // it was read from a file
			r.unknown("what flow " + d.Name + " reads of boots and their records do not hold")
		}
		if d.Schedule != nil {
			r.unknown(unticked(d.Name))
		}
	}
	return r
}

func unticked(name string) string {
	return "what flow " + name + " would do on its schedule, because no tick of it is recorded"
}

// maxUnknown is how many things are named that are not known.
const maxUnknown = 200

func (r *Report) unknown(what string) {
	if _, known := r.Unknown[what]; !known && len(r.Unknown) >= maxUnknown {
		what = "other things"
	}
	r.Unknown[what]++
}

func (r *Report) tally(name string) *Tally {
	return r.Flows[slices.IndexFunc(r.Flows, func(t *Tally) bool { return t.Flow == name })]
}

// Start is that a flow starts for an event.
type Start struct {
	Flow       string    `json:"flow"`
	DryRun     bool      `json:"dryRun,omitempty"` // the flow is only rehearsed
	InstanceID string    `json:"instanceId"`
	At         time.Time `json:"at"`
	// Command is the command that ended, with the InvokeID if it was sent; or "a boot"
	// and the like.
	Command  string `json:"command"`
	InvokeID string `json:"invokeId,omitempty"`

	event    string                // identifies it on its instance
	recorded []decide.FlowDecision // what was decided about the event
}

// count counts what was decided about flows. What becomes of a run is counted with it.
func (w *world) count(d decide.Decision, about Start, instanceID string, at time.Time) {
	byHand := about.Flow != ""
	for _, f := range d.Flows {
		t := w.tally(f.Flow)
		about.Flow, about.InstanceID, about.At = f.Flow, instanceID, at
		switch f.What {
		case decide.FlowStarted, decide.FlowWaits, decide.FlowDryRun:
			w.note(about, false)
			if f.What == decide.FlowWaits {
				t.hold("waited", f.Why)
			}
		case decide.FlowStopped:
			t.hold("stopped", f.Why)
		case decide.FlowDepends:
			t.Perhaps++
			w.note(about, true)
			fallthrough
		case decide.FlowNoAnswer:
			w.unknown("whether flow " + f.Flow + " would start: " + f.Why)
		default:
			if byHand && f.RunID == "" {
				t.hold("refused", f.Why)
			}
		}
	}
}

// maxOnly is how many starts are noted; more are only counted.
const maxOnly = 10_000

// note notes a start that the other world does not have, or not yet. What the output of
// the event decides in one of them is no difference.
func (w *world) note(s Start, perhaps bool) {
	if w.other == nil {
		return
	}
	d, _ := w.policy.Flows.Definition(s.Flow) // it decided this
	s.DryRun, s.recorded = d.Mode == flow.ModeDryRun, nil
	key := fmt.Sprint(s.Flow, " ", s.InstanceID, " ", s.event, " ", s.DryRun)
	switch _, both := w.other.starts[key]; {
	case both:
		delete(w.other.starts, key)
	case perhaps:
		w.perhaps[key] = true
	case w.other.perhaps[key]:
	case len(w.starts) == maxOnly:
		w.unknown("starts that are not compared")
	default:
		w.starts[key] = s
	}
}

// Tally is what would have become of one flow.
type Tally struct {
	Flow string `json:"flow"`
	// Runs counts runs by what became of them: "started", "rehearsed", or what a guard
	// did, such as "refused (limit)". What waited may have started later.
	Runs Counts `json:"runs"`
	// Instances counts those on which runs began. Cost is what these take; what depends
	// on outputs is possible.
	Instances int    `json:"instances"`
	Cost      Counts `json:"cost"`
	// Perhaps counts the events that start it or not, as their output says, which is
	// not known.
	Perhaps int `json:"perhaps"`

	on map[string]bool // the instances
}

// NewTally is that of a flow for which nothing has happened.
func NewTally(name string) *Tally {
	return &Tally{Flow: name, Runs: Counts{}, Cost: Counts{}, on: map[string]bool{}}
}

// Count counts a run of an instance.
func (t *Tally) Count(instanceID string, r decide.FlowRun) {
	switch {
	case r.StartedAt.IsZero():
		t.hold(r.Result, r.Reason)
		return
	case r.Result == flow.ResultDryRun:
		t.Runs["rehearsed"]++
	default:
		t.Runs["started"]++
	}
	t.on[instanceID] = true
	t.Instances = len(t.on)
	for _, s := range r.Steps {
		t.Cost.cost(s)
	}
}

// guards are the words by which a decision names the guard that held a run back.
var guards = []struct{ says, name string }{
	{" is stopped", "stopped"}, {"it already ran ", "limit"}, {"its breaker is open", "breaker"},
	{"another run of it", "busy"}, {"runs of it already wait", "busy"}, {"window", "window"},
	{"led to this event", "loop"}, {"react to one event", "too many"},
}

func guardOf(why string) string {
	for _, g := range guards {
		if strings.Contains(why, g.says) {
			return g.name
		}
	}
	return "other"
}

func (t *Tally) hold(how, why string) { t.Runs[how+" ("+guardOf(why)+")"]++ }

// Counts counts things that have a name. None of them is 0.
type Counts map[string]int

// cost counts a step and what it takes.
func (c Counts) cost(s flow.StepRecord) {
	possible := ""
	switch s.Status {
	case flow.StepSkipped:
		return
	case flow.StepMaybe:
		possible = "possible "
	}
	c[possible+"steps"]++
	switch s.Kind {
	case flow.KindAlert:
		c[possible+"alerts"]++
	case flow.KindRun, flow.KindInvoke:
		c[possible+"commands"] += max(1, s.Attempts)
	}
}

// String lists them, the most frequent first. A name is in the plural, if it has one.
func (c Counts) String() string {
	var list []string
	for _, name := range slices.SortedFunc(maps.Keys(c), func(a, b string) int { return cmp.Or(c[b]-c[a], cmp.Compare(a, b)) }) {
		text := fmt.Sprint(c[name], " ", name)
		if c[name] == 1 {
			text = strings.TrimSuffix(text, "s")
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}
