package remediation

import (
	"fmt"
	"slices"

	"aftercare/shared/flow"
)

// maxDepth is how many flows may follow from one another.
const maxDepth = 10

// maxStarts and maxStartBytes bound the flows that one event starts, so that
// a decision fits into one commit: 200 rows and 4 MB.
const (
	maxStarts     = 40
	maxStartBytes = 1 << 20
)

// defaultPriority is the priority of follow-ups.
const defaultPriority = 5

// startFlows starts a run of every flow that reacts to the event. The chain
// is the flows that led to the event.
func (d *draft) startFlows(ev flow.Event, cause string, chain []string) {
	if d.p.Flows == nil {
		return
	}
	var started, size int
	for _, o := range d.p.Flows.Match(ev) {
		if !o.Matched {
			if o.Failed {
				d.note("flow "+o.Flow+" not started", o.Reason)
			}
			continue
		}
		for _, s := range o.Run.Steps {
			size += len(s.Run.Content)
		}
		started++
		id := Key("run", o.Flow, cause, d.Instance.ID)
		switch {
		case slices.Contains(chain, o.Flow):
			d.stopFlow(o.Flow, id, "it led to this event itself")
		case len(chain) >= maxDepth:
			d.stopFlow(o.Flow, id, fmt.Sprintf("%d flows led to this event, and no more may", len(chain)))
		case started > maxStarts || size > maxStartBytes:
			d.stopFlow(o.Flow, id, "too many or too large flows react to one event")
		default:
			r := FlowRun{
				ID: id, Flow: o.Flow, Plan: *o.Run, Chain: append(slices.Clone(chain), o.Flow),
				Cause: cause, StartedAt: d.m.Now,
			}
			d.note("flow "+o.Flow+" started", "its condition holds")
			d.step(r)
		}
	}
}

func (d *draft) stopFlow(name, runID, why string) {
	d.note("flow "+name+" stopped", why)
	d.planAlert(Alert{
		Kind: AlertFlowStopped, Flow: name, At: d.m.Now,
		Summary: "A flow was stopped before it started, because " + why + ".",
	}, runID)
}

// step queues the task of the run's present step.
func (d *draft) step(r FlowRun) {
	s := r.Plan.Steps[r.Step]
	d.setRun(r)
	d.enqueue(Task{
		ID: Key("task", r.ID, s.ID), Name: s.Run.Name, Priority: defaultPriority,
		Command: Command{Run: &Run{
			Name: s.Run.Name, Type: s.Run.Type, Content: s.Run.Content, Timeout: s.Run.Timeout,
			WorkingDir: s.Run.WorkingDir, Username: s.Run.Username, Parameters: s.Run.Parameters,
		}},
		Cause: r.Cause, RunID: r.ID, Step: s.ID, Chain: r.Chain,
	})
}

// stepEnded moves a task's flow run on: to its next step if the task
// succeeded, else to its end.
func (d *draft) stepEnded(t Task, cause string) {
	r, ok := d.Runs[t.RunID]
	if !ok {
		return
	}
	r.Steps = append(slices.Clone(r.Steps), StepRecord{
		ID: t.Step, TaskID: t.ID, State: t.State, ExitCode: t.ExitCode, Cause: cause,
	})
	switch {
	case t.State != TaskSucceeded:
		d.endRun(r, "failed", fmt.Sprintf("step %s ended as %s", t.Step, t.State))
	case r.Step+1 == len(r.Plan.Steps):
		d.endRun(r, "succeeded", "every step succeeded")
	default:
		r.Step++
		d.step(r)
	}
}

func (d *draft) endRun(r FlowRun, result, reason string) {
	r.Result, r.Reason, r.EndedAt = result, reason, d.m.Now
	r.Plan = flow.Plan{}
	delete(d.Runs, r.ID)
	d.touched.runs = append(d.touched.runs, r.ID)
	d.log.EndedRuns = append(d.log.EndedRuns, r)
	d.note("flow "+r.Flow+" "+result, reason)
}
