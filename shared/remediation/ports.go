package remediation

import (
	"context"
	"errors"
	"time"

	"aftercare/shared/command"
)

// The ways in which a call to another service fails. The adapters map each
// service's own codes to these; errors.Is finds them.
var (
	// ErrConflict: a condition of a commit did not hold. Nothing was written
	// by this commit, unless an earlier try of it had an unknown outcome.
	ErrConflict = errors.New("conflict")
	// ErrUnknownOutcome: the call may have taken effect.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrUnavailable: the call had no effect, and may work later.
	ErrUnavailable = errors.New("unavailable")
	// ErrThrottled: refused for the rest of the minute; not sent.
	ErrThrottled = errors.New("throttled")
	// ErrQuotaExceeded: refused for the rest of the day; not sent.
	ErrQuotaExceeded = errors.New("daily quota exceeded")
	// ErrDenied: refused because of missing permissions or wrong credentials;
	// not sent.
	ErrDenied = errors.New("denied")
	// ErrInvalid: the request itself is wrong and can never work.
	ErrInvalid = errors.New("invalid request")
	// ErrAcceptedBefore: the token was accepted earlier with other parameters,
	// so the effect exists, but the answer does not contain its id.
	ErrAcceptedBefore = errors.New("accepted before")
)

// Send is a command on its way to one instance.
type Send struct {
	InstanceID string
	TaskID     string
	// Token is the effect's key: the ClientToken and the value of the tag
	// aftercare:effect of every try.
	Token   string
	Command command.Command
}

// Invocation is what Cloud Assistant knows about one invocation on one
// instance.
type Invocation struct {
	InvokeID    string
	CommandID   string
	CommandName string
	// Token is the value of the tag aftercare:effect; empty if it has none.
	Token string
	// Status is the per-instance InvocationStatus word, for example Pending,
	// Running, Success.
	Status     string
	ExitCode   *int64 // nil until the script ended
	ErrorCode  string // empty if there was no error
	ErrorDesc  string
	RepeatMode string
	Repeats    int64
	StartTime  time.Time
	FinishTime time.Time
}

// AgentStatus is what DescribeCloudAssistantStatus says about one instance.
type AgentStatus struct {
	// Ready: the agent sent a heartbeat within the last two minutes.
	Ready   bool
	Version string
	OS      string // Linux or Windows
}

// Output is what a script printed.
type Output struct {
	// Text is valid UTF-8; bytes that are not are replaced.
	Text string `json:"text,omitempty"`
	// Dropped is how many bytes the service cut off.
	Dropped int64 `json:"dropped,omitempty"`
}

// Commander is Cloud Assistant. Every method fails with one of the errors of
// this package's list, wrapped, and sends nothing after ctx's deadline.
type Commander interface {
	// Send runs or invokes a command and returns its invoke id.
	Send(ctx context.Context, s Send) (invokeID string, err error)
	// Stop stops an invocation on one instance.
	Stop(ctx context.Context, instanceID, invokeID string) error
	// FindByToken looks for the invocation on this instance that carries the
	// token as its tag; nil if there is none.
	FindByToken(ctx context.Context, instanceID, token string) (*Invocation, error)
	// FindByID looks for an invocation by its invoke id; nil if there is none.
	FindByID(ctx context.Context, instanceID, invokeID string) (*Invocation, error)
	// AgentStatus asks whether the agent of an instance is up.
	AgentStatus(ctx context.Context, instanceID string) (AgentStatus, error)
	// Output fetches what an invocation that has ended printed.
	Output(ctx context.Context, instanceID, invokeID string) (Output, error)
}

// AlertKind says what an alert is about.
type AlertKind string

// The kinds of alert.
const (
	AlertExecution      AlertKind = "execution"       // a command ended badly
	AlertFlowStopped    AlertKind = "flow-stopped"    // a flow was stopped by its chain or depth
	AlertOutcomeUnknown AlertKind = "outcome-unknown" // a command may or may not have run
	AlertTaskExpired    AlertKind = "task-expired"    // a queued task was given up
	AlertTaskInvalid    AlertKind = "task-invalid"    // a command was refused by the service
	AlertFlow           AlertKind = "flow"            // the text of a flow's alert step
	AlertFlowLimit      AlertKind = "flow-limit"      // a flow reached its limit on an instance
	AlertBreakerOpened  AlertKind = "breaker-opened"  // a flow starts no run anywhere, because too many failed
	AlertBreakerClosed  AlertKind = "breaker-closed"  // that flow may start runs again
)

// Alert is one message to people. It carries no command text and no
// parameter values.
type Alert struct {
	// Fingerprint is the same for every delivery of this alert.
	Fingerprint string    `json:"fingerprint"`
	Kind        AlertKind `json:"kind"`
	// Summary is one sentence: what happened, and what Aftercare did about it.
	Summary     string `json:"summary"`
	InstanceID  string `json:"instanceId"`
	Region      string `json:"region,omitempty"`
	CommandName string `json:"commandName,omitempty"`
	InvokeID    string `json:"invokeId,omitempty"`
	TaskID      string `json:"taskId,omitempty"`
	Flow        string `json:"flow,omitempty"`
	Status      string `json:"status,omitempty"`
	ExitCode    *int64 `json:"exitCode,omitempty"`
	ErrorCode   string `json:"errorCode,omitempty"`
	ErrorDesc   string `json:"errorDesc,omitempty"`
	// Requeued: the script never started, and its task waits again.
	Requeued bool `json:"requeued,omitempty"`
	// At is when it happened, in UTC.
	At time.Time `json:"at"`
}

// Notifier delivers alerts to every configured channel. It is bounded by
// ctx's deadline; an error means that at least one channel did not confirm.
type Notifier interface {
	Notify(ctx context.Context, a Alert) error
}

// Commit is one atomic change of an instance's rows.
type Commit struct {
	// ID is random; it is written to the execution's or input's row.
	ID         string
	InstanceID string
	Changes    Changes
	// At is when it is made, for the records.
	At time.Time
}

// Recorded is what an execution's or an input's row holds about the commit that
// wrote it.
type Recorded struct {
	CommitID string
	Answer   string
	// Hash is the input's, if it has one.
	Hash string
}

// Wakeup is a stored promise to look at an instance.
type Wakeup struct {
	InstanceID string
	Due        time.Time
}

// Ledger is the store of every instance's state. Its errors are those of this
// package's list, wrapped.
type Ledger interface {
	// Load reads an instance's state. The instance itself is read first, so
	// that a commit that lands during the load makes a later Commit with this
	// state's rev fail.
	Load(ctx context.Context, instanceID string) (State, error)
	// Recorded reads the row that identifies a duplicate (Decision.Once); nil if
	// there is none.
	Recorded(ctx context.Context, instanceID, once string) (*Recorded, error)
	// Commit writes all of c or nothing. It fails with ErrConflict if the
	// instance's rev is not the one of c.Changes.Instance, or if the
	// execution or the input is recorded already.
	Commit(ctx context.Context, c Commit) error
	// PutHistory records an execution for queries across instances. It may be
	// repeated.
	PutHistory(ctx context.Context, instanceID string, e Execution) error
	// Arm stores a wake-up, Disarm removes it; both may be repeated.
	Arm(ctx context.Context, w Wakeup) error
	Disarm(ctx context.Context, w Wakeup) error
	// Due calls page with the wake-ups that are due at or before now, some at
	// a time, until there are no more or page returns false.
	Due(ctx context.Context, now time.Time, page func([]Wakeup) bool) error
}
