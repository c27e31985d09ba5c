package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aftercare/shared/decide"
)

// decide decides and commits until a commit lands or the input turns out to be
// a duplicate. It returns the state after the commit, and whether there is more
// to claim.
func (h *handling) decide(ctx context.Context, s decide.State, in decide.Input) (decide.State, bool, error) {
	for try := 1; ; try++ {
		m, d, err := h.consider(ctx, &s, in)
		switch {
		case err != nil || h.out.Duplicate:
			return s, false, err
		case d.Unsure != "":
			return s, false, Undecided(d.Unsure)
		}
		if d.Once != "" && (d.Changes.Empty() || d.Answer.Outcome == decide.Refused) {
			// A refusal is not stored, but the same input may have been accepted before.
			if _, err := h.readBack(ctx, d); err != nil || h.out.Duplicate {
				return s, false, err
			}
		}
		if d.Changes.Empty() { // deciding again would change nothing either
			h.accept(d)
			return s, false, nil
		}
		err = h.commit(ctx, s, &d, m, false)
		switch {
		case err == nil:
			h.accept(d)
			return d.Next, d.More, nil
		case errors.Is(err, errWrong):
			// A task that has ended has no text. If the instance has not changed,
			// the text is gone.
			rev := s.Instance.Rev
			h.ration.giveBack(d.Sends)
			if s, err = h.load(ctx); err != nil {
				return s, false, err
			}
			if s.Instance.Rev != rev {
				clear(h.noText)
			}
			continue
		case !again(err):
			h.ration.giveBack(d.Sends)
			return s, false, err
		}
		landed, readErr := h.readBack(ctx, d)
		if readErr != nil || h.out.Duplicate {
			return s, false, readErr
		}
		clear(h.noText) // the state has changed
		if landed == nil {
			h.Pause(ctx, try)
			if h.late() {
				return s, false, fmt.Errorf("commit of instance %s met %d conflicts: %w", h.instanceID, try, err)
			}
		}
		s, err = h.load(ctx)
		if err != nil {
			return s, false, err
		}
		if landed != nil {
			h.accept(*landed)
			return s, true, nil
		}
		if !claims(s, m.Claim.Commit) {
			h.ration.giveBack(d.Sends)
		}
	}
}

// again reports whether a commit may be decided anew after an error.
func again(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrUnknownOutcome)
}

// claims reports whether a commit's claims are in the state.
func claims(s decide.State, commit string) bool {
	for _, e := range s.Sends {
		if e.Claim.Commit == commit {
			return true
		}
	}
	return false
}

// consider makes a decision. It asks for what the decision needs to know and
// makes it again, until nothing is needed. What it reads of the instance goes
// into s.
func (h *handling) consider(ctx context.Context, s *decide.State, in decide.Input) (decide.Moment, decide.Decision, error) {
	f := decide.Facts{NoText: h.noText, Succeeded: h.succeeded}
	for {
		m, d := h.choose(ctx, *s, in, f)
		if d.Needs.Empty() {
			return m, d, nil
		}
		h.ration.giveBack(d.Sends)
		if err := h.ask(ctx, s, in, d, &f); err != nil || h.out.Duplicate {
			return m, d, err
		}
	}
}

// choose takes room for commands, decides, and gives back the room that the
// decision does not use. It reads stops and breakers again before a claim if the
// last read is too old.
func (h *handling) choose(ctx context.Context, s decide.State, in decide.Input, f decide.Facts) (decide.Moment, decide.Decision) {
	for old := true; ; {
		m := h.moment()
		f.Control = h.control
		m.Room, m.RoomAt = h.ration.take(m.Now, h.Policy.Batch)
		d := decide.Decide(s, in, f, h.Policy, m)
		h.short, h.roomAt = d.Short, m.RoomAt
		old = old && d.Sends > 0 && m.Now.Sub(h.controlAt) > controlAge
		if !old {
			h.ration.giveBack(m.Room - d.Sends)
			if d.Short > 0 && h.ration.pace != nil {
				h.ration.open = false // a sweep comes back when there is room for all
			}
			return m, d
		}
		h.ration.giveBack(m.Room)
		h.readControl(ctx, controlAge)
	}
}

func (h *handling) accept(d decide.Decision) {
	h.out.Notes = append(h.out.Notes, d.Notes...)
	h.out.Repairs = append(h.out.Repairs, d.Repairs...)
	if d.Answer.Outcome != "" {
		h.out.Answer = d.Answer
	}
	h.out.Ignored, h.out.Asked = d.Ignored, d.Asked
	h.out.Queued = d.Next.Instance.Waiting
	tasks, runs, waited := d.Changes.About(h.Now())
	h.out.Tasks, h.out.Runs, h.out.Waited = more(h.out.Tasks, tasks), more(h.out.Runs, runs), max(h.out.Waited, waited)
}

// mostIDs bounds Outcome.Tasks and Outcome.Runs.
const mostIDs = 100

