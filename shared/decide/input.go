package decide

import (
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
)

// Input is what makes a handler decide about one instance: an Ended, a
// Heartbeat, a StateChange, a Submission, a Cancel, a Retry, a WakeUp,
// Repaired, Unreached, Results or Continue.
type Input interface{ input() }

func (Ended) input()       {}
func (Heartbeat) input()   {}
func (StateChange) input() {}
func (Submission) input()  {}
func (Cancel) input()      {}
func (Retry) input()       {}
func (WakeUp) input()      {}
func (Repaired) input()    {}
func (Unreached) input()   {}
func (Results) input()     {}
func (Continue) input()    {}

// Ended is the end of an execution.
type Ended struct {
	Event    event.TaskCompleted
	Received time.Time
	// Source is SourceEvent or SourcePoll.
	Source string
}

// How the end of an execution was learned.
const (
	SourceEvent = "event"
	SourcePoll  = "poll"
)

// Heartbeat is a first heartbeat.
type Heartbeat struct {
	Event    event.FirstHeartbeat
	Received time.Time
}

// StateChange is a change of the instance's state at ECS.
type StateChange struct {
	Event    event.InstanceStateChange
	Received time.Time
}

// Submission asks for one command on one instance, or starts a flow there.
type Submission struct {
	// Key identifies the submission, 32 hex digits: Key of the caller's
	// dedupeKey, or of the request id.
	Key       string
	DedupeKey string
	Command   command.Command
	// Flow is the flow to start, in place of a command, and Inputs are what it is
	// given.
	Flow   string
	Inputs map[string]string
	// Tick is when the flow's schedule starts it; zero if a person does.
	Tick time.Time
	// Hash identifies what was submitted, 64 hex digits.
	Hash     string
	Priority int
	// Labels are the words by which people stop or cancel its task with others.
	Labels []string
	// By says who submits it, in that person's own words, Reason why.
	By, Reason string
	// NotBefore is when the task may be released; zero means at once. Spread
	// shifts that for each instance by a part of it that the instance's id decides.
	NotBefore time.Time
	Spread    time.Duration
	// ExpiresIn is how long the task may wait from then on; 0 means the policy's
	// TaskTTL.
	ExpiresIn time.Duration
	// BootDeadline is how long from then on its instance may not be bootable
	// before OnBootDeadline happens; 0 means for ever.
	BootDeadline   time.Duration
	OnBootDeadline OnBootDeadline
	// WhenNotBootable is what becomes of a task whose instance is not known to be
	// bootable.
	WhenNotBootable WhenNotBootable
}

// OnBootDeadline is what happens to a task whose instance is not bootable in time.
type OnBootDeadline string

// What happens at a boot deadline.
const (
	AlertAtDeadline OnBootDeadline = "alert" // an alert, and the task waits on
	DropAtDeadline  OnBootDeadline = "drop"  // the task ends, with an alert
	RunAtDeadline   OnBootDeadline = "run"   // the task is released all the same
)

// WhenNotBootable is what becomes of a task whose instance is not known to be
// bootable.
type WhenNotBootable string

// What becomes of such a task.
const (
	WaitUnbooted WhenNotBootable = "wait"
	FailUnbooted WhenNotBootable = "fail" // its submission is refused
	RunUnbooted  WhenNotBootable = "run"  // it is released all the same
)

// Limits of the labels of a task.
const (
	MaxLabels = 10
	maxLabel  = 64 // bytes
)

// ValidLabel reports whether a text can be a label.
func ValidLabel(s string) bool {
	return s != "" && len(s) <= maxLabel && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._:/=-", r)
	})
}

// WakeUp is a look at an instance because of a stored promise.
type WakeUp struct{}

// Repaired counts what one sweep repaired. It is for SweepID only.
type Repaired map[Repair]int

// Unreached is a submission for several instances that ended before it reached all
// of them. It is for SweepID only.
type Unreached struct{ Many }

// Continue does the work that a decision left because its batch was full.
type Continue struct{}

// Results are what became of sends and messages.
type Results struct {
	Sends      []Result
	Deliveries []Delivery
}

