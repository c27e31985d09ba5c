package decide

import (
	"fmt"
	"slices"
	"time"

	"aftercare/shared/flow"
)

// maxDepth is how many flows may follow from one another (flow rule 50).
const maxDepth = 10

// maxStarts and maxStartBytes bound the flows that one event starts, so that
// a decision fits into one commit (flow rule 58).
const (
	maxStarts     = 30
	maxStartBytes = 1 << 20
)

// maxWaiting is how many runs of one flow may wait on an instance (flow rule
// 52).
const maxWaiting = 20

// FlowDecision is what was decided about one flow for one event, and why.
type FlowDecision struct {
	Flow string `json:"flow"`
	What What   `json:"what"`
	Why  string `json:"why"`
	// RunID is the run that was made, even if it never began.
	RunID string `json:"runId,omitempty"`
	// Values are the values of the names in the false clause, Definition is the
	// flow that fires, and Rehearsal is its course if every step succeeds. Only
	// Explain sets them.
	Values     []flow.Value     `json:"values,omitempty"`
	Definition *flow.Definition `json:"-"`
	Rehearsal  *flow.Rehearsal  `json:"-"`
}

// What is the outcome of a flow for an event.
type What string

// The outcomes of a flow for an event.
const (
	FlowStarted    What = "started"
	FlowWaits      What = "waits"
	FlowDryRun     What = "dry-run"
	FlowRefused    What = "refused"
	FlowDropped    What = "dropped"
	FlowStopped    What = "stopped"
	FlowNotStarted What = "not started"
	FlowNoAnswer   What = "not evaluated"
)

// Decided holds the decisions about flows, as they are recorded.
type Decided struct {
	Flows []FlowDecision `json:"flows,omitempty"`
	// More counts the decisions that are left out.
	More int `json:"more,omitempty"`
}

// maxDecided bounds a record of decisions, in bytes (flow rule 70).
const maxDecided = 8 << 10

// decided returns the decisions as they are recorded: those about a run come
// first, and those that do not fit are only counted.
func decided(list []FlowDecision) Decided {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b FlowDecision) int {
		return boolOrder(a.What == FlowNotStarted) - boolOrder(b.What == FlowNotStarted)
	})
	var out Decided
	size := 0
	for i, f := range sorted {
		size += len(f.Flow) + len(f.What) + encoded(f.Why) + len(f.RunID) + 48
		if size > maxDecided {
			out.More = len(sorted) - i
			break
		}
		out.Flows = append(out.Flows, f)
	}
	return out
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Explain returns what Decide would decide about flows for an input, with the
// values that made conditions false, and the definition and the rehearsal of
// every flow that fires. It changes nothing, and leaves out whatever else waits
// in the state.
func Explain(s State, in Input, f Facts, p Policy, now time.Time) []FlowDecision {
	d := newDraft(s, f, p, Moment{Now: now})
	d.explain = true
	d.apply(in, f)
	return d.flows
}

// startFlows starts a run of every flow that reacts to the event. The chain
// is the flows that led to the event.
func (d *draft) startFlows(ev flow.Event, cause string, chain []string) {
	match := d.p.Flows.Match
	if d.explain {
		match = d.p.Flows.Explain
	}
	var started, size int
	var stopped stops
	var quiet []flow.Outcome
	for _, o := range match(ev, d.instance(), len(chain)) {
		say := FlowDecision{Flow: o.Flow, What: FlowNotStarted, Why: o.Reason, Values: o.Values}
		if !o.Matched {
			if o.Failed {
				say.What = FlowNoAnswer
				d.note("flow "+o.Flow+" not started", o.Reason)
			} else {
				quiet = append(quiet, o)
			}
			d.flows = append(d.flows, say)
			continue
		}
		id := Key("run", o.Flow, cause, d.Instance.ID)
		if d.made(id) {
			continue // by another delivery of the same end
		}
		r := FlowRun{
			ID: id, Flow: o.Flow, Chain: append(slices.Clone(chain), o.Flow), Cause: cause, CreatedAt: d.m.Now,
			Run: flow.NewRun(id, *o.Definition, ev, len(chain)),
		}
		add := definitionSize(r.Definition)
		say.What = FlowStopped
		switch {
		case slices.Contains(chain, o.Flow):
			say.Why = "it led to this event itself"
		case len(chain) >= maxDepth:
			say.Why = fmt.Sprintf("%d flows led to this event, which is the limit", len(chain))
		case started == maxStarts || size+add > maxStartBytes || d.full(runRows, advanceBytes(r)):
			say.Why = "too many flows, or too large ones, react to one event"
		default:
			started++
			size += add
			say.RunID = id
			say.What, say.Why = d.start(r)
		}
		if say.What == FlowStopped {
			d.note("flow "+o.Flow+" stopped", say.Why)
			if r.Definition.Mode == flow.ModeLive {
				stopped.add(o.Flow, say.Why)
			}
		}
		if d.explain {
			r := d.rehearse(*o.Definition, ev, len(chain))
			say.Definition, say.Rehearsal = o.Definition, &r
		}
		d.flows = append(d.flows, say)
	}
	for _, s := range stopped {
		d.stopFlows(s, cause)
	}
	d.noteOthers(quiet)
}

