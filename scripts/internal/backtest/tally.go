package backtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Tally is what would have become of one flow.
type Tally struct {
	Flow string `json:"flow"`
	Mode string `json:"mode"`
	// Started counts the runs that begin, and Rehearsed those of a flow in dry-run, on
	// so many Instances. Waited counts the runs that had to wait first.
	Started   int            `json:"started"`
	Rehearsed int            `json:"rehearsed"`
	Instances int            `json:"instances"`
	Refused   map[string]int `json:"refused"`
	Dropped   map[string]int `json:"dropped"`
	Waited    map[string]int `json:"waited"`
	// Stopped counts the events to which the flow had led itself, and the like;
	// NotEvaluated those for which its condition could not be evaluated.
	Stopped      int  `json:"stopped"`
	NotEvaluated int  `json:"notEvaluated"`
	Cost         Cost `json:"cost"`
}

// NewTally is that of a flow for which nothing has happened.
func NewTally(name, mode string) *Tally {
	return &Tally{Flow: name, Mode: mode, Refused: map[string]int{}, Dropped: map[string]int{}, Waited: map[string]int{}}
}

// Cost is what runs take. What depends on an output is counted apart.
type Cost struct {
	Steps    int `json:"steps"`
	Commands int `json:"commands"`
	Alerts   int `json:"alerts"`
	// PerhapsCommands and PerhapsAlerts come on top if the outputs are so.
	PerhapsCommands int `json:"perhapsCommands"`
	PerhapsAlerts   int `json:"perhapsAlerts"`
}

func (c *Cost) add(steps []flow.StepRecord) {
	for _, s := range steps {
		commands, alerts := &c.Commands, &c.Alerts
		switch s.Status {
		case flow.StepSkipped:
			continue
		case flow.StepMaybe:
			commands, alerts = &c.PerhapsCommands, &c.PerhapsAlerts
		default:
			c.Steps++
		}
		switch s.Kind {
		case flow.KindAlert:
			*alerts++
		case flow.KindRun, flow.KindInvoke:
			*commands += max(1, s.Attempts)
		}
	}
}

// String says it in a few words; empty if there is none.
func (c Cost) String() string {
	var parts []string
	for _, of := range []struct {
		n    int
		what string
	}{{c.Steps, "step"}, {c.Commands, "command"}, {c.Alerts, "alert"}} {
		if of.n > 0 {
			parts = append(parts, counted(of.n, of.what))
		}
	}
	if c.PerhapsCommands+c.PerhapsAlerts > 0 {
		parts = append(parts, fmt.Sprintf("up to %s and %s more, as outputs decide", counted(c.PerhapsCommands, "command"), counted(c.PerhapsAlerts, "alert")))
	}
	return strings.Join(parts, ", ")
}

// String says it in a sentence.
func (t *Tally) String() string {
	var parts []string
	say := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(what, n))
		}
	}
	times := func(n int) string {
		if n == 1 {
			return "once"
		}
		return fmt.Sprintf("%d times", n)
	}
	verb := "started"
	if t.Mode == flow.ModeDryRun {
		verb = "rehearsed"
	}
	runs := "would never have " + verb
	if n := t.Started + t.Rehearsed; n > 0 {
		runs = "would have " + verb + " " + times(n) + " (on " + counted(t.Instances, "instance") + ")"
	}
	parts = append(parts, runs)
	for _, of := range []struct {
		word string
		by   map[string]int
	}{{"refused", t.Refused}, {"dropped", t.Dropped}, {"waited", t.Waited}} {
		for _, why := range slices.Sorted(maps.Keys(of.by)) {
			say(of.by[why], of.word+" %d ("+why+")")
		}
	}
	say(t.Stopped, "stopped %d (too many, or led to by itself)")
	say(t.NotEvaluated, "not evaluated %d")
	return strings.Join(parts, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// guards are the words by which a decision names the guard that held a run back.
var guards = []struct{ says, name string }{
	{" is stopped", "stopped"}, {"it already ran ", "limit"}, {"its breaker is open", "breaker"},
	{"another run of it", "busy"}, {"runs of it already wait", "busy"}, {"window", "window"},
}

func guardOf(why string) string {
	for _, g := range guards {
		if strings.Contains(why, g.says) {
			return g.name
		}
	}
	return "other"
}

// Count counts a recorded run as the backtest does.
func (t *Tally) Count(r decide.FlowRun) {
	switch {
	case r.Result == flow.ResultDryRun:
		t.Rehearsed++
	case !r.StartedAt.IsZero():
		t.Started++
	case r.Result == flow.ResultRefused:
		t.Refused[guardOf(r.Reason)]++
	case r.Result == flow.ResultDropped:
		t.Dropped[guardOf(r.Reason)]++
	}
}

// ended counts a run that is over, unless it was counted when it began.
func (w *World) ended(i *instance, r decide.FlowRun) {
	if c, known := i.began[r.ID]; known {
		c.over = r.EndedAt
		i.began[r.ID] = c
		i.forget(r.EndedAt)
		return
	}
	if !r.StartedAt.IsZero() {
		w.on(i, r.Flow)
		w.tallies[r.Flow].Cost.add(r.Steps)
	}
	w.tallies[r.Flow].Count(r)
}

func (w *World) started(i *instance, name string) {
	w.on(i, name)
	w.tallies[name].Started++
}

func (w *World) on(i *instance, name string) {
	if !i.flows[name] {
		i.flows[name] = true
		w.tallies[name].Instances++
	}
}

// choice is what was decided about a flow for one event.
type choice struct {
	Flow, InstanceID, Command, EventID, InvokeID string
	At                                           time.Time
	// Assumed: it is the end of a command that was not sent.
	Assumed bool
	What    decide.What
	Why     string
	key     string // identifies the event
}

func (c choice) starts() bool {
	return c.What == decide.FlowStarted || c.What == decide.FlowWaits || c.What == decide.FlowDryRun
}

// choose notes what was decided about flows.
func (w *World) choose(i *instance, d decide.Decision, at time.Time, about choice) {
	var decided decide.Decided
	if e := d.Changes.Execution; e != nil {
		decided = e.Decided
	}
	for _, b := range d.Changes.Boots {
		decided = b.Decided
	}
	if a := d.Answer; about.Flow != "" {
		decided.Flows = []decide.FlowDecision{{Flow: about.Flow, What: decide.What(a.Outcome), Why: a.Reason}}
		if t := w.tallies[about.Flow]; t != nil && a.Outcome == decide.Refused && len(d.Changes.EndedRuns) == 0 {
			t.Refused[guardOf(a.Reason)]++
		}
	}
	for _, f := range decided.Flows {
		switch f.What {
		case decide.FlowStopped:
			w.tallies[f.Flow].Stopped++
		case decide.FlowNoAnswer:
			w.tallies[f.Flow].NotEvaluated++
		case decide.FlowDepends:
			w.unknown("whether flow " + f.Flow + " would start: " + f.Why)
		}
		about.Flow, about.InstanceID, about.At, about.What, about.Why = f.Flow, i.state.Instance.ID, at, f.What, f.Why
		w.choices = append(w.choices, about)
	}
}
