package decide

import (
	"fmt"
	"slices"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/timetable"
)

// FlowDecision is what was decided about one flow for one event, and why.
type FlowDecision struct {
	Flow string `json:"flow"`
	What What   `json:"what"`
	Why  string `json:"why"`
	// RunID is the run that was made, even if it never began.
	RunID string `json:"runId,omitempty"`
	// Values are the values of the names in the false clause, Definition is the
	// flow that fires, and Rehearsal is its course if every command succeeds. Only
	// Explain sets them.
	Values     []flow.Value     `json:"values,omitempty"`
	Definition *flow.Definition `json:"-"`
	Rehearsal  *flow.Rehearsal  `json:"rehearsal,omitempty"`
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
	FlowDepends    What = "depends" // on what its event's command printed; Explain only
)

// Decided holds the decisions about flows, as they are recorded.
type Decided struct {
	Flows []FlowDecision `json:"flows,omitempty"`
	// More counts the decisions that are left out.
	More int `json:"more,omitempty"`
	// Saw are the values of instance.* and event.failedBefore that conditions
	// read, each once.
	Saw []flow.Value `json:"saw,omitempty"`
}

// maxDecided bounds a record of decisions, in bytes (flow rule 70).
const maxDecided = 8 << 10

// decided returns the decisions as they are recorded: those about a run come
// first, and those that do not fit are only counted.
func (d *draft) decided() Decided {
	sorted := slices.Clone(d.flows)
	inOrder(sorted, func(a, b FlowDecision) int {
		return boolOrder(a.What == FlowNotStarted) - boolOrder(b.What == FlowNotStarted)
	})
	out := Decided{Saw: d.saw}
	var size size
	for i, f := range sorted {
		size.add(f)
		if size.bytes > maxDecided {
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
// values that made conditions false, and a rehearsal of every flow that fires, whose
// steps print these outputs. It changes nothing, and leaves out whatever else waits
// in the state.
func Explain(s State, in Input, f Facts, p Policy, now time.Time, outputs map[string]string) []FlowDecision {
	d := newDecision(s, f, p, Moment{Now: now})
	d.explain, d.outputs = true, outputs
	d.Instance.Rev = max(d.Instance.Rev, 1) // as if ECS knew it
	if e, ok := in.(Ended); ok {
		e.Event.Bare = false // as if Cloud Assistant had confirmed it
		in = e
	}
	d.apply(in)
	return d.flows
}

// startFlows starts a run of every flow that reacts to the event. The chain
// is the flows that led to the event.
func (b because) startFlows(ev flow.Event, chain []string) {
	started := 0
	var stopped stops
	var quiet []flow.Outcome
	outcomes := b.outcomes(ev, len(chain))
	captured := ev
	if slices.ContainsFunc(outcomes, func(o flow.Outcome) bool { return o.Wants }) {
		if captured = b.printed(ev); captured.Captured {
			outcomes = b.outcomes(captured, len(chain))
		}
	}
	for _, o := range outcomes {
		ev := ev
		if o.Matched && o.Definition.CaptureEvent {
			ev = captured
		}
		say := FlowDecision{Flow: o.Flow, What: FlowNotStarted, Why: o.Reason, Values: o.Values}
		if !o.Matched {
			if o.Wants {
				say.What = FlowDepends
			}
			if o.Failed {
				say.What = FlowNoAnswer
				b.note("flow "+o.Flow+" not started", o.Reason)
			} else {
				quiet = append(quiet, o)
			}
			b.flows = append(b.flows, say)
			continue
		}
		id := Key("run", o.Flow, b.cause, b.Instance.ID)
		r := FlowRun{
			ID: id, Flow: o.Flow, Chain: append(slices.Clone(chain), o.Flow), Cause: b.cause, CreatedAt: b.now, FlowsVersion: b.policy.Flows.Version(),
			Run: flow.NewRun(id, *o.Definition, ev, len(chain)),
		}
		say.RunID = id
		switch {
		case slices.Contains(chain, o.Flow):
			say.What, say.Why = FlowStopped, "it led to this event itself"
		case len(chain) >= flow.MaxDepth:
			say.What, say.Why = FlowStopped, fmt.Sprintf("%d flows led to this event, which is the limit", len(chain))
		case started == flow.MaxStarts || !b.ifRoom(func() { say.What, say.Why = b.start(r) }):
			say.What, say.Why = FlowStopped, "too many flows, or too large ones, react to one event"
			b.cramped = b.cramped || started < flow.MaxStarts
		default:
			started++
		}
		if say.What == FlowStopped {
			say.RunID = ""
			b.note("flow "+o.Flow+" stopped", say.Why)
			if r.Definition.Mode == flow.ModeLive {
				stopped.add(o.Flow, say.Why)
			}
		}
		if b.explain {
			h := Rehearse(b.State, r, b.now, b.outputs)
			say.Definition, say.Rehearsal = &r.Definition, &h
		}
		b.flows = append(b.flows, say)
	}
	for _, s := range stopped {
		b.stopFlows(s)
	}
	b.noteOthers(quiet)
}

// outcomes are how the flows react to the event.
func (b because) outcomes(ev flow.Event, depth int) []flow.Outcome {
	match := b.policy.Flows.Match
	if b.explain {
		match = b.policy.Flows.Explain
	}
	list := match(ev, b.instance(), depth)
	for _, o := range list {
		for _, v := range o.Saw {
			b.guarded = true
			b.read(v.Name)
			if !slices.Contains(b.saw, v) {
				b.saw = append(b.saw, v)
			}
		}
	}
	return list
}

// maxOthers bounds the text of one log line about flows that did not start.
const maxOthers = 2000

// noteOthers notes why the other flows did not start.
func (b because) noteOthers(list []flow.Outcome) {
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
		b.note("flows not started", text)
	}
}

// start begins a run, makes it wait, or refuses it, and returns why.
func (b because) start(r FlowRun) (what What, why string) {
	v := b.admit(r)
	_, known := b.Runs[r.ID]
	switch {
	case v.what == FlowStarted:
		return b.begin(r)
	case v.what == FlowWaits:
		b.wait(r, v)
	case !known && (r.RetryOf != "" || r.Event.Kind == flow.Manual): // nothing is recorded (flow rule 59)
		return v.what, v.reason()
	default:
		b.refuse(r, v)
	}
	return v.what, v.why
}

// verdict is whether a run may begin.
type verdict struct {
	what What
	why  string
	// do says what lets a run begin that is refused or dropped; empty if only a new
	// event does.
	do string
	// until is when to ask again.
	until time.Time
	// limit: the reason is the limit for one instance.
	limit bool
}

// reason is why a run may not begin, and what lets it begin.
func (v verdict) reason() string {
	if v.do == "" {
		return v.why
	}
	return v.why + "; " + v.do
}

// admit decides whether a run may begin now. It changes nothing.
func (b because) admit(r FlowRun) verdict {
	def := r.Definition
	_, known := b.Runs[r.ID]
	if s := b.stopOf(r.Flow); s != nil {
		if known {
			return verdict{what: FlowWaits, why: s.String(), until: b.now.Add(b.policy.HoldCheck)}
		}
		return verdict{what: FlowRefused, why: s.String(), do: s.resume() + " ends that"}
	}
	if br, open := b.control.Breakers[r.Flow]; open && b.now.Before(br.ResumeAt) {
		return verdict{what: FlowRefused, why: fmt.Sprintf("its breaker is open until %s, because %d runs failed",
			br.ResumeAt.UTC().Format(time.RFC3339), br.Failures), do: Scope{Flow: r.Flow}.resume() + " closes it"}
	}
	if before, waiting := b.ahead(r); before > 0 {
		switch {
		case !known && def.WhenBusy == flow.BusyDrop:
			return verdict{what: FlowDropped, why: "another run of it is under way on this instance", do: "try again when that has ended"}
		case !known && waiting >= flow.MaxWaiting:
			return verdict{what: FlowDropped, why: fmt.Sprintf("%d runs of it already wait on this instance, which is its limit", waiting), do: "try again when some have ended"}
		}
		return verdict{what: FlowWaits, why: "another run of it is under way on this instance"}
	}
	if b.control.Unread {
		return verdict{what: FlowWaits, why: unread, until: b.now.Add(b.policy.HoldCheck)}
	}
	open, next, err := def.Windows.IsOpen(b.now)
	switch {
	case err != nil:
		return verdict{what: FlowDropped, why: err.Error()}
	case !open && (next.IsZero() || def.Windows.Outside == timetable.OutsideDrop):
		return verdict{what: FlowDropped, why: "it is outside its windows"}
	case !open:
		return verdict{what: FlowWaits, why: "its next window opens at " + next.Format(time.RFC3339), until: next}
	}
	l := def.Limits.PerInstance
	starts := b.Limits[r.Flow].Starts
	if n := within(starts, l.Window.D(), b.now); l.Max > 0 && n >= l.Max {
		return verdict{what: FlowRefused, limit: true, why: fmt.Sprintf("it already ran %s within %s on this instance, which is its limit", counted(n, "time"), l.Window),
			do: "try again after " + starts[len(starts)-l.Max].Add(l.Window.D()).UTC().Format(time.RFC3339)}
	}
	return verdict{what: FlowStarted, why: "its condition holds"}
}

// begin begins a run that may begin now.
func (b because) begin(r FlowRun) (What, string) {
	b.countStart(r)
	b.recover(untilBegun(r.Flow), b.now, "The flow runs again.")
	r.CheckAt, r.Waits = time.Time{}, ""
	if r.Definition.Mode == flow.ModeDryRun {
		return FlowDryRun, b.recordDryRun(r)
	}
	b.note("flow "+r.Flow+" started", "its condition holds")
	r.Run = r.Run.Clone()
	b.carryOut(r, r.Begin(b.moment(r)))
	return FlowStarted, "its condition holds"
}

// recordDryRun records what a flow in dry-run would have done (flow rule 56).
func (b because) recordDryRun(r FlowRun) string {
	r.Event.Captured = true // when it was stored
	rehearsal := Rehearse(b.State, r, b.now, nil)
	r.StartedAt = b.now
	r.Steps = rehearsal.Steps
	for i := range r.Steps {
		r.Steps[i].Attempts, r.Steps[i].Cause = 0, r.Cause
	}
	why := rehearsal.String()
	b.endRun(r, flow.ResultDryRun, why)
	return why
}

// Rehearse plays a run of the instance from its begin on. Every command succeeds, and
// prints the output of its step; what it prints is unknown without one.
func Rehearse(s State, r FlowRun, now time.Time, outputs map[string]string) flow.Rehearsal {
	in := view{State: s, now: now}.instance()
	return flow.Rehearse(r.Definition, r.Event, in, r.Depth, now, flow.Succeeds(outputs))
}

// wait keeps a run that cannot begin yet.
func (b because) wait(r FlowRun, v verdict) {
	if r.Waits != v.why {
		b.note("flow "+r.Flow+" waits", v.why)
	}
	r.Waits, r.CheckAt = v.why, v.until
	b.runs.put(r.ID, r)
}

// refuse records a run that never begins. The limit for one instance alerts
// once until a run has begun again (flow rule 54).
func (b because) refuse(r FlowRun, v verdict) {
	if v.limit && b.countRefusal(r) && r.Definition.Mode == flow.ModeLive {
		b.follow(Alert{
			Kind: AlertFlowLimit, Flow: r.Flow, At: b.now,
			Summary: "A flow was not run again: " + v.why + ".",
		}, lasting{until: []Until{untilBegun(r.Flow)}})
	}
	result := flow.ResultDropped
	if v.what == FlowRefused {
		result = flow.ResultRefused
	}
	b.endRun(r, result, v.why)
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
func (b because) stopFlows(s stop) {
	what := "A flow was stopped before it started"
	if n := len(s.flows); n > 1 {
		what = fmt.Sprintf("%d flows were stopped before they started, the first is %s", n, s.flows[0])
	}
	b.alert(Alert{
		Kind: AlertFlowStopped, Flow: s.flows[0], At: b.now, Summary: what + ", because " + s.why + ".",
	}, Key("stopped", s.flows[0], b.cause))
}
