package decide

import (
	"cmp"
	"encoding/json"
	"time"
)

// Moment is when and by whom a decision is made. Claim is put on the sends and
// messages that the decision claims.
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
	What string // a task, a flow, a boot or a send, and what became of it
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
	// Needs is what must be known first. If it is not empty, the rest of the
	// decision counts for nothing.
	Needs Needs
	// Next is the state once Changes are committed.
	Next    State
	Changes Changes
	// Once is the row that identifies a duplicate, Hash what it must hold of the
	// request; both are empty for inputs that may be decided again.
	Once, Hash string
	// Claimed counts the sends and messages that this decision claims. Sends are
	// those of them that need room, Short counts those that more room would let
	// it claim.
	Claimed, Sends, Short int
	// WakeBy is when live work is due next; zero if nothing is due.
	WakeBy time.Time
	// More: there is work left that can be claimed at once.
	More bool
	// Left are the results that did not fit.
	Left  Results
	Notes []Note
	// Answer is for the caller of a submission or a cancel.
	Answer Answer
	// Ignored is why the input counts for nothing, Unsure why that cannot be
	// decided now; both are empty otherwise.
	Ignored, Unsure string
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

func (a Answer) encode() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // a struct of strings
	}
	return string(b)
}

// DecodeAnswer reads the answer that an earlier invocation gave.
func DecodeAnswer(text, instanceID string) Answer {
	a := Answer{InstanceID: instanceID}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return Answer{InstanceID: instanceID}
	}
	return a
}

// Decide decides what follows from an input. Sends and messages are claimed
// for m.Claim; they may be performed only after the commit, and only after
// that.
func Decide(s State, in Input, f Facts, p Policy, m Moment) Decision {
	d := newDecision(s, f, p, m)
	cause := d.apply(in)
	if _, ok := in.(Results); !ok {
		d.advanceAll(cause)
	}
	return d.finish()
}

// apply applies the input itself, and returns what names it in records.
func (d *decision) apply(in Input) (cause string) {
	switch in := in.(type) {
	case Ended:
		d.releases = false
		return d.ended(in)
	case Heartbeat:
		return d.heartbeat(in)
	case Submission:
		return d.submit(in)
	case Cancel:
		return d.cancel(in)
	case WakeUp:
		d.wake()
	case Results:
		d.results(in)
	}
	return causeWakeUp
}

// causeWakeUp is the cause of changes that no other input caused.
const causeWakeUp = "wake-up"

// advanceAll advances whatever can make progress: late matches, expiries, runs,
// agent checks, sends and messages.
func (d *decision) advanceAll(cause string) {
	d.matchLate()
	d.because(cause).expire()
	d.because(cause).advance()
	d.watch()
	d.release()
	d.claimMessages()
}

// decision is a decision in the making. It changes the state only through its
// rows.
type decision struct {
	view
	before State
	m      Moment
	facts  Facts
	needs  Needs
	// releases: the queue may move.
	releases bool
	// explain asks for the values that made a condition false.
	explain bool

	tasks     rows[Task]
	sends     rows[Send]
	messages  rows[Message]
	runs      rows[FlowRun]
	unmatched rows[Unmatched]
	limits    rows[Limit]
	failing   rows[Failing]
	undo      undo
	// cramped: a flow could not start in this commit.
	cramped bool
	// guarded: the commit says something about live rows that it does not change.
	guarded    bool
	once, hash string
	answer     Answer
	more       bool
	left       Results
	flows      []FlowDecision
	ignored    string
	unsure     string
	log
}

// log is what a decision adds to the commit's records and to its own report.
// Going back to an earlier value of it takes that back.
type log struct {
	changes Changes
	size    size // of the records
	claimed int
	sent    int // of these, commands that need room
	short   int // commands that were left for want of room
	notes   []Note
}

