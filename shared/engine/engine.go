// Package engine carries out decisions about instances: it loads an instance's
// state, lets package decide decide, commits the decision at once, and performs
// the effects that the commit claimed. It knows the other services only as
// ports.
package engine

import (
	"aftercare/shared/decide"
	"context"
	"errors"
	"fmt"
	"time"
)

// Engine handles inputs: it loads an instance's state, decides, commits and
// performs what the commit claimed. It is safe for concurrent use.
type Engine struct {
	Ledger    Ledger
	Shared    Shared
	Commander Commander
	Notifier  Notifier
	Policy    decide.Policy
	// Now is the clock, in UTC.
	Now func() time.Time
	// NewID returns a random id for a commit.
	NewID func() string
	// Sends caps the commands sent by this function instance; nil means no
	// cap.
	Sends *SendCap
	// Pause waits before try n (from 1) of a commit that met a conflict.
	Pause func(ctx context.Context, n int)
}

// maxConflicts is how often a decision is made anew after a conflict.
const maxConflicts = 8

// Outcome is the result of handling an input.
type Outcome struct {
	InstanceID string
	// Duplicate: the input was handled before.
	Duplicate bool
	// Answer is for the caller of a submission or a cancel.
	Answer decide.Answer
	// Performed counts the sends and messages that this invocation performed, Left those
	// that are still open on the instance.
	Performed, Left int
	Notes           []decide.Note
	// Trouble is an error after the commit; a sweep finishes the work.
	Trouble error
}

// handling is the handling of one input by one invocation.
type handling struct {
	*Engine
	instanceID string
	// deadline is the invocation's, by the engine's clock.
	deadline time.Time
	// reserve is kept before the deadline to commit results.
	reserve time.Duration
	control decide.Control             // read once
	known   bool                       // control was read
	commits map[string]decide.Decision // decisions that this invocation tried to commit, by commit id
	done    map[claimed]bool           // sends and messages that it performed
	// delivering is when the time for messages ends; zero before the first.
	delivering time.Time
	history    chan error // receives recordHistory's error, then closes; nil if nothing is recorded
	out        Outcome
}

// claimed is a send or a message under one claim.
type claimed struct{ key, commit string }

func (e *Engine) newHandling(ctx context.Context, instanceID string) *handling {
	left := time.Minute
	if d, ok := ctx.Deadline(); ok {
		left = time.Until(d)
	}
	return &handling{
		Engine: e, instanceID: instanceID,
		deadline: e.Now().Add(left), reserve: min(2*time.Second, left/4),
		commits: map[string]decide.Decision{}, done: map[claimed]bool{},
		out: Outcome{InstanceID: instanceID, Answer: decide.Answer{InstanceID: instanceID}},
	}
}

// Handle handles one input. An error means that the input is not committed
// and must be delivered again. After the commit there are no errors: a sweep
// does what Handle could not.
func (e *Engine) Handle(ctx context.Context, instanceID string, in decide.Input) (Outcome, error) {
	h := e.newHandling(ctx, instanceID)
	defer h.historyPut() // also after a panic
	_, err := h.handle(ctx, in)
	if herr := h.historyPut(); err == nil {
		err = herr
	}
	return h.out, err
}

// load reads the instance's state and, once and at the same time, pauses and
// breakers if there are flows. Without flows it reads them if the state has
// runs or failures of a version that had flows.
func (h *handling) load(ctx context.Context) (decide.State, error) {
	reading := h.startControl(ctx)
	defer func() { <-reading }() // also after a panic
	s, err := h.Ledger.Load(ctx, h.instanceID)
	err = errors.Join(err, <-reading)
	if err == nil && !h.known && (len(s.Runs) > 0 || s.UpdatesBreaker()) {
		err = h.readControl(ctx)
	}
	if err != nil {
		return s, fmt.Errorf("load instance %s: %w", h.instanceID, err)
	}
	return s, nil
}

// startControl starts reading the control if there are flows. The channel
// receives the only error, then closes.
func (h *handling) startControl(ctx context.Context) <-chan error {
	reading := make(chan error, 1)
	if h.Policy.Flows.Len() == 0 || h.known {
		close(reading)
		return reading
	}
	go func() {
		defer close(reading)
		defer func() {
			if r := recover(); r != nil { // it must not end the process
				reading <- fmt.Errorf("read pauses and breakers: panic of type %T", r)
			}
		}()
		reading <- h.readControl(ctx)
	}()
	return reading
}