// Empty reports whether there is no result.
func (r Results) Empty() bool { return len(r.Sends)+len(r.Deliveries) == 0 }

// ResultKind is how a send ended.
type ResultKind string

// The kinds of result.
const (
	ResultDone      ResultKind = "done"      // sent or stopped
	ResultInvalid   ResultKind = "invalid"   // refused for good
	ResultDenied    ResultKind = "denied"    // not sent, for want of a right
	ResultThrottled ResultKind = "throttled" // not sent; the next minute
	ResultQuota     ResultKind = "quota"     // not sent; the next day
	ResultDown      ResultKind = "down"      // not sent; the instance is not running
	ResultBusy      ResultKind = "busy"      // not started; the instance runs too many tasks
	ResultNotSent   ResultKind = "not_sent"  // not sent; with a backoff
	ResultUnknown   ResultKind = "unknown"   // it may have reached the service
	ResultGivenUp   ResultKind = "given_up"  // it may have, too long ago to try again
)

// Holds reports whether a result of this kind concerns all commands of the
// instance, so that they wait for it in their order.
func (k ResultKind) Holds() bool {
	return k.account() || k == ResultDown
}

// account reports whether a result of this kind concerns the account, not the
// instance.
func (k ResultKind) account() bool { return k == ResultThrottled || k == ResultQuota }

// Result is how one send ended.
type Result struct {
	Key string
	// Commit is the claim under which it was performed.
	Commit   string
	Kind     ResultKind
	InvokeID string // of a command that was sent
	// Reason is for logs and records, such as a service's error code.
	Reason string
	// MaybeSent: a try of this invocation had an unknown outcome, even if the
	// last one, which set Kind, had not.
	MaybeSent bool
}

// Delivery is what became of one message.
type Delivery struct {
	Row    string
	Commit string
	// Err is why it was not delivered; empty if it was. It is for logs.
	Err string
	// Paced: it was refused only for its rate, which is no try.
	Paced bool
	// Breaker is the breaker that a counted failure opened.
	Breaker *Breaker
}

// Facts are what a decision depends on beside the instance's live rows: stops
// and breakers, and the answers to what earlier decisions about the same input
// needed to know.
type Facts struct {
	Control Control
	// Asked is what was asked for. An answer that is missing all the same could
	// not be had.
	Asked Needs
	Agent *AgentStatus
	// Machine is nil without an answer, and if ECS does not list the instance,
	// which Unlisted says.
	Machine  *Machine
	Unlisted bool
	// Invocations by invoke id; a nil value means that Cloud Assistant knows
	// no such invocation.
	Invocations map[string]*Invocation
	// Outputs by invoke id.
	Outputs map[string]Captured
	// Ended holds ended tasks by their ids, and nil for a task without a record.
	Ended map[string]*Task
	// EndedRun is nil if the flow run has no record.
	EndedRun *FlowRun
	// Succeeded are successes that are recorded.
	Succeeded []Success
	// NoText holds the ids of tasks whose command's text is gone.
	NoText map[string]bool
}

// Needs is what a decision needs to know before it can be made.
type Needs struct {
	// Queue: the queued tasks.
	Queue bool
	// Agent: the status of the instance's agent. Machine: what ECS says about the
	// instance.
	Agent, Machine bool
	// Invocations and Outputs of these invoke ids, from Cloud Assistant.
	Invocations, Outputs []string
	// Once: whether the input was recorded before, which makes the outputs needless.
	Once bool
	// Ended tasks of these ids, from the instance's log.
	Ended []string
	// EndedRun is an ended flow run of this id, from the instance's log.
	EndedRun string
}

// Empty reports whether nothing is needed.
func (n Needs) Empty() bool {
	return !n.Queue && !n.Agent && !n.Machine && len(n.Invocations)+len(n.Outputs)+len(n.Ended) == 0 && n.EndedRun == ""
}

// Success is one of a command on an instance, or of the step of a flow that sent it,
// that finished after a time.
type Success struct {
	Name, Step string
	After      time.Time
}

// Captured is what a command printed, or why that is unknown.
type Captured struct {
	Output
	Err string `json:"error,omitempty"`
}
