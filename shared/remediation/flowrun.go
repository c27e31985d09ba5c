package remediation

import (
	"fmt"
	"slices"

	"aftercare/shared/flow"
)

// maxDepth is how many flows may follow from one another.
const maxDepth = 10

// maxStarts and maxStartBytes bound the flows that one event starts, so that
// a decision fits into one commit.
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
	var stopped stops
	for _, o := range d.p.Flows.Match(ev) {
		if !o.Matched {
			if o.Failed {
				d.note("flow "+o.Flow+" not started", o.Reason)
			}
			continue
		}
		add := planSize(*o.Run)
		switch {
		case slices.Contains(chain, o.Flow):
			stopped.add(o.Flow, "it led to this event itself")
		case len(chain) >= maxDepth:
			stopped.add(o.Flow, fmt.Sprintf("%d flows led to this event, and no more may", len(chain)))
		case started == maxStarts || size+add > maxStartBytes:
			stopped.add(o.Flow, "too many or too large flows react to one event")
		default:
			started++
			size += add
			r := FlowRun{
				ID: Key("run", o.Flow, cause, d.Instance.ID), Flow: o.Flow, Plan: *o.Run,
				Chain: append(slices.Clone(chain), o.Flow), Cause: cause, StartedAt: d.m.Now,
			}
			d.note("flow "+o.Flow+" started", "its condition holds")
			d.step(r)
		}
	}
	for _, s := range stopped {
		d.stopFlows(s, cause)
	}
}

// stops is the flows that one event would have started, by the reason why
// they were stopped.
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

// stopFlows raises one alert for all that was stopped for one reason: there
// can be any number of flows.
func (d *draft) stopFlows(s stop, cause string) {
	for _, name := range s.flows {
		d.note("flow "+name+" stopped", s.why)
	}
	what := "A flow was stopped before it started"
	if n := len(s.flows); n > 1 {
		what = fmt.Sprintf("%d flows were stopped before they started, %s the first of them", n, s.flows[0])
	}
	d.planAlert(Alert{
		Kind: AlertFlowStopped, Flow: s.flows[0], At: d.m.Now, Summary: what + ", because " + s.why + ".",
	}, Key("stopped", s.flows[0], cause))
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
	d.touched.runs.add(r.ID)
	d.log.EndedRuns = append(d.log.EndedRuns, r)
	d.note("flow "+r.Flow+" "+result, reason)
}