// readControl reads pauses and breakers. Without them no decision is made: an
// unread pause would stop nothing.
func (h *handling) readControl(ctx context.Context) (err error) {
	if h.control, err = h.Shared.Control(ctx); err != nil {
		return fmt.Errorf("read pauses and breakers: %w", err)
	}
	h.known = true
	return nil
}

// handle returns the state after everything that this invocation did.
func (h *handling) handle(ctx context.Context, in decide.Input) (decide.State, error) {
	s, err := h.load(ctx)
	if err != nil {
		return s, err
	}
	if err := h.recordHistory(ctx, s, in); err != nil {
		return s, err
	}
	s, more, err := h.decide(ctx, s, in)
	if err != nil || h.out.Duplicate {
		return s, err
	}
	s, h.out.Trouble = h.act(ctx, s, more)
	h.out.Left = len(s.Sends) + len(s.Messages)
	if _, waking := in.(decide.WakeUp); !waking { // a sweep does it by itself
		h.wakeEarlier(ctx, s)
	}
	return s, nil
}

// wakeEarlier stores a wake-up for work that is due before the armed one, which
// arm could not place before the end of this invocation's claims. If it fails,
// that work only continues later.
func (h *handling) wakeEarlier(ctx context.Context, s decide.State) {
	now := h.Now()
	due := decide.Due(s, h.control, h.Policy, now)
	if due.IsZero() || h.late() {
		return
	}
	due = h.Policy.Ceil(decide.Later(due, now.Add(time.Nanosecond)))
	if !due.Before(s.Instance.WakeAt) {
		return
	}
	if err := h.Ledger.Arm(ctx, Wakeup{InstanceID: h.instanceID, Due: due}); err != nil {
		h.note("no earlier wake-up", err.Error())
	}
}

// decide decides and commits until a commit lands or the input turns out to be
// a duplicate. It returns the state after the commit, and whether there is more
// to claim.
func (h *handling) decide(ctx context.Context, s decide.State, in decide.Input) (decide.State, bool, error) {
	for try := 1; ; try++ {
		facts, err := h.ask(ctx, &s, in)
		if err != nil {
			return s, false, err
		}
		m := h.moment()
		d := decide.Decide(s, in, facts, h.Policy, m)
		if d.Changes.Empty() {
			// Deciding again would change nothing either. A refusal is not stored,
			// but the same input may have been accepted before.
			if d.Once != "" {
				if _, err := h.recorded(ctx, d); err != nil || h.out.Duplicate {
					return s, false, err
				}
			}
			h.accept(d)
			return s, false, nil
		}
		err = h.commit(ctx, s, &d, m, false)
		switch {
		case err == nil:
			h.accept(d)
			return d.Next, d.More, nil
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnknownOutcome):
			return s, false, err
		}
		landed, reloaded, readErr := h.readBack(ctx, d)
		switch {
		case readErr != nil:
			return s, false, readErr
		case h.out.Duplicate:
			return s, false, nil
		case landed != nil:
			h.accept(*landed)
			return reloaded, true, nil
		case try > maxConflicts:
			return s, false, fmt.Errorf("commit of instance %s met %d conflicts: %w", h.instanceID, try, err)
		}
		s = reloaded
		h.Pause(ctx, try)
	}
}

func (h *handling) accept(d decide.Decision) {
	h.out.Notes = append(h.out.Notes, d.Notes...)
	if d.Answer.Outcome != "" {
		h.out.Answer = d.Answer
	}
}

func (h *handling) moment() decide.Moment {
	return decide.Moment{
		Now:   h.Now(),
		Claim: decide.Claim{Commit: h.NewID(), Until: h.deadline.Add(h.Policy.ClaimGrace)},
	}
}

