package decide

import (
	"slices"

	"aftercare/shared/flow"
)

// asker returns facts, and notes one that is needed and that nobody has asked
// for. The decision is made again with the answer.
type asker struct {
	*draft
	facts Facts
	needs Needs
	// doubts are the successes that the decision takes for not recorded.
	doubts []Success
}

func (a *asker) agentStatus() *AgentStatus {
	a.needs.Agent = a.needs.Agent || !a.facts.Asked.Agent
	return a.facts.Agent
}

func (a *asker) machine() *Machine {
	a.needs.Machine = a.needs.Machine || !a.facts.Asked.Machine
	return a.facts.Machine
}

// invocation returns what Cloud Assistant says about an invocation, nil if it
// knows none. No decision asks for more than a batch.
func (a *asker) invocation(id string) (inv *Invocation, answered bool) {
	inv, answered = a.facts.Invocations[id]
	if !answered && len(a.facts.Asked.Invocations)+len(a.needs.Invocations) < a.policy.Batch {
		ask(&a.needs.Invocations, a.facts.Asked.Invocations, id)
	}
	return inv, answered
}

func (a *asker) output(invokeID string) (out Captured, known bool) {
	out, known = a.facts.Outputs[invokeID]
	if !known {
		ask(&a.needs.Outputs, a.facts.Asked.Outputs, invokeID)
	}
	out.Text = a.policy.Mask.Text(out.Text)
	return out, known
}

// printed returns the event with what its command printed. Until that is known, the
// engine looks first whether the event was recorded before. (flow rule 45)
func (a *asker) printed(ev flow.Event) flow.Event {
	out, known := a.output(ev.InvokeID)
	asked := slices.Contains(a.facts.Asked.Outputs, ev.InvokeID)
	if asked && !known {
		out.Err = "there is no answer"
	}
	a.needs.Once = a.needs.Once || !known && !asked
	ev.Output, ev.OutputError, ev.Captured = out.Text, out.Err, known || asked
	return ev
}

// endedTask returns the record of an ended task, or nil.
func (a *asker) endedTask(id string) *Task {
	t, known := a.facts.Ended[id]
	if !known {
		ask(&a.needs.Ended, a.facts.Asked.Ended, id)
	}
	return t
}

// wellAfter returns what reports whether a success is recorded. The decision is made
// as if none were; the engine asks beside other calls, and has it made again if one
// is. [55]
func (a *asker) wellAfter(s Success) func() bool {
	return func() bool {
		if slices.Contains(a.facts.Succeeded, s) {
			return true
		}
		a.doubts = append(a.doubts, s)
		return false
	}
}

// endedRun returns the record of an ended flow run, or nil.
func (a *asker) endedRun(id string) *FlowRun {
	if a.facts.Asked.EndedRun != id {
		a.needs.EndedRun = id
	}
	return a.facts.EndedRun
}

// queue reports whether all queued tasks are at hand.
func (a *asker) queue() bool {
	a.needs.Queue = a.Unread > 0
	return !a.needs.Queue
}

func ask(list *[]string, asked []string, id string) {
	if !slices.Contains(asked, id) && !slices.Contains(*list, id) {
		*list = append(*list, id)
	}
}
