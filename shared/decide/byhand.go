package decide

import "aftercare/shared/flow"

// What is what is submitted, for people: a command's name, or a flow.
func (in Submission) What() string {
	if in.Flow != "" {
		return "flow " + in.Flow
	}
	return in.Command.Name()
}

// startByHand starts the flow of a submission, as an event would. What refuses an
// event's run refuses the submission; a run that must wait waits (flow rules 48, 59).
func startByHand(d *decision, in Submission) (cause string) {
	say := FlowDecision{Flow: in.Flow, What: FlowNotStarted}
	refused := func(why string) string {
		say.Why = why
		d.flows = append(d.flows, say)
		return d.refused("start of flow "+in.Flow, why)
	}
	if why := d.policy.Flows.Unstartable(in.Flow, flow.Manual, in.Inputs); why != "" {
		return refused(why)
	}
	if d.Instance.Boot == BootUnknown && d.Instance.CheckAt.IsZero() || d.checkDue() {
		d.askAgent()
	}
	b, ev := d.because(d.once), flow.Event{
		Kind: flow.Manual, ID: in.Key, Source: "aftercare", Region: d.Instance.Region, Time: d.now, InstanceID: d.Instance.ID,
		By: in.By, Reason: in.Reason, Flow: in.Flow, Inputs: in.Inputs,
	}
	for _, o := range b.outcomes(ev, 0) {
		say.Values = o.Values
		if !o.Matched {
			return refused(o.Reason)
		}
		r := newRun(b, o, ev, nil)
		v := b.admit(r)
		if say.What, say.Why = v.what, v.why; v.what == FlowRefused || v.what == FlowDropped {
			said(b, say, r)
			return d.refused("start of flow "+in.Flow, v.reason())
		}
		say.RunID = r.ID
		say.What, say.Why = b.start(r)
		said(b, say, r)
		d.answer.RunID, d.answer.Outcome = r.ID, string(say.What)
		if say.What != FlowStarted {
			d.answer.Reason = say.Why
		}
	}
	d.recordInput(in.Key, in.DedupeKey)
	return d.once
}