// commit arms a wake-up if the decision needs one, and writes its changes.
func (h *handling) commit(ctx context.Context, s decide.State, d *decide.Decision, m decide.Moment, results bool) error {
	if err := h.arm(ctx, s, d, m, results); err != nil {
		return err
	}
	h.commits[m.Claim.Commit] = *d
	err := h.Ledger.Commit(ctx, Commit{
		ID: m.Claim.Commit, InstanceID: h.instanceID, Changes: d.Changes, At: m.Now,
	})
	if err != nil {
		return fmt.Errorf("commit instance %s: %w", h.instanceID, err)
	}
	if d.Changes.Instance != nil {
		d.Next.Instance.Rev = d.Changes.Instance.NextRev(m.Now)
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
	from := h.deadline.Add(h.Policy.ClaimGrace)
	if results && d.WakeBy.After(m.Now) {
		from = m.Now
	}
	due := h.Policy.Ceil(decide.Later(d.WakeBy, from))
	if at := s.Instance.WakeAt; !at.Before(from) && !at.After(due) {
		return nil
	}
	if err := h.Ledger.Arm(ctx, Wakeup{InstanceID: h.instanceID, Due: due}); err != nil {
		return fmt.Errorf("arm a wake-up for instance %s: %w", h.instanceID, err)
	}
	d.Next.Instance.WakeAt = due
	d.Changes.Instance.WakeAt = due
	return nil
}

// readBack finds out whether a commit landed that failed or has an unknown
// outcome. If the decision has an input's row, that row holds the id of the
// commit that landed, which may be an earlier try. Without such a row, the
// decision is made anew: if the commit landed, the state shows its claims.
func (h *handling) readBack(ctx context.Context, d decide.Decision) (landed *decide.Decision, s decide.State, err error) {
	if d.Once != "" {
		landed, err = h.recorded(ctx, d)
		if err != nil || h.out.Duplicate {
			return nil, s, err
		}
	}
	s, err = h.load(ctx)
	return landed, s, err
}

// recorded reads the row that identifies the input. If a commit of this
// invocation wrote it, recorded returns its decision; if another one did, the
// input is a duplicate.
func (h *handling) recorded(ctx context.Context, d decide.Decision) (landed *decide.Decision, err error) {
	r, err := h.Ledger.Recorded(ctx, h.instanceID, d.Once)
	if err != nil {
		return nil, fmt.Errorf("read back %s of instance %s: %w", d.Once, h.instanceID, err)
	}
	if r == nil {
		return nil, nil
	}
	if own, mine := h.commits[r.CommitID]; mine {
		return &own, nil
	}
	h.out.Duplicate = true
	h.out.Answer = decide.DecodeAnswer(r.Answer, h.instanceID)
	if d.Hash != r.Hash {
		h.out.Answer.Refuse("the dedupeKey was used before, with another body")
	}
	return nil, nil
}

// mySends returns the sends that this invocation's commits claimed and that it
// has not performed, in order. It skips one whose task is missing: the task
// ended while the state was being loaded.
func (h *handling) mySends(s decide.State) []decide.Send {
	var out []decide.Send
	for _, e := range s.Sends {
		if _, there := s.Tasks[e.TaskID]; there && h.mine(e.Key, e.Claim) {
			out = append(out, e)
		}
	}
	s.Sort(out)
	return out
}

// myMessages is mySends for messages. When their time is up, there are none.
func (h *handling) myMessages(s decide.State) []decide.Message {
	var out []decide.Message
	if !h.delivering.IsZero() && !h.Now().Before(h.delivering) {
		return nil
	}
	for _, m := range s.Messages {
		if h.mine(m.Row(), m.Claim) {
			out = append(out, m)
		}
	}
	decide.Sort(out)
	return out
}

// mine reports whether a claim is this invocation's, and not used yet.
func (h *handling) mine(key string, c decide.Claim) bool {
	_, mine := h.commits[c.Commit]
	return mine && !h.done[claimed{key, c.Commit}]
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
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnknownOutcome), try > maxConflicts:
			return s, false, err
		}
		h.Pause(ctx, try)
		loaded, err := h.load(ctx)
		if err != nil {
			return s, false, err
		}
		s = loaded
	}
}

// late reports whether it is too late to begin anything.
func (h *handling) late() bool { return h.Now().Add(h.reserve).After(h.deadline) }

func (h *handling) note(what, why string) {
	h.out.Notes = append(h.out.Notes, decide.Note{What: what, Why: why})
}
