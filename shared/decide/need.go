package decide

import "slices"

// The methods below return a fact, and note that it is needed if nobody has
// asked for it. The decision is made again with the answer.

func (d *decision) agentStatus() *AgentStatus {
	d.needs.Agent = d.needs.Agent || !d.facts.Asked.Agent
	return d.facts.Agent
}

// invocation returns what Cloud Assistant says about an invocation, nil if it
// knows none. No decision asks for more than a batch.
func (d *decision) invocation(id string) (inv *Invocation, answered bool) {
	inv, answered = d.facts.Invocations[id]
	if !answered && len(d.facts.Asked.Invocations)+len(d.needs.Invocations) < d.policy.Batch {
		ask(&d.needs.Invocations, d.facts.Asked.Invocations, id)
	}
	return inv, answered
}

func (d *decision) output(invokeID string) (out Captured, known bool) {
	out, known = d.facts.Outputs[invokeID]
	if !known {
		ask(&d.needs.Outputs, d.facts.Asked.Outputs, invokeID)
	}
	return out, known
}

// endedTask returns the record of an ended task, or nil.
func (d *decision) endedTask(id string) *Task {
	t, known := d.facts.Ended[id]
	if !known {
		ask(&d.needs.Ended, d.facts.Asked.Ended, id)
	}
	return t
}

// queue reports whether all queued tasks are at hand.
func (d *decision) queue() bool {
	d.needs.Queue = d.Unread > 0
	return !d.needs.Queue
}

func ask(list *[]string, asked []string, id string) {
	if !slices.Contains(asked, id) && !slices.Contains(*list, id) {
		*list = append(*list, id)
	}
}
