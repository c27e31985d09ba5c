package backtest

import (
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
}

// notHeld are the fields of first heartbeats that the records of boots do not hold.
var notHeld = regexp.MustCompile(`event\.(bizEventId|source|account|dataRegion|extensions|region|azone)\b`)

func newReport(flows []flow.Definition) Report {
	r := Report{Unknown: Counts{}}
	for _, d := range flows {
		r.Flows = append(r.Flows, NewTally(d))
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
	Sign       string    `json:"sign"`
	Flow       string    `json:"flow"`
	InstanceID string    `json:"instanceId"`
	At         time.Time `json:"at"`
	// Command is the command that ended, with the InvokeID if it was sent; or "a boot"
	// and the like.
	Command  string `json:"command"`
	InvokeID string `json:"invokeId,omitempty"`

	event string // identifies it on its instance
}

// count counts what was decided about flows. What becomes of a run is counted with it.
func (w *World) count(d decide.Decision, about Start, instanceID string, at time.Time) {
	byHand := about.Flow != ""
	for _, f := range d.Flows {
		t := w.tally(f.Flow)
		switch f.What {
		case decide.FlowStarted, decide.FlowWaits, decide.FlowDryRun:
			about.Flow, about.InstanceID, about.At = f.Flow, instanceID, at
			w.started(about)
			if f.What == decide.FlowWaits {
				t.hold("waited", f.Why)
			}
		case decide.FlowStopped:
			t.hold("stopped", f.Why)
		case decide.FlowNoAnswer, decide.FlowDepends:
			w.unknown("whether flow " + f.Flow + " would start: " + f.Why)
		default:
			if byHand && f.RunID == "" {
				t.hold("refused", f.Why)
			}
		}
	}
}

// Tally is what would have become of one flow.
type Tally struct {
	Flow string `json:"flow"`
	Mode string `json:"mode"`
	// Started counts the runs that begin, in dry-run too, on so many Instances.
	Started   int `json:"started"`
	Instances int `json:"instances"`
	// Held counts what guards held, such as "refused (limit)". What waited may have
	// started later.
	Held Counts `json:"held"`
	// Cost is what the runs take, and Perhaps what comes on top if outputs are so.
	Cost    Counts `json:"cost"`
	Perhaps Counts `json:"perhaps"`

	on map[string]bool // the instances
}

// NewTally is that of a flow for which nothing has happened.
func NewTally(d flow.Definition) *Tally {
	return &Tally{Flow: d.Name, Mode: d.Mode, Held: Counts{}, Cost: Counts{}, Perhaps: Counts{}, on: map[string]bool{}}
}

// Count counts a run of an instance.
func (t *Tally) Count(instanceID string, r decide.FlowRun) {
	if r.StartedAt.IsZero() {
		t.hold(r.Result, r.Reason)
		return
	}
	t.on[instanceID] = true
	t.Started, t.Instances = t.Started+1, len(t.on)
	for _, s := range r.Steps {
		switch s.Status {
		case flow.StepSkipped:
		case flow.StepMaybe:
			t.Perhaps.cost(s)
		default:
			t.Cost.cost(s)
		}
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

func (t *Tally) hold(how, why string) { t.Held[how+" ("+guardOf(why)+")"]++ }

// String says it in a sentence.
func (t *Tally) String() string {
	verb := "started"
	if t.Mode == flow.ModeDryRun {
		verb = "rehearsed"
	}
	text := "would never have " + verb
	if t.Started > 0 {
		text = fmt.Sprintf("would have %s %s (on %s)", verb, counted(t.Started, "times"), counted(t.Instances, "instances"))
	}
	if len(t.Held) > 0 {
		text += ", " + t.Held.String()
	}
	return text
}

// Counts counts things that have a name. None of them is 0.
type Counts map[string]int

// cost counts a step and what it takes.
func (c Counts) cost(s flow.StepRecord) {
	c["steps"]++
	switch s.Kind {
	case flow.KindAlert:
		c["alerts"]++
	case flow.KindRun, flow.KindInvoke:
		c["commands"] += max(1, s.Attempts)
	}
}

// String lists them in the order of their names.
func (c Counts) String() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		list = append(list, counted(c[name], name))
	}
	return strings.Join(list, ", ")
}

// counted is a number of things in words. The name is in the plural, if it has one.
func counted(n int, name string) string {
	if n == 1 {
		name = strings.TrimSuffix(name, "s")
	}
	return fmt.Sprint(n, " ", name)
}

// Differences are the starts that only one of two worlds has, which are played side by
// side. The Sign is + for the first world's, - for the second's.
type Differences map[string]Start

// maxDifferences is how many differences are kept; more are only counted.
const maxDifferences = 10_000

// Compare has two worlds note where they differ from now on.
func Compare(is, was *World) Differences {
	all := Differences{}
	note := func(sign string) func(Start) {
		return func(s Start) {
			key := s.Flow + " " + s.InstanceID + " " + s.event
			switch other, there := all[key]; {
			case there && other.Sign != sign:
				delete(all, key)
			case len(all) >= maxDifferences:
				is.unknown("differences that are not kept")
			default:
				s.Sign = sign
				all[key] = s
			}
		}
	}
	is.started, was.started = note("+"), note("-")
	return all
}

// List is in the order of the times.
func (all Differences) List() (list []Start) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[key])
	}
	slices.SortStableFunc(list, func(a, b Start) int { return a.At.Compare(b.At) })
	return list
}
