// Package engine carries out decisions about instances: it loads an instance's
// state, lets package decide decide, commits the decision at once, and performs
// the effects that the commit claimed. It knows the other services only as
// ports. Its rules are those of package decide that [engine] marks.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/transport"
)

// Engine handles the inputs of one invocation: it loads an instance's state,
// decides, commits and performs what the commit claimed. It is safe for
// concurrent use.
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
	// Pause waits after the n-th conflict (from 1), before the instance is loaded
	// again. Conflicts.Pause is such a wait.
	Pause func(ctx context.Context, n int)
	// Sleep waits until a sweep has room for commands; nil means that it does
	// not wait.
	Sleep func(ctx context.Context, d time.Duration)

	switches switches
}

// Conflicts is the wait after a conflict. Of 50 inputs that come at once for one
// instance, each needs about one try more with it, and with a shorter first
// wait more than that.
var Conflicts = transport.Backoff{First: 400 * time.Millisecond, Most: time.Second}

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
	// Ignored is why the input counts for nothing; empty if it counts.
	Ignored string
	// Trouble is an error after the commit; a sweep finishes the work.
	Trouble error
}

// handling is the handling of one input by one invocation.
type handling struct {
	*Engine
	instanceID string
	// deadline is the handling's, end is the invocation's, which a sweep's
	// handling does not use up. Both are by the engine's clock.
	deadline, end time.Time
	// reserve is kept before the deadline to commit results.
	reserve time.Duration
	control decide.Control
	// controlAt is when control was read; zero if it was not. ownControl: this
	// handling read it.
	controlAt  time.Time
	ownControl bool
	ration     ration
	armed      time.Time                  // the wake-up that it armed last
	short      int                        // commands that its last decision left for want of room
	roomAt     time.Time                  // when there is room for them
	sent       int                        // tries to send a command
	commits    map[string]decide.Decision // decisions that this invocation tried to commit, by commit id
	done       map[claimed]bool           // sends and messages that it performed
	// delivering is when the time for messages ends; zero before the first.
	delivering time.Time
	texts      map[string]command.Command // by task id
	noText     map[string]bool            // tasks whose text was not there
	history    chan error                 // receives recordHistory's error, then closes; nil if nothing is recorded
	out        Outcome
}

// claimed is a send or a message under one claim.
type claimed struct{ key, commit string }

func (e *Engine) newHandling(ctx context.Context, instanceID string) *handling {
	left := time.Minute
	if d, ok := ctx.Deadline(); ok {
		left = time.Until(d)
	}
	deadline := e.Now().Add(left)
	return &handling{
		Engine: e, instanceID: instanceID,
		deadline: deadline, end: deadline, reserve: min(2*time.Second, left/4),
		ration:  ration{cap: e.Sends, open: true},
		commits: map[string]decide.Decision{}, done: map[claimed]bool{},
		texts: map[string]command.Command{}, noText: map[string]bool{},
		out: Outcome{InstanceID: instanceID, Answer: decide.Answer{InstanceID: instanceID}},
	}
}

// Handle handles one input. An error means that the input is not committed
// and must be delivered again. After the commit there are no errors: a sweep
// does what Handle could not.
func (e *Engine) Handle(ctx context.Context, instanceID string, in decide.Input) (Outcome, error) {
	return e.newHandling(ctx, instanceID).run(ctx, in)
}

func (h *handling) run(ctx context.Context, in decide.Input) (Outcome, error) {
	defer h.historyPut() // also after a panic
	_, err := h.handle(ctx, in)
	if herr := h.historyPut(); err == nil {
		err = herr
	}
	return h.out, err
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
	if !swept(in) { // a sweep does it by itself
		h.wakeEarlier(ctx, s)
	}
	return s, nil
}

// swept reports whether an input comes from a sweep.
func swept(in decide.Input) bool {
	_, waking := in.(decide.WakeUp)
	end, ended := in.(decide.Ended)
	return waking || ended && end.Source == decide.SourcePoll
}

