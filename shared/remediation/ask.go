package remediation

import (
	"context"
	"fmt"
	"time"
)

// ask gets from Cloud Assistant what the decision would like to know. What it
// does not answer is left out. Executions that it says have ended are handled
// as if their events had come, and the state is loaded anew. Of those that were
// recorded before, the decision is told: a task whose end was taken for a
// stranger's must end all the same.
func (h *handling) ask(ctx context.Context, s *State, in Input) (Facts, error) {
	q := Ask(*s, in, h.Policy, h.Now())
	// An answer that does not come must leave the time to commit without it.
	asking, cancel := context.WithTimeout(ctx, h.deadline.Add(-h.reserve).Sub(h.Now()))
	defer cancel()
	f := Facts{Control: h.control}
	if q.Agent {
		if a, err := h.Commander.AgentStatus(asking, h.instanceID); err == nil {
			f.Agent = &a
		} else {
			h.note("agent status not known", err.Error())
		}
	}
	polled := false
	for _, id := range q.Invocations {
		if h.late() {
			break
		}
		inv, err := h.Commander.FindByID(asking, h.instanceID, id)
		if err != nil {
			h.note("invocation "+id+" not known", err.Error())
			continue
		}
		if f.Invocations == nil {
			f.Invocations = map[string]*Invocation{}
		}
		f.Invocations[id] = inv
		if _, waking := in.(WakeUp); waking && inv != nil && inv.ended() {
			out, err := h.Engine.Handle(ctx, h.instanceID, Ended{
				Event: inv.event(h.instanceID), Received: h.Now(), Source: SourcePoll,
			})
			if err != nil {
				return f, fmt.Errorf("handle the end of %s, which no event told: %w", id, err)
			}
			h.out.Notes = append(h.out.Notes, out.Notes...)
			polled = true
			if !out.Duplicate {
				delete(f.Invocations, id)
			}
		}
	}
	if err := h.fetch(asking, s, in, q, &f); err != nil {
		return f, err
	}
	if !polled {
		return f, nil
	}
	loaded, err := h.load(ctx)
	if err != nil {
		return f, err
	}
	*s = loaded
	return f, nil
}

// insist is how long after an execution's end its output must be had before
// the end is committed: an error delivers the end again.
const insist = 10 * time.Minute

// fetch gets what commands printed, of those whose flow wants that.
func (h *handling) fetch(ctx context.Context, s *State, in Input, q Questions, f *Facts) error {
	wanted := q.Outputs
	if _, waking := in.(WakeUp); waking {
		for _, t := range s.Tasks {
			if inv := f.Invocations[t.InvokeID]; inv != nil && inv.ended() && s.captures(t) {
				wanted = append(wanted, t.InvokeID)
			}
		}
	}
	for _, id := range wanted {
		out, err := h.Commander.Output(ctx, h.instanceID, id)
		captured := Captured{Output: out}
		if err != nil {
			end, isEnd := in.(Ended)
			if isEnd && !unanswerable(err) && h.Now().Sub(end.Event.FinishTime) < insist {
				return fmt.Errorf("fetch the output of %s: %w", id, err)
			}
			captured.Err = err.Error()
			h.note("output of "+id+" not known", captured.Err)
		}
		if f.Outputs == nil {
			f.Outputs = map[string]Captured{}
		}
		f.Outputs[id] = captured
	}
	return nil
}
