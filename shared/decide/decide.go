// Package decide decides what Aftercare does about one instance: what changes,
// what to send, whom to alert, and when to look again. It is pure: the same
// state, input, facts and moment give the same decision. The package knows
// neither Tablestore nor the SDKs nor Function Compute.
package decide

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Moment is when and by whom a decision is made. Claim is put on the effects
// that the decision claims.
type Moment struct {
	Now   time.Time
	Claim Claim
	// Room is how many commands the decision may claim, and RoomAt when there
	// is room for more. Without a RoomAt, any number may be claimed.
	Room   int
	RoomAt time.Time
}

// Note is one thing that was decided, and why.
type Note struct {
	What string // a task, a flow, a boot or an effect, and what became of it
	Why  string
}

// String joins both for a log line.
func (n Note) String() string {
	if n.Why == "" {
		return n.What
	}
	return n.What + ": " + n.Why
}

// Decision is what follows from an input.
type Decision struct {
	// Next is the state once Changes are committed.
	Next    State
	Changes Changes
	// Once is the row that identifies a duplicate; empty for inputs that may be
	// decided again.
	Once string
	// Claimed are the effects to perform after the commit, in order.
	Claimed []Effect
	// Sends is how many of these are commands that need room, Short how many
	// more could be claimed if there were room.
	Sends, Short int
	// WakeBy is when live work is due next; zero if there is none.
	WakeBy time.Time
	// More: there is work left that can be claimed at once.
	More bool
	// Left are the results that did not fit.
	Left  []Result
	Notes []Note
	// Answer is for the caller of a submission or a cancel.
	Answer Answer
}

// Answer is the answer to the caller of a submission or a cancel.
type Answer struct {
	InstanceID string `json:"instanceId"`
	TaskID     string `json:"taskId,omitempty"`
	// Outcome is queued, releasing, cancelled, stopping, ended, not_found or
	// refused.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
}

// Refuse makes a the answer to a request that is not carried out.
func (a *Answer) Refuse(reason string) { a.Outcome, a.Reason = Refused, reason }

// Refused is the outcome of a request that is not carried out.
const Refused = "refused"

// Decide is pure: it says what follows from one input in one state. The
// changes of its decision are to be written in one commit, and its claimed
// effects performed only after that.
func Decide(s State, in Input, f Facts, p Policy, m Moment) Decision {
	d := newDraft(s, f, p, m)
	d.apply(in, f)
	if _, ok := in.(Results); !ok {
		d.advanceAll()
	}
	return d.decision()
}

// apply applies the input itself.
func (d *draft) apply(in Input, f Facts) {
	switch in := in.(type) {
	case Ended:
		d.end(in, f)
	case Heartbeat:
		d.heartbeat(in)
	case Submission:
		d.submit(in, f)
	case Cancel:
		d.cancel(in)
	case WakeUp:
		d.wake(f)
	case Results:
		d.results(in)
	}
}

// advanceAll advances whatever can make progress: late matches, expiries, runs,
// agent checks, releases.
func (d *draft) advanceAll() {
	d.matchLate()
	d.expire()
	d.advance()
	d.watch()
	d.release()
}

func (a Answer) encode() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // a struct of strings
	}
	return string(b)
}

// draft is a decision in the making.
type draft struct {
	before State
	State
	p Policy
	m Moment
	// control holds pauses and breakers, outputs what commands printed, by
	// invoke id.
	control Control
	outputs map[string]Captured
	// explain asks for the values that made a condition false.
	explain bool
	// cause names the input that is being decided, as in records.
	cause string

	touched struct{ tasks, effects, runs, unmatched, limits, failing keys }
	bytes   int // of the rows that changed, about
	changes Changes
	once    string
	claimed []Effect
	sends   int // of claimed, those that need room
	short   int // commands that were left for want of room
	more    bool
	left    []Result
	notes   []Note
	flows   []FlowDecision
	answer  Answer
}

// keys is a set of row keys.
type keys map[string]bool

func (k *keys) add(key string) {
	if *k == nil {
		*k = keys{}
	}
	(*k)[key] = true
}

func newDraft(s State, f Facts, p Policy, m Moment) *draft {
	d := &draft{
		before: s, State: s.clone(), p: p, m: m, control: f.Control, outputs: map[string]Captured{},
		cause: causeWakeUp, answer: Answer{InstanceID: s.Instance.ID},
	}
	maps.Copy(d.outputs, f.Outputs)
	return d
}

// causeWakeUp is the cause of changes that no other input caused.
const causeWakeUp = "wake-up"

func (d *draft) note(what, why string) { d.notes = append(d.notes, Note{What: what, Why: why}) }

func (d *draft) setTask(t Task) {
	d.Tasks[t.ID] = t
	d.touched.tasks.add(t.ID)
	d.bytes += bytesOf(t.Command)
}

func (d *draft) setEffect(e Effect) {
	d.Effects[e.Key] = e
	d.touched.effects.add(e.Key)
	d.bytes += smallRow
	if e.Alert != nil {
		d.bytes += encoded(e.Alert.ErrorDesc)
	}
}

