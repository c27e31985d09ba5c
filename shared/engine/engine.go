// Package engine carries out decisions about instances: it loads an instance's
// state, lets package decide decide, commits the decision at once, and performs
// the effects that the commit claimed. It knows the other services only as
// ports. Its rules are those of package decide that [engine] marks.
package engine

import (
	"context"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/transport"
)

// Engine handles the inputs of one invocation. It is safe for concurrent use.
type Engine struct {
	Ledger    Ledger
	Shared    Shared
	Commander Commander
	Inbox     Inbox
	// Waker is nil if critical alerts wait for a timer, too.
	Waker  Waker
	Policy decide.Policy
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

	switches   switches
	machines   gathering[decide.Machine]
	agents     gathering[decide.AgentStatus]
	delivering span
	urgent     urgent
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
	// Tasks and Runs are the ids of those that were changed, at most 100 of each.
	Tasks, Runs []string
	// Queued counts the tasks that wait on the instance. Waited is how long the one that
	// waited longest had waited when it was taken from the queue; zero if none was.
	Queued int
	Waited time.Duration
	// Repairs are what it made good, if it is a sweep's.
	Repairs []decide.Repair
	// Asked: sweeps asked for so many ends lately that events may not arrive.
	Asked bool
	// Ignored is why the input counts for nothing; empty if it counts.
	Ignored string
	// Trouble is an error after the commit; a sweep finishes the work.
	Trouble error
}

// handling is what one invocation does for one instance.
type handling struct {
	*Engine
	instanceID string
	// deadline is the handling's, end is the invocation's, which a sweep's
	// handling does not use up. Both are by the engine's clock.
	deadline, end time.Time
	// reserve is kept before the deadline to commit results.
	reserve   time.Duration
	control   decide.Control
	controlAt time.Time // when control was read; zero if it was not
	ration    ration
	// state is what the last commit, or a load after it, showed. fresh: it may
	// serve for the next input. more: there is more to claim.
	state       decide.State
	fresh, more bool
	armed       time.Time                  // the wake-up that it armed last
	short       int                        // commands that its last decision left for want of room
	roomAt      time.Time                  // when there is room for them
	own         map[string]bool            // ids of the commits that it tried
	tried       map[string]decide.Decision // those of the present input
	done        map[claimed]bool           // sends and messages that it performed
	delivering  *span                      // the time for messages
	texts       map[string]command.Command // by task id
	noText      map[string]bool            // tasks whose text was not there
	succeeded   []decide.Success           // that are recorded
	out         Outcome                    // of the present input
	// input is the place of the input that was committed last, and report reports
	// one.
	input  int
	report func(input int, out Outcome, err error)
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
		ration: ration{cap: e.Sends, open: true}, delivering: new(span),
		own: map[string]bool{}, tried: map[string]decide.Decision{}, done: map[claimed]bool{},
		texts: map[string]command.Command{}, noText: map[string]bool{},
	}
}

func (h *handling) newOutcome() Outcome {
	return Outcome{InstanceID: h.instanceID, Answer: decide.Answer{InstanceID: h.instanceID}}
}

// wakeEarlier stores a wake-up for runs and commands without room that are due
// before the armed one, which arm could not place before the end of this
// invocation's claims. If it fails, they only continue later.
func (h *handling) wakeEarlier(ctx context.Context, s decide.State) {
	defer Recovered(&h.out.Trouble)
	now := h.Now()
	w := Wakeup{InstanceID: h.instanceID, Due: decide.DueRuns(s, h.control, h.Policy, now)}
	// A sweep that begins with the minute waits for the room in it.
	if room := h.roomAt.Truncate(h.Policy.Minute); h.short > 0 && (w.Due.IsZero() || room.Before(w.Due)) {
		w = h.forRoom(s, room)
	}
	if w.Due.IsZero() || h.late() {
		return
	}
	w.Due = h.Policy.Ceil(decide.Later(w.Due, now.Add(time.Nanosecond)))
	if !w.Due.Before(s.Instance.WakeAt) {
		return
	}
	if err := h.Ledger.Arm(ctx, w); err != nil {
		h.note("no earlier wake-up", err.Error())
	}
}

// forRoom is a wake-up for commands that the last decision left for want of room.
func (h *handling) forRoom(s decide.State, due time.Time) Wakeup {
	now := h.Now()
	never := decide.Moment{Now: now, RoomAt: now.AddDate(1, 0, 0)}
	return Wakeup{
		InstanceID: h.instanceID, Due: due,
		Commands: min(h.short, h.Policy.Batch), Else: decide.Due(s, h.control, h.Policy, never),
	}
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
	if h.delivering.over(h.Now()) {
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
	return h.own[c.Commit] && !h.done[claimed{key, c.Commit}]
}

// late reports whether it is too late to begin anything.
func (h *handling) late() bool { return h.Now().Add(h.reserve).After(h.deadline) }

func (h *handling) note(what, why string) {
	h.out.Notes = append(h.out.Notes, decide.Note{What: what, Why: why})
}
