package decide

import (
	"aftercare/shared/command"
	"aftercare/shared/event"
)

// TaskOf finds the live task that an execution is an attempt of: by the
// marker in the command's name unless another invoke id is stored for that
// task, else by the invoke id.
func (s State) TaskOf(ev event.TaskCompleted) (Task, bool) {
	if _, id := command.Split(ev.CommandName); id != "" {
		if t, ok := s.Tasks[id]; ok && t.State != TaskQueued && (t.InvokeID == "" || t.InvokeID == ev.InvokeID) {
			return t, true
		}
	}
	for _, t := range s.Tasks {
		if t.InvokeID == ev.InvokeID {
			return t, true
		}
	}
	return Task{}, false
}

// originPossible reports whether an InvokeCommand whose invoke id is not known
// may have started this execution. Aftercare starts no scheduled ones.
func (s State) originPossible(ev event.TaskCompleted) bool {
	if ev.Suffix() != "once" {
		return false
	}
	for _, t := range s.Tasks {
		if s.unresolved(t) && (ev.CommandID == "" || t.CommandID == ev.CommandID) {
			return true
		}
	}
	return false
}

// unresolved reports whether the task's InvokeCommand may have been accepted
// under an invoke id that is not known yet.
func (s State) unresolved(t Task) bool {
	return t.Kind == SendInvoke && t.State == TaskReleasing && t.InvokeID == "" &&
		!s.Sends[t.SendKey].FirstSent.IsZero()
}

// Captures reports whether a flow captures the output of a task.
func (s State) Captures(t Task) bool {
	r, ok := s.Runs[t.RunID]
	return ok && r.Captures() && r.Current().ID == t.Step
}

// unresolvedCapture reports whether an end whose task is not known yet may
// belong to a task whose output a flow captures.
func (s State) unresolvedCapture() bool {
	for _, t := range s.Tasks {
		if s.unresolved(t) && s.Captures(t) {
			return true
		}
	}
	return false
}