// more adds those ids to a list that it lacks.
func more(list, ids []string) []string {
	for _, id := range ids {
		if len(list) < mostIDs && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

func (h *handling) moment() decide.Moment {
	return decide.Moment{
		Now:   h.Now(),
		Claim: decide.Claim{Commit: h.NewID(), Until: h.end.Add(h.Policy.ClaimGrace)},
	}
}

// errWrong: a command that a commit would claim has no text, or a success is recorded
// that the decision doubts.
var errWrong = errors.New("the decision rests on what is not so")

// commit arms a wake-up if the decision needs one, and writes its changes.
func (h *handling) commit(ctx context.Context, s decide.State, d *decide.Decision, m decide.Moment, results bool) error {
	holds, err := h.prepare(ctx, s, d, m, results)
	switch {
	case err != nil:
		return err
	case !holds:
		return errWrong
	}
	h.own[m.Claim.Commit] = true
	if d.Once != "" {
		h.tried[m.Claim.Commit] = *d
	}
	err = h.Ledger.Commit(ctx, Commit{
		ID: m.Claim.Commit, InstanceID: h.instanceID, Changes: d.Changes, At: m.Now, Next: d.Next,
	})
	if err != nil {
		return fmt.Errorf("commit instance %s: %w", h.instanceID, err)
	}
	if d.Changes.Instance != nil {
		d.Next.Instance.Rev = d.Next.Instance.NextRev(m.Now)
	}
	return nil
}

// arm stores a wake-up before a commit that leaves work, unless an armed one
// can be relied on. It must not be due before the commit can have landed, or a
// sweep could consume it too early. For results it may be due earlier: until
// they land, a sweep finds the claims that they settle, and arms anew for those.
func (h *handling) arm(ctx context.Context, s decide.State, d *decide.Decision, m decide.Moment, results bool) error {
	if d.WakeBy.IsZero() || d.Changes.Instance == nil {
		return nil
	}
	from := h.end.Add(h.Policy.ClaimGrace)
	if results && d.WakeBy.After(m.Now) {
		from = m.Now
	}
	due := h.Policy.Ceil(decide.Later(d.WakeBy, from))
	serves := func(at time.Time) bool { return !at.Before(from) && !at.After(due) }
	switch {
	case serves(s.Instance.WakeAt):
		return nil
	case serves(h.armed): // for a try that met a conflict
		due = h.armed
	default:
		if err := h.Ledger.Arm(ctx, Wakeup{InstanceID: h.instanceID, Due: due}); err != nil {
			return fmt.Errorf("arm a wake-up for instance %s: %w", h.instanceID, err)
		}
		h.armed = due
	}
	d.Next.Instance.WakeAt = due
	d.Changes.Instance.WakeAt = due
	return nil
}

// readBack finds out whether a commit landed that failed or has an unknown
// outcome. If the decision has an input's row, that row holds the id of the
// commit that landed, which may be an earlier try. Without such a row, the
// decision is made anew: if the commit landed, the state shows its claims.
func (h *handling) readBack(ctx context.Context, d decide.Decision) (landed *decide.Decision, err error) {
	if d.Once == "" {
		return nil, nil
	}
	r, err := h.Ledger.Recorded(ctx, h.instanceID, d.Once)
	if err != nil {
		return nil, fmt.Errorf("read back %s of instance %s: %w", d.Once, h.instanceID, err)
	}
	if r == nil {
		return nil, nil
	}
	return h.duplicate(*r, d), nil
}

// duplicate notes that the input was handled before, unless by a commit that was
// tried for it just now: then it returns that decision.
func (h *handling) duplicate(r Recorded, d decide.Decision) (landed *decide.Decision) {
	if own, mine := h.tried[r.CommitID]; mine {
		return &own
	}
	h.out.Duplicate = true
	h.out.Answer = decide.DecodeAnswer(r.Answer, h.instanceID)
	if d.Hash != r.Hash {
		h.out.Answer.Refuse(decide.OtherBody)
	}
	return nil
}

// settle commits results. It changes only what it finds, so it may be
// repeated.
func (h *handling) settle(ctx context.Context, s decide.State, results decide.Results) (decide.State, bool, error) {
	for try := 1; ; try++ {
		m := h.moment()
		d := decide.Decide(s, results, decide.Facts{Control: h.control}, h.Policy, m)
		if d.Changes.Empty() {
			return s, d.More, nil
		}
		err := h.commit(ctx, s, &d, m, true)
		switch {
		case err == nil && !d.Left.Empty():
			h.accept(d)
			s, results, try = d.Next, d.Left, 0
			continue
		case err == nil:
			h.accept(d)
			return d.Next, d.More, nil
		case !again(err):
			return s, false, err
		}
		h.Pause(ctx, try)
		if !h.Now().Before(h.deadline) {
			return s, false, err
		}
		loaded, err := h.load(ctx)
		if err != nil {
			return s, false, err
		}
		s = loaded
	}
}