// made reports whether a run exists already or has ended in this decision.
func (d *draft) made(id string) bool {
	_, live := d.Runs[id]
	return live || slices.ContainsFunc(d.changes.EndedRuns, func(r FlowRun) bool { return r.ID == id })
}

// maxOthers bounds the text of one log line about flows that did not start.
const maxOthers = 2000

// noteOthers notes why the other flows did not start.
func (d *draft) noteOthers(list []flow.Outcome) {
	text, left := "", len(list)
	for _, o := range list {
		add := o.Flow + ", " + o.Reason
		if len(text)+len(add) > maxOthers {
			break
		}
		if text != "" {
			text += "; "
		}
		text += add
		left--
	}
	if left > 0 {
		text += fmt.Sprintf("; and %d more", left)
	}
	if len(list) > 0 {
		d.note("flows not started", text)
	}
}

// start begins a run, makes it wait, or refuses it, and returns why.
func (d *draft) start(r FlowRun) (what What, why string) {
	v := d.admit(r)
	switch v.what {
	case FlowStarted:
		return d.begin(r)
	case FlowWaits:
		d.wait(r, v)
		return v.what, v.why
	}
	d.refuse(r, v)
	return v.what, v.why
}

// verdict is whether a run may begin.
type verdict struct {
	what What
	why  string
	// until is when to ask again.
	until time.Time
	// limit: the reason is the limit for one instance.
	limit bool
}

// admit decides whether a run may begin now. It changes nothing.
func (d *draft) admit(r FlowRun) verdict {
	def := r.Definition
	_, known := d.Runs[r.ID]
	if p := d.control.paused(r.Flow); p != nil {
		if known {
			return verdict{what: FlowWaits, why: p.String(), until: d.m.Now.Add(d.p.HoldCheck)}
		}
		return verdict{what: FlowRefused, why: p.String()}
	}
	if b, open := d.control.Breakers[r.Flow]; open && d.m.Now.Before(b.ResumeAt) {
		return verdict{what: FlowRefused, why: fmt.Sprintf("its breaker is open until %s, because %d runs failed",
			b.ResumeAt.UTC().Format(time.RFC3339), b.Failures)}
	}
	if before, waiting := d.ahead(r); before > 0 {
		switch {
		case !known && def.WhenBusy == flow.BusyDrop:
			return verdict{what: FlowDropped, why: "another run of it is under way on this instance"}
		case !known && waiting >= maxWaiting:
			return verdict{what: FlowDropped, why: fmt.Sprintf("%d runs of it already wait on this instance, which is its limit", waiting)}
		}
		return verdict{what: FlowWaits, why: "another run of it is under way on this instance"}
	}
	open, next, err := def.Windows.IsOpen(d.m.Now)
	switch {
	case err != nil:
		return verdict{what: FlowDropped, why: err.Error()}
	case !open && (next.IsZero() || def.Windows.Outside == flow.OutsideDrop):
		return verdict{what: FlowDropped, why: "it is outside its windows"}
	case !open:
		return verdict{what: FlowWaits, why: "its next window opens at " + next.Format(time.RFC3339), until: next}
	}
	l := def.Limits.PerInstance
	if n := d.startsWithin(r.Flow, l.Window.D()); l.Max > 0 && n >= l.Max {
		return verdict{what: FlowRefused, limit: true, why: fmt.Sprintf("it already ran %d times within %s on this instance, which is its limit", n, l.Window)}
	}
	return verdict{what: FlowStarted, why: "its condition holds"}
}

