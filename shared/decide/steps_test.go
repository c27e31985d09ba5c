package decide_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// writeSteps writes how far each run is, with all its steps, and what the runs ask
// for: that commands are sent or stopped, and alerts.
func (s *story) writeSteps(c decide.Changes) {
	runs := map[string]flow.Run{}
	for _, r := range c.Runs {
		if r.After != nil {
			runs[s.names.name(r.After.ID)] = r.After.Run
		}
	}
	for _, r := range c.EndedRuns {
		runs[s.names.name(r.ID)] = r.Run
	}
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		r := runs[name]
		line := fmt.Sprintf("run %s %s: %s", name, r.Result, r.Reason)
		if r.Result == "" {
			line = "run " + name
		}
		for _, step := range r.Steps {
			line += " | " + step.ID + " " + cmp.Or(step.Status, string(r.Pending.State))
			if step.Attempts > 1 {
				line += fmt.Sprintf(" %d attempts", step.Attempts)
			}
			if step.MayHaveRunTwice {
				line += ", it may have run twice"
			}
			if step.Status != flow.StepSucceeded && step.Reason != "" {
				line += ": " + step.Reason
			}
		}
		if due := r.Due(); !due.IsZero() {
			line += " | due " + clock(due)
		}
		s.printf("%s", line)
	}
	for _, t := range c.Tasks {
		switch {
		case t.Before == nil && t.After != nil:
			s.printf("send %s %s", s.names.name(t.After.ID), parameters(t.After.Command))
		case t.Before != nil && !t.Before.Cancel && t.After != nil && t.After.Cancel:
			s.printf("stop %s", s.names.name(t.After.ID))
		}
	}
	for _, m := range c.Messages {
		if m.Before == nil && m.After.Alert != nil && m.After.Alert.Kind == decide.AlertFlow {
			s.printf("alert %s: %s", m.After.Alert.Flow, m.After.Alert.Summary)
		}
	}
}

func parameters(c command.Command) string {
	if c.Invoke != nil {
		return fields(c.Invoke.Parameters)
	}
	return fields(c.Run.Parameters)
}