func newDecision(s State, f Facts, p Policy, m Moment) *decision {
	d := &decision{
		view: view{State: s, policy: p, control: f.Control, now: m.Now, room: m.Room, roomAt: m.RoomAt}, before: s, m: m,
		facts: f, releases: true, answer: Answer{InstanceID: s.Instance.ID},
	}
	d.tasks = newRows(&d.Tasks, &d.undo)
	d.sends = newRows(&d.Sends, &d.undo)
	d.messages = newRows(&d.Messages, &d.undo)
	d.runs = newRows(&d.Runs, &d.undo)
	d.unmatched = newRows(&d.Unmatched, &d.undo)
	d.limits = newRows(&d.Limits, &d.undo)
	d.failing = newRows(&d.Failing, &d.undo)
	return d
}

// because is a decision in which changes have the input of this name as their
// cause.
type because struct {
	*decision
	cause string
}

func (d *decision) because(cause string) because { return because{d, cause} }

func (d *decision) note(what, why string) { d.notes = append(d.notes, Note{What: what, Why: why}) }

// try does a unit of work, or notes that there is more to do. A unit that is
// alone in its commit is always done: no other commit has more room.
func (d *decision) try(unit func()) bool {
	if d.total() == (size{}) {
		unit()
		return true
	}
	d.cramped = false
	if !d.ifRoom(unit) {
		d.more = true
		return false
	}
	return true
}

// ifRoom does a unit of work. If the commit then outgrows what fits, or a flow
// could not start for that, it takes the unit back and returns false.
func (d *decision) ifRoom(unit func()) bool {
	instance, log, flows, mark := d.Instance, d.log, d.flows, len(d.undo)
	unit()
	if !d.cramped && d.total().fits() {
		return true
	}
	d.undo.since(mark)
	d.Instance, d.log, d.flows = instance, log, flows
	return false
}

// total is what the commit takes so far.
func (d *decision) total() size {
	if live := d.liveSize(); live != (size{}) {
		return d.size.plus(live)
	}
	return d.size
}

// liveSize is what the changes of live rows take: nothing if there are none.
func (d *decision) liveSize() size {
	var sum size
	for _, n := range []size{
		d.tasks.size(), d.sends.size(), d.messages.size(), d.runs.size(), d.unmatched.size(), d.limits.size(), d.failing.size(),
	} {
		sum = sum.plus(n)
	}
	if sum != (size{}) || d.Instance != d.before.Instance {
		sum.add(d.Instance)
	}
	return sum
}

// record adds a row for people, or one that identifies the input.
func record[T any](d *decision, list *[]T, v T) {
	d.size.add(v)
	*list = append(*list, v)
}

// finish lists what changed.
func (d *decision) finish() Decision {
	d.forget()
	d.countWaiting()
	c := d.changes
	c.Tasks = d.tasks.changes()
	c.Sends = d.sends.changes()
	c.Messages = d.messages.changes()
	c.Runs = d.runs.changes()
	c.Unmatched = d.unmatched.changes()
	c.Limits = d.limits.changes()
	c.Failing = d.failing.changes()
	if d.Instance != d.before.Instance || d.guarded ||
		len(c.Tasks)+len(c.Sends)+len(c.Messages)+len(c.Runs)+len(c.Unmatched)+len(c.Limits)+len(c.Failing) > 0 {
		i := d.Instance
		c.Instance = &i
	}
	d.room -= d.sent
	return Decision{
		Needs: d.needs, Next: d.State, Changes: c, Once: d.once, Hash: d.hash, Claimed: d.claimed, Sends: d.sent, Short: d.short,
		WakeBy: d.due(), More: d.more, Left: d.left, Notes: d.notes, Answer: d.answer,
		Ignored: d.ignored, Unsure: d.unsure,
	}
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earlier is the earlier of two times. Zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// orNow is t, or now if t is not known.
func (v view) orNow(t time.Time) time.Time { return cmp.Or(t, v.now) }