// wakeEarlier stores a wake-up for runs and commands without room that are due
// before the armed one, which arm could not place before the end of this
// invocation's claims. If it fails, they only continue later.
func (h *handling) wakeEarlier(ctx context.Context, s decide.State) {
	now := h.Now()
	due := decide.DueRuns(s, h.control, h.Policy, now)
	// A sweep that begins with the minute waits for the room in it.
	if room := h.roomAt.Truncate(h.Policy.Minute); h.short > 0 && (due.IsZero() || room.Before(due)) {
		due = room
	}
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
		m, d, err := h.consider(ctx, &s, in)
		switch {
		case err != nil || h.out.Duplicate:
			return s, false, err
		case d.Unsure != "":
			return s, false, fmt.Errorf("%s: %w", d.Unsure, ErrUnavailable)
		}
		if d.Changes.Empty() {
			// Deciding again would change nothing either. A refusal is not stored,
			// but the same input may have been accepted before.
			if d.Once != "" {
				if _, err := h.readBack(ctx, d); err != nil || h.out.Duplicate {
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
		case errors.Is(err, errNoText):
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
	f := decide.Facts{NoText: h.noText}
	for {
		m, d, err := h.choose(ctx, *s, in, f)
		if err != nil || d.Needs.Empty() {
			return m, d, err
		}
		h.ration.giveBack(d.Sends)
		if err := h.ask(ctx, s, in, d, &f); err != nil || h.out.Duplicate {
			return m, d, err
		}
	}
}

// choose decides, with room for commands that it takes before and of which it
// gives back what the decision does not use. No command is claimed by pauses and
// breakers that were read for another instance too long ago.
func (h *handling) choose(ctx context.Context, s decide.State, in decide.Input, f decide.Facts) (decide.Moment, decide.Decision, error) {
	for {
		m := h.moment()
		f.Control = h.control
		m.Room, m.RoomAt = h.ration.take(m.Now, h.Policy.Batch)
		d := decide.Decide(s, in, f, h.Policy, m)
		h.short, h.roomAt = d.Short, m.RoomAt
		old := d.Sends > 0 && !h.controlAt.IsZero() && !h.ownControl && m.Now.Sub(h.controlAt) > controlAge
		if !old {
			h.ration.giveBack(m.Room - d.Sends)
			if d.Short > 0 && h.ration.pace != nil {
				h.ration.open = false // a sweep comes back when there is room for all
			}
			return m, d, nil
		}
		h.ration.giveBack(m.Room)
		if err := h.readControl(ctx, controlAge); err != nil {
			return m, d, err
		}
	}
}

func (h *handling) accept(d decide.Decision) {
	h.out.Notes = append(h.out.Notes, d.Notes...)
	if d.Answer.Outcome != "" {
		h.out.Answer = d.Answer
	}
	h.out.Ignored = d.Ignored
}

func (h *handling) moment() decide.Moment {
	return decide.Moment{
		Now:   h.Now(),
		Claim: decide.Claim{Commit: h.NewID(), Until: h.end.Add(h.Policy.ClaimGrace)},
	}
}

// errNoText: a command that a commit would claim has no text.
var errNoText = errors.New("a command's text is missing")

// commit arms a wake-up if the decision needs one, and writes its changes.
func (h *handling) commit(ctx context.Context, s decide.State, d *decide.Decision, m decide.Moment, results bool) error {
	complete, err := h.prepare(ctx, s, d, m, results)
	switch {
	case err != nil:
		return err
	case !complete:
		return errNoText
	}
	h.commits[m.Claim.Commit] = *d
	err = h.Ledger.Commit(ctx, Commit{
		ID: m.Claim.Commit, InstanceID: h.instanceID, Changes: d.Changes, At: m.Now,
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

// duplicate notes that the input was handled before, unless by a commit of this
// invocation: then it returns that decision.
func (h *handling) duplicate(r Recorded, d decide.Decision) (landed *decide.Decision) {
	if own, mine := h.commits[r.CommitID]; mine {
		return &own
	}
	h.out.Duplicate = true
	h.out.Answer = decide.DecodeAnswer(r.Answer, h.instanceID)
	if d.Hash != r.Hash {
		h.out.Answer.Refuse("the dedupeKey was used before, with another body")
	}
	return nil
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

// late reports whether it is too late to begin anything.
func (h *handling) late() bool { return h.Now().Add(h.reserve).After(h.deadline) }

func (h *handling) note(what, why string) {
	h.out.Notes = append(h.out.Notes, decide.Note{What: what, Why: why})
}
