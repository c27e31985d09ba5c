package decide

import "aftercare/shared/flow"

// Retry asks that a flow run that ended be run again, from its first step.
type Retry struct {
	Key       string
	DedupeKey string
	// Hash is as Submission's.
	Hash  string
	RunID string
	// By says who asks for it, in that person's own words, Reason why.
	By, Reason string
}

// retry makes a run with the definition and the event of another, which ended. It
// begins as if the event had come now, and is refused where that run would be.
func (d *decision) retry(in Retry) (cause string) {
	d.once, d.hash = inputKey(in.Key), in.Hash
	asked := "retry of run " + in.RunID
	if _, live := d.Runs[in.RunID]; live {
		return d.refused(asked, "the flow run has not ended")
	}
	old := d.endedRun(in.RunID)
	switch {
	case old == nil:
		return d.refused(asked, "this instance has no record of such a flow run")
	case d.Instance.Gone():
		return d.refused(asked, "the instance was deleted")
	}
	ev := old.Event
	if old.Definition.CaptureEvent {
		if ev = d.printed(ev); ev.OutputError != "" {
			return d.refused(asked, "what the command of its event printed could not be fetched: "+ev.OutputError)
		}
	}
	id := Key("run", "retry", in.Key, in.RunID)
	r := FlowRun{
		ID: id, Flow: old.Flow, Chain: old.Chain, Cause: d.once, CreatedAt: d.now, RetryOf: old.ID, FlowsVersion: old.FlowsVersion,
		Run: flow.NewRun(id, old.Definition, ev, old.Depth),
	}
	what, why := d.because(d.once).start(r)
	if what == FlowRefused || what == FlowDropped {
		return d.refused(asked, "flow "+old.Flow+" cannot run again now: "+why)
	}
	if d.answer.RunID, d.answer.Outcome = id, string(what); what != FlowStarted {
		d.answer.Reason = why
	}
	record(d.draft, &d.changes.Acts, Act{
		Key: in.Key, Kind: ActRetry, At: d.now, What: "run " + old.ID + " of flow " + old.Flow, Outcome: string(what), By: in.By, Reason: in.Reason,
	})
	d.recordInput(in.Key, in.DedupeKey)
	return d.once
}
