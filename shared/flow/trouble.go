package flow

import "slices"

// Trouble is what went wrong in a run. The zero value is that nothing did. [39]
type Trouble struct {
	// Step is where, and Why is the reason.
	Step, Why string
	// Task is that of the step's last attempt, and Output what that printed, if the
	// step captures.
	Task, Output string
}

// Trouble returns why the run failed or timed out; before that, why the last step
// that did not succeed did not. [39]
func (r *Run) Trouble() Trouble {
	out := Trouble{Step: r.FailedStep}
	var step *StepRecord
	for i := range r.Steps {
		s := &r.Steps[i]
		bad := s.Status != "" && s.Status != StepSucceeded && s.Status != StepSkipped
		if bad && (step == nil || step.ID != r.FailedStep) {
			step = s
		}
	}
	if r.FailedStep != "" {
		out.Why = r.Reason
	}
	if step == nil {
		return out
	}
	if step.ID != r.FailedStep {
		if out.Why != "" {
			out.Why += "; "
		}
		out.Why += step.How()
	}
	out.Step, out.Output = step.ID, step.Output
	if n := len(step.Tasks); n > 0 {
		out.Task = step.Tasks[n-1]
	}
	return out
}

// Told reports whether an alert has said that the run failed or timed out: that of
// the end of the step at which it did; or an alert step after that; or, if the flow
// itself ends the run as failed, any. [39]
func (r *Run) Told() bool {
	after := slices.Concat(r.Definition.OnFailure, r.Definition.Finally)
	is := func(list []Step, id string) bool {
		return slices.ContainsFunc(list, func(s Step) bool { return s.ID == id })
	}
	stopped := slices.ContainsFunc(r.Definition.Steps, func(s Step) bool { return s.ID == r.FailedStep && s.Stop != "" })
	return slices.ContainsFunc(r.Steps, func(s StepRecord) bool {
		alert := s.Kind == KindAlert && s.Status == StepSucceeded
		return stopped && (alert || s.Alerted) || alert && is(after, s.ID) || s.Alerted && s.ID == r.FailedStep
	})
}

// SetAlerted records that an alert says how the step under this id ended.
func (r *Run) SetAlerted(step string) {
	for i := range r.Steps {
		if r.Steps[i].ID == step {
			r.Steps[i].Alerted = true
		}
	}
}
