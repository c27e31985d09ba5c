package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
)

// ask gets what a decision needs to know, and leaves out what Cloud Assistant
// does not answer.
func (h *handling) ask(ctx context.Context, s *decide.State, in decide.Input, d decide.Decision, f *decide.Facts) error {
	n := d.Needs
	if n.Queue {
		tasks, err := h.Ledger.Queue(ctx, h.instanceID)
		if err != nil {
			return fmt.Errorf("load the queue of instance %s: %w", h.instanceID, err)
		}
		s.AddQueue(tasks)
	}
	if len(n.Ended) > 0 || n.Once && d.Once != "" {
		r, tasks, err := h.Ledger.Ended(ctx, h.instanceID, d.Once, n.Ended)
		if err != nil {
			return fmt.Errorf("read the ended tasks of instance %s: %w", h.instanceID, err)
		}
		// The record of an own commit that landed late is found again by the next.
		if r != nil && h.duplicate(*r, d) == nil {
			return nil
		}
		if len(n.Ended) > 0 {
			f.Asked.Ended, f.Ended = append(f.Asked.Ended, n.Ended...), tasks
		}
	}
	if n.EndedRun != "" {
		r, err := h.Ledger.EndedRun(ctx, h.instanceID, n.EndedRun)
		if err != nil {
			return fmt.Errorf("read the flow run %s of instance %s: %w", n.EndedRun, h.instanceID, err)
		}
		f.Asked.EndedRun, f.EndedRun = n.EndedRun, r
	}
	// A missing answer must leave enough time to commit without it.
	asking, cancel := context.WithTimeout(ctx, h.deadline.Add(-h.reserve).Sub(h.Now()))
	defer cancel()
	h.askAbout(asking, n, f)
	f.Asked.Invocations = append(f.Asked.Invocations, n.Invocations...)
	for _, id := range n.Invocations {
		if h.late() {
			break
		}
		inv, err := h.Commander.FindByID(asking, h.instanceID, id)
		if err != nil {
			h.note("invocation "+id+" unknown", err.Error())
			continue
		}
		if _, waking := in.(decide.WakeUp); waking && inv != nil && inv.Ended() {
			known, err := h.polled(ctx, s, *inv)
			if err != nil {
				return err
			}
			if !known {
				continue
			}
		}
		if f.Invocations == nil {
			f.Invocations = map[string]*decide.Invocation{}
		}
		f.Invocations[id] = inv
	}
	f.Asked.Outputs = append(f.Asked.Outputs, n.Outputs...)
	return h.fetch(asking, in, n.Outputs, f)
}

// learnTime is how long ECS is given to answer what an instance is.
const learnTime = 3 * time.Second

// askAbout asks about the instance itself and its agent.
func (h *handling) askAbout(ctx context.Context, n decide.Needs, f *decide.Facts) {
	if n.Agent {
		f.Asked.Agent = true
		if a, _, err := h.agents.ask(ctx, h.instanceID, h.Commander.AgentStatuses); err == nil {
			f.Agent = &a
		} else {
			h.note("agent status unknown", err.Error())
		}
	}
	if n.Machine {
		f.Asked.Machine = true
		ctx, cancel := context.WithTimeout(ctx, learnTime)
		defer cancel()
		m, known, err := h.machines.ask(ctx, h.instanceID, func(ctx context.Context, ids []string) (map[string]decide.Machine, error) {
			return h.Commander.Instances(ctx, Selector{IDs: ids})
		})
		switch {
		case err != nil:
			h.note("instance unknown", err.Error())
		case known:
			f.Machine = &m
		default:
			f.Unlisted = true
		}
	}
}

// polled handles an end that no event reported as if its event had come. Known
// says that it was recorded before: its task must end all the same, even if the
// end was taken for another command's.
func (h *handling) polled(ctx context.Context, s *decide.State, inv decide.Invocation) (known bool, err error) {
	end := decide.Ended{Event: inv.TaskCompleted(h.instanceID), Received: h.Now(), Source: decide.SourcePoll}
	next, _, err := h.decide(ctx, *s, end)
	if err != nil {
		return false, fmt.Errorf("handle the end of %s, which no event reported: %w", inv.InvokeID, err)
	}
	known, h.out.Duplicate = h.out.Duplicate, false
	if known {
		next, err = h.load(ctx)
	}
	*s = next
	return known, err
}

// insist is how long after an execution's end a failed fetch of its output
// keeps the end from being committed: the error makes the event come again. It
// is longer than a short outage of Cloud Assistant. After that, the end counts
// more than its output.
const insist = 10 * time.Minute

// fetch gets the output of commands whose flow captures it.
func (h *handling) fetch(ctx context.Context, in decide.Input, ids []string, f *decide.Facts) error {
	for _, id := range ids {
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

// prepare does what must be done before a commit: it arms a wake-up and, beside
// that, reads the texts of the commands that the commit claims, and asks for the
// successes that the decision doubts. It reports whether the decision still holds.
func (h *handling) prepare(ctx context.Context, s decide.State, d *decide.Decision, m decide.Moment, results bool) (holds bool, err error) {
	unread := h.unread(d, m.Claim)
	var (
		reading sync.WaitGroup
		texts   map[string]command.Command
		readErr error
	)
	if len(unread) > 0 {
		reading.Go(func() { texts, readErr = h.Ledger.Texts(ctx, h.instanceID, unread) })
	}
	doubts := d.Doubts
	if results {
		doubts = nil // results are not decided again for that
	}
	succeeded := make([]bool, len(doubts))
	failed := make([]error, len(doubts))
	for i, doubt := range doubts {
		reading.Go(func() { succeeded[i], failed[i] = h.Ledger.Succeeded(ctx, h.instanceID, doubt) })
	}
	err = h.arm(ctx, s, d, m, results)
	reading.Wait()
	if err == nil && readErr != nil {
		err = fmt.Errorf("read commands of instance %s: %w", h.instanceID, readErr)
	}
	if err != nil {
		return false, err
	}
	holds = true
	for _, id := range unread {
		if text, ok := texts[id]; ok {
			h.texts[id] = text
		} else {
			holds = false
			h.noText[id] = true
		}
	}
	for i, doubt := range doubts {
		switch {
		case succeeded[i]:
			holds = false
			h.succeeded = append(h.succeeded, doubt)
		case failed[i] != nil:
			h.note("not known whether "+doubt.Name+" has succeeded since", failed[i].Error())
		}
	}
	return holds, nil
}

// unread returns the tasks whose commands the decision claims and whose texts
// are not known yet. A cancelled one is only looked for.
func (h *handling) unread(d *decide.Decision, claim decide.Claim) []string {
	for _, c := range d.Changes.Tasks {
		if c.Before == nil && c.After != nil {
			h.texts[c.After.ID] = c.After.Command
		}
	}
	var ids []string
	for _, c := range d.Changes.Sends {
		if c.After == nil || c.After.Claim != claim || c.After.Kind == decide.SendStop {
			continue
		}
		id := c.After.TaskID
		if _, known := h.texts[id]; !known && !d.Next.Tasks[id].Cancel {
			ids = append(ids, id)
		}
	}
	return ids
}
