package decide

import (
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
	// Doubts are successes that it takes for not recorded. If one is, the decision
	// must be made again with that fact.
	Doubts []Success
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
	// Repairs are what this decision makes good, if it is a sweep's.
	Repairs []Repair
	// Asked: so many ends were asked for lately that events may not arrive at all.
	Asked bool
	// Flows are the decisions about flows, also those that do not fit into a record.
	Flows []FlowDecision
	// Answer is for the caller of a submission or a cancel.
	Answer Answer
	// Ignored is why the input counts for nothing, Unsure why that cannot be
	// decided now; both are empty otherwise.
	Ignored, Unsure string
}

// Answer is the answer to the caller of a submission, a cancel or a retry.
type Answer struct {
	InstanceID string `json:"instanceId"`
	TaskID     string `json:"taskId,omitempty"`
	// RunID is the flow run that a retry made.
	RunID string `json:"runId,omitempty"`
	// Outcome is queued, releasing, cancelled, stopping, ended, not_found or
	// refused; of a retry also started, waits or dry-run.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Tasks are what became of each task of a cancel of several, Left counts those
	// that did not fit into one.
	Tasks []Cancelled `json:"tasks,omitempty"`
	Left  int         `json:"left,omitempty"`
}

// Refuse makes a the answer to a request that is not carried out.
func (a *Answer) Refuse(reason string) { a.Outcome, a.Reason = Refused, reason }

// OtherBody is why a request is refused whose key another one has.
const OtherBody = "the dedupeKey was used before, with another body"

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
	d.learned()
	switch in := in.(type) {
	case Ended:
		d.releases = false
		return d.ended(in)
	case Heartbeat:
		return d.heartbeat(in)
	case StateChange:
		return d.stateChange(in)
	case Submission:
		return d.submit(in)
	case Cancel:
		return d.cancel(in)
	case Retry:
		return d.retry(in)
	case WakeUp:
		d.wake()
	case Repaired:
		d.countRepairs(in)
	case Unreached:
		return d.unreached(in)
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
	d.endRepairs()
	(&sending{d, d.policy.Batch}).release()
	d.claimMessages()
}

// decision is a decision in the making. Each part of it changes the rows that
// it owns, and reaches no other part.
type decision struct {
	*draft
	asker
	counts
	boots
	// checked: the agent's status was asked.
	checked bool
	// explain asks for the values that made a condition false, and for rehearsals,
	// in which steps print these outputs.
	explain    bool
	outputs    map[string]string
	once, hash string
	answer     Answer
	left       Results
	ignored    string
	unsure     string
}

func newDecision(s State, f Facts, p Policy, m Moment) *decision {
	c := newDraft(s, f.Control, p, m)
	return &decision{
		draft: c, asker: asker{draft: c, facts: f}, counts: counts{outbox{c}}, boots: boots{c},
		answer: Answer{InstanceID: s.Instance.ID},
	}
}

// because is a decision in which changes have the input of this name as their
// cause.
type because struct {
	*decision
	cause string
}

func (d *decision) because(cause string) because { return because{d, cause} }

// finish lists what changed.
func (d *decision) finish() Decision {
	d.forget()
	d.countWaiting()
	d.answerReleased()
	c := d.changes
	c.Tasks = d.tasks.changes()
	c.Sends = d.sends.changes()
	c.Messages = d.messages.changes()
	c.Runs = d.runs.changes()
	c.Unmatched = d.unmatched.changes()
	c.Limits = d.limits.changes()
	c.Failing = d.failing.changes()
	c.Repairs = d.repairs.changes()
	c.Alerted = d.alerted.changes()
	if d.Instance != d.before.Instance || d.guarded ||
		len(c.Tasks)+len(c.Sends)+len(c.Messages)+len(c.Runs)+len(c.Unmatched)+len(c.Limits)+len(c.Failing)+len(c.Repairs)+len(c.Alerted) > 0 {
		d.Instance.Seen = d.Instance.Seen || c.Execution != nil || d.Instance.Boot == BootBootable
		i := d.Instance
		c.Instance = &i
	}
	d.room -= d.sent
	return Decision{
		Needs: d.needs, Doubts: d.doubts, Next: d.State, Changes: c, Once: d.once, Hash: d.hash, Claimed: d.claimed, Sends: d.sent, Short: d.short,
		WakeBy: d.due(), More: d.more, Left: d.left, Notes: d.notes, Repairs: d.made, Asked: d.often, Flows: d.flows, Answer: d.answer,
		Ignored: d.ignored, Unsure: d.unsure,
	}
}