func (d *draft) dropEffect(key string) {
	if _, ok := d.Effects[key]; ok {
		delete(d.Effects, key)
		d.touched.effects.add(key)
	}
}

func (d *draft) setRun(r FlowRun) {
	d.Runs[r.ID] = r
	d.touched.runs.add(r.ID)
	d.bytes += definitionSize(r.Definition) + recordSize(r)
}

func (d *draft) setUnmatched(u Unmatched) {
	d.Unmatched[u.Event.InvokeID] = u
	d.touched.unmatched.add(u.Event.InvokeID)
	d.bytes += smallRow + encoded(u.Event.ErrorDesc)
}

func (d *draft) dropUnmatched(invokeID string) {
	delete(d.Unmatched, invokeID)
	d.touched.unmatched.add(invokeID)
}

// dirty reports whether a live row has changed.
func (d *draft) dirty() bool {
	t := &d.touched
	return d.Instance != d.before.Instance ||
		len(t.tasks)+len(t.effects)+len(t.runs)+len(t.unmatched)+len(t.limits)+len(t.failing) > 0
}

// decision compares the draft with the state before it.
func (d *draft) decision() Decision {
	if d.dirty() {
		d.forget()
	}
	c := d.changes
	c.Tasks = changed(d.before.Tasks, d.Tasks, d.touched.tasks)
	c.Effects = changed(d.before.Effects, d.Effects, d.touched.effects)
	c.Runs = changed(d.before.Runs, d.Runs, d.touched.runs)
	c.Unmatched = changed(d.before.Unmatched, d.Unmatched, d.touched.unmatched)
	c.Limits = changed(d.before.Limits, d.Limits, d.touched.limits)
	c.Failing = changed(d.before.Failing, d.Failing, d.touched.failing)
	if d.Instance != d.before.Instance ||
		len(c.Tasks)+len(c.Effects)+len(c.Runs)+len(c.Unmatched)+len(c.Limits)+len(c.Failing) > 0 {
		i := d.Instance
		c.Instance = &i
	}
	return Decision{
		Next: d.State, Changes: c, Once: d.once, Claimed: d.claimed, Sends: d.sends, Short: d.short,
		WakeBy: d.wakeBy(), More: d.more, Left: d.left, Notes: d.notes, Answer: d.answer,
	}
}

// changed lists the touched rows, each once, in a fixed order. It leaves out a
// row that was both added and removed within the decision.
func changed[T any](before, after map[string]T, touched keys) []Change[T] {
	var out []Change[T]
	for _, key := range slices.Sorted(maps.Keys(touched)) {
		var c Change[T]
		if v, ok := before[key]; ok {
			c.Before = &v
		}
		if v, ok := after[key]; ok {
			c.After = &v
		}
		if c.Before != nil || c.After != nil {
			out = append(out, c)
		}
	}
	return out
}

// Due is when something in the state is due next; zero if only an input can
// move it.
func Due(s State, c Control, p Policy, m Moment) time.Time {
	return newDraft(s, Facts{Control: c}, p, m).wakeBy()
}

// DueRuns is when one of the flow runs is due next; zero if only an input can
// move them.
func DueRuns(s State, c Control, p Policy, now time.Time) time.Time {
	d := newDraft(s, Facts{Control: c}, p, Moment{Now: now})
	var due time.Time
	for _, r := range s.Runs {
		if at := d.dueRun(r); !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}

// Sort puts effects into the order in which they are performed.
func (s State) Sort(list []Effect) { slices.SortFunc(list, (&draft{State: s}).inActOrder) }

// wakeBy is the earliest time at which something in the live state is due.
func (d *draft) wakeBy() time.Time {
	var due time.Time
	at := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	for _, e := range d.Effects {
		switch {
		case e.Claim.held(d.m.Now):
			at(e.Claim.Until)
		case d.needsRoom(e):
			at(Later(e.NotBefore, d.roomAt()))
		case !d.held(e):
			at(Later(e.NotBefore, d.m.Now))
		}
	}
	for _, r := range d.Runs {
		at(d.dueRun(r))
	}
	for _, t := range d.Tasks {
		switch t.State {
		case TaskRunning:
			at(t.Deadline)
		case TaskReleasing:
			if d.unsent(t) {
				at(t.ExpiresAt)
			}
		case TaskQueued:
			at(t.ExpiresAt)
			if d.pausedTask(t) {
				continue
			}
			if d.Instance.Boot == BootBootable {
				at(Later(d.blockedUntil(), d.roomAt()))
			} else {
				at(d.Instance.CheckAt)
			}
		}
	}
	for _, u := range d.Unmatched {
		if _, over := d.match(u); over {
			at(d.m.Now) // what follows did not fit into this decision
		}
		at(u.Received.Add(d.p.SendWindow))
	}
	return due
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// inReleaseOrder sorts tasks by priority, 9 first, then by submission.
func inReleaseOrder(a, b Task) int {
	if a.Priority != b.Priority {
		return b.Priority - a.Priority
	}
	if c := a.SubmittedAt.Compare(b.SubmittedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