// ahead counts the runs of the same flow that this one must wait for, and how
// many of them have not begun.
func (d *draft) ahead(r FlowRun) (all, waiting int) {
	for _, other := range d.Runs {
		if other.Flow != r.Flow || other.ID == r.ID || !other.begun() && inCreation(other, r) > 0 {
			continue
		}
		all++
		if !other.begun() {
			waiting++
		}
	}
	return all, waiting
}

// begin begins a run that may begin now.
func (d *draft) begin(r FlowRun) (What, string) {
	d.countStart(r)
	r.CheckAt, r.Waits = time.Time{}, ""
	if r.Definition.Mode == flow.ModeDryRun {
		return FlowDryRun, d.recordDryRun(r)
	}
	d.note("flow "+r.Flow+" started", "its condition holds")
	r.Run = r.Run.Clone()
	d.carryOut(r, r.Begin(d.moment(r)))
	return FlowStarted, "its condition holds"
}

// recordDryRun records what a flow in dry-run would have done (flow rule 56).
func (d *draft) recordDryRun(r FlowRun) string {
	rehearsal := d.rehearse(r.Definition, r.Event, r.Depth)
	r.StartedAt = d.m.Now
	r.Steps = rehearsal.Steps
	for i := range r.Steps {
		r.Steps[i].Cause, r.Steps[i].EndedBy = r.Cause, ""
	}
	why := "it would have run no step"
	if plan := planned(rehearsal.Steps); plan != "" {
		why = "it would have run: " + plan
	}
	d.endRun(r, flow.ResultDryRun, why)
	return why
}

// rehearse plays a flow through with every step succeeding.
func (d *draft) rehearse(def flow.Definition, ev flow.Event, depth int) flow.Rehearsal {
	return flow.Rehearse(def, ev, d.instance(), depth, d.m.Now, func(string, int) flow.StepEnd {
		return flow.StepEnd{Status: flow.StepSucceeded, InvocationStatus: "Success", ExitCode: new(int64)}
	})
}

// planned lists the steps that would begin.
func planned(steps []flow.StepRecord) string {
	text := ""
	for _, s := range steps {
		if s.Status == flow.StepSkipped {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += s.ID + " (" + s.Kind + ")"
	}
	return text
}

// wait keeps a run that cannot begin yet.
func (d *draft) wait(r FlowRun, v verdict) {
	if r.Waits != v.why {
		d.note("flow "+r.Flow+" waits", v.why)
	}
	r.Waits, r.CheckAt = v.why, v.until
	d.setRun(r)
}

// refuse records a run that never begins. The limit for one instance alerts
// once until a run has begun again (flow rule 54).
func (d *draft) refuse(r FlowRun, v verdict) {
	if v.limit && d.countRefusal(r) && r.Definition.Mode == flow.ModeLive {
		d.planAlert(Alert{
			Kind: AlertFlowLimit, Flow: r.Flow, At: d.m.Now,
			Summary: "A flow was not run again: " + v.why + ".",
		}, Key("limit", r.Flow, r.ID))
	}
	result := flow.ResultDropped
	if v.what == FlowRefused {
		result = flow.ResultRefused
	}
	d.endRun(r, result, v.why)
}

// stops are the live flows that were stopped before one event could start them,
// by reason.
type stops []stop

type stop struct {
	why   string
	flows []string
}

func (s *stops) add(name, why string) {
	for i := range *s {
		if (*s)[i].why == why {
			(*s)[i].flows = append((*s)[i].flows, name)
			return
		}
	}
	*s = append(*s, stop{why, []string{name}})
}

// stopFlows raises one alert for all flows that were stopped for one reason:
// there can be any number of them.
func (d *draft) stopFlows(s stop, cause string) {
	what := "A flow was stopped before it started"
	if n := len(s.flows); n > 1 {
		what = fmt.Sprintf("%d flows were stopped before they started, the first is %s", n, s.flows[0])
	}
	d.planAlert(Alert{
		Kind: AlertFlowStopped, Flow: s.flows[0], At: d.m.Now, Summary: what + ", because " + s.why + ".",
	}, Key("stopped", s.flows[0], cause))
}
