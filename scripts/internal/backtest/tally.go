package backtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Tally is what would have become of one flow.
type Tally struct {
	Flow string `json:"flow"`
	// Started counts the runs that begin, and Rehearsed those of a flow in dry-run, on
	// so many Instances. The others are counted by the guard that held them.
	Started   int            `json:"started"`
	Rehearsed int            `json:"rehearsed"`
	Instances int            `json:"instances"`
	Refused   map[string]int `json:"refused"`
	Dropped   map[string]int `json:"dropped"`
	Waited    map[string]int `json:"waited"` // before they began
	// Stopped counts the events to which the flow had led itself, and the like.
	Stopped int `json:"stopped"`
	// Cost is what the runs take, and Perhaps what comes on top if outputs are so.
	Cost    Cost `json:"cost"`
	Perhaps Cost `json:"perhaps"`

	on map[string]bool // the instances
}

// NewTally is that of a flow for which nothing has happened.
func NewTally(name string) *Tally {
	return &Tally{Flow: name, Refused: map[string]int{}, Dropped: map[string]int{}, Waited: map[string]int{}, on: map[string]bool{}}
}

// Count counts a run of an instance.
func (t *Tally) Count(instanceID string, r decide.FlowRun) {
	if !r.StartedAt.IsZero() {
		t.on[instanceID] = true
		t.Instances = len(t.on)
		t.count(r.Steps)
	}
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

// Cost is what runs take.
type Cost struct {
	Steps    int `json:"steps"`
	Commands int `json:"commands"`
	Alerts   int `json:"alerts"`
}

func (t *Tally) count(steps []flow.StepRecord) {
	for _, s := range steps {
		c := &t.Cost
		switch s.Status {
		case flow.StepSkipped:
			continue
		case flow.StepMaybe:
			c = &t.Perhaps
		}
		c.Steps++
		switch s.Kind {
		case flow.KindAlert:
			c.Alerts++
		case flow.KindRun, flow.KindInvoke:
			c.Commands += max(1, s.Attempts)
		}
	}
}

// String says it in a few words.
func (c Cost) String() string {
	return counted(c.Steps, "step") + ", " + counted(c.Commands, "command") + ", " + counted(c.Alerts, "alert")
}

// String says it in a sentence.
func (t *Tally) String() string {
	verb, runs := "started", t.Started
	if t.Rehearsed > 0 {
		verb, runs = "rehearsed", t.Rehearsed
	}
	text := "would never have " + verb
	if runs > 0 {
		text = fmt.Sprintf("would have %s %s (on %s)", verb, counted(runs, "time"), counted(t.Instances, "instance"))
	}
	for _, held := range []struct {
		word string
		by   map[string]int
	}{{"refused", t.Refused}, {"dropped", t.Dropped}, {"waited", t.Waited}} {
		for _, guard := range slices.Sorted(maps.Keys(held.by)) {
			text += fmt.Sprintf(", %s %d (%s)", held.word, held.by[guard], guard)
		}
	}
	if t.Stopped > 0 {
		text += fmt.Sprintf(", stopped %d (too many, or led to by itself)", t.Stopped)
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
