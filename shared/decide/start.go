package decide

import (
	"time"

	"aftercare/shared/flow"
)

// BySchedule is who starts flows at their ticks.
const BySchedule = "schedule"

// TickExpiry is how long it is tried to start a flow on an instance after its tick
// was found (flow rule 65).
const TickExpiry = time.Hour

// Timing is what is known of a flow on schedule: ticks of this schedule count after
// Since.
type Timing struct {
	Kept
	Flow     string    `json:"flow"`
	Schedule string    `json:"schedule"`
	Since    time.Time `json:"since"`
}

// TickOf is the submission of a flow at its tick, for the instances whose ids come
// after one.
func TickOf(name string, tick time.Time, after string) Submission {
	key := Key("tick", name, tick.UTC().Format(time.RFC3339), after)
	return Submission{Key: key, Hash: key + key, Flow: name, Tick: tick.UTC(), By: BySchedule, ExpiresIn: TickExpiry}
}

// What is what is submitted, for people: a command's name, or a flow.
func (in Submission) What() string {
	if in.Flow != "" {
		return "flow " + in.Flow
	}
	return in.Command.Name()
}

// event is the start of a flow as expressions see it.
func (in Submission) event(i Instance, now time.Time) flow.Event {
	ev := flow.Event{
		Kind: flow.Manual, ID: in.Key, Source: "aftercare", Region: i.Region, Time: now, InstanceID: i.ID,
		By: in.By, Reason: in.Reason, Flow: in.Flow, Inputs: in.Inputs,
	}
	if !in.Tick.IsZero() {
		ev.Kind, ev.Time = flow.Scheduled, in.Tick
	}
	return ev
}

// startOne starts the flow of a submission, as an event would. What refuses an
// event's run refuses a start by hand; a tick leaves the record of that run. A run
// that must wait waits (flow rules 48, 59, 65).
func startOne(d *decision, in Submission) (cause string) {
	ev := in.event(d.Instance, d.now)
	f := FlowDecision{Flow: in.Flow, What: FlowNotStarted, Why: d.policy.Flows.Unstartable(in.Flow, ev.Kind, in.Inputs)}
	switch {
	case f.Why != "":
		d.flows = append(d.flows, f)
	case d.facts.Asked.Machine && d.facts.Machine == nil && !d.facts.Unlisted:
		d.unsure = "ECS does not say now what the instance is" // unlike an event, a start can come again
		return d.once
	default:
		if d.Instance.Boot == BootUnknown && d.Instance.CheckAt.IsZero() || d.checkDue() {
			d.askAgent()
		}
		d.because(d.once).startFlows(ev, nil)
		f = d.flows[len(d.flows)-1]
	}
	switch f.What {
	case FlowStarted, FlowDryRun, FlowWaits:
	case FlowRefused, FlowDropped:
		if in.Tick.IsZero() {
			return d.refused("start of flow "+in.Flow, f.Why)
		}
	default:
		return d.refused("start of flow "+in.Flow, f.Why)
	}
	if d.answer.RunID, d.answer.Outcome = f.RunID, string(f.What); f.What != FlowStarted {
		d.answer.Reason = f.Why
	}
	d.recordInput(in.Key, in.DedupeKey)
	return d.once
}
