package engine

import (
	"aftercare/shared/decide"
	"context"
	"fmt"
	"time"
)

// ask gets the facts that the decision needs from Cloud Assistant, and leaves
// out those that it cannot get. It handles executions that have ended as if
// their events had come, and loads the state anew. If such an end was recorded
// before, its invocation stays in the facts: its task must end even if the end
// was taken for another command's.
func (h *handling) ask(ctx context.Context, s *decide.State, in decide.Input) (decide.Facts, error) {
	q := decide.Ask(*s, in, h.Policy, h.Now())
	// A missing answer must leave enough time to commit without it.
	asking, cancel := context.WithTimeout(ctx, h.deadline.Add(-h.reserve).Sub(h.Now()))
	defer cancel()
	f := decide.Facts{Control: h.control}
	if q.Agent {
		if a, err := h.Commander.AgentStatus(asking, h.instanceID); err == nil {
			f.Agent = &a
		} else {
			h.note("agent status unknown", err.Error())
		}
	}
	polled := false
	for _, id := range q.Invocations {
		if h.late() {
			break
		}
		inv, err := h.Commander.FindByID(asking, h.instanceID, id)
		if err != nil {
			h.note("invocation "+id+" unknown", err.Error())
			continue
		}
		if f.Invocations == nil {
			f.Invocations = map[string]*decide.Invocation{}
		}
		f.Invocations[id] = inv
		if _, waking := in.(decide.WakeUp); waking && inv != nil && inv.Ended() {
			// What follows the end is claimed with the rest, in the sweep's room.
			end := h.newHandling(ctx, h.instanceID)
			end.ration.open = false
			out, err := end.run(ctx, decide.Ended{
				Event: inv.TaskCompleted(h.instanceID), Received: h.Now(), Source: decide.SourcePoll,
			})
			if err != nil {
				return f, fmt.Errorf("handle the end of %s, which no event reported: %w", id, err)
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

// insist is how long after an execution's end a failed fetch of its output
// keeps the end from being committed: the error makes the event come again.
// After that, the end counts more than its output.
const insist = 10 * time.Minute

// fetch gets the output of commands whose flow captures it.
func (h *handling) fetch(ctx context.Context, s *decide.State, in decide.Input, q decide.Questions, f *decide.Facts) error {
	wanted := q.Outputs
	if _, waking := in.(decide.WakeUp); waking {
		for _, t := range s.Tasks {
			if inv := f.Invocations[t.InvokeID]; inv != nil && inv.Ended() && s.Captures(t) {
				wanted = append(wanted, t.InvokeID)
			}
		}
	}
	for _, id := range wanted {
		out, err := h.Commander.Output(ctx, h.instanceID, id)
		captured := decide.Captured{Output: out}
		if err != nil {
			end, isEnd := in.(decide.Ended)
			if isEnd && !permanent(err) && h.Now().Sub(end.Event.FinishTime) < insist {
				return fmt.Errorf("fetch the output of %s: %w", id, err)
			}
			captured.Err = err.Error()
			h.note("output of "+id+" unknown", captured.Err)
		}
		if f.Outputs == nil {
			f.Outputs = map[string]decide.Captured{}
		}
		f.Outputs[id] = captured
	}
	return nil
}
