package backtest

import (
	"time"

	"aftercare/shared/decide"
)

// Choice is that a flow starts for an event.
type Choice struct {
	Flow       string    `json:"flow"`
	InstanceID string    `json:"instanceId"`
	At         time.Time `json:"at"`
	// Command is the command that ended, with the InvokeID if it was sent; or "a boot"
	// and the like.
	Command  string `json:"command"`
	InvokeID string `json:"invokeId,omitempty"`

	event string // identifies it on its instance
}

// choose notes what was decided about flows.
func (w *World) choose(i *instance, d decide.Decision, at time.Time, about Choice) {
	var flows []decide.FlowDecision
	if e := d.Changes.Execution; e != nil {
		flows = e.Decided.Flows
	}
	for _, b := range d.Changes.Boots {
		flows = b.Decided.Flows
	}
	if a := d.Answer; about.Flow != "" { // a start by hand, or a tick
		flows = []decide.FlowDecision{{Flow: about.Flow, What: decide.What(a.Outcome), Why: a.Reason}}
		if t := w.tallies[about.Flow]; t != nil && a.Outcome == decide.Refused && len(d.Changes.EndedRuns) == 0 {
			t.Refused[guardOf(a.Reason)]++
		}
	}
	for _, f := range flows {
		switch f.What {
		case decide.FlowStarted, decide.FlowWaits, decide.FlowDryRun:
			about.Flow, about.InstanceID, about.At = f.Flow, i.state.Instance.ID, at
			w.started(about)
		case decide.FlowStopped:
			w.tallies[f.Flow].Stopped++
		case decide.FlowNoAnswer, decide.FlowDepends:
			w.unknown("whether flow " + f.Flow + " would start: " + f.Why)
		}
	}
}

// maxUnknown is how many things are told apart that are not known.
const maxUnknown = 200

func (w *World) unknown(what string) {
	if _, known := w.Unknown[what]; !known && len(w.Unknown) >= maxUnknown {
		what = "other things"
	}
	w.Unknown[what]++
}
