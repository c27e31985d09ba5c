package engine

import (
	"context"
	"errors"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
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
	// ErrInstanceDown: the instance is not running; not sent.
	ErrInstanceDown = errors.New("instance down")
	// ErrInvalid: the request itself is wrong and can never work.
	ErrInvalid = errors.New("invalid request")
	// ErrAcceptedBefore: the token was accepted earlier with other parameters,
	// so the effect exists, but the answer does not contain its id.
	ErrAcceptedBefore = errors.New("accepted before")
)

// Undecided is the error of an input about which nothing can be decided now, and
// says why. It is an ErrUnavailable.
type Undecided string

func (u Undecided) Error() string { return string(u) + ": " + ErrUnavailable.Error() }

// Unwrap returns ErrUnavailable.
func (u Undecided) Unwrap() error { return ErrUnavailable }

// Send is a command on its way to one instance.
type Send struct {
	InstanceID string
	TaskID     string
	// Token is the send's key: the ClientToken and the value of the tag
	// aftercare:send of every try.
	Token   string
	Command command.Command
}

// Commander is Cloud Assistant. Every method fails with one of the errors of
// this package's list, wrapped, and sends nothing after ctx's deadline.
type Commander interface {
	// Send runs or invokes a command and returns its invoke id.
	Send(ctx context.Context, s Send) (invokeID string, err error)
	// Stop stops an invocation on one instance.
	Stop(ctx context.Context, instanceID, invokeID string) error
	// FindByToken looks for the invocation on this instance that carries the
	// token as its tag; nil if it is not listed.
	FindByToken(ctx context.Context, instanceID, token string) (*decide.Invocation, error)
	// FindByID looks for an invocation by its invoke id; nil if it is not listed.
	FindByID(ctx context.Context, instanceID, invokeID string) (*decide.Invocation, error)
	// AgentStatuses asks whether the agents of instances are up, at most 100 of
	// them. The agent of one that is missing is not up.
	AgentStatuses(ctx context.Context, instanceIDs []string) (map[string]decide.AgentStatus, error)
	// Instances asks ECS for the instances that a selector means, by id. One that
	// ECS does not know is missing.
	Instances(ctx context.Context, sel Selector) (map[string]decide.Machine, error)
	// Output fetches what an invocation that has ended printed.
	Output(ctx context.Context, instanceID, invokeID string) (decide.Output, error)
}

// Selector says which instances are meant: those that fit all of its fields that
// are set.
type Selector struct {
	// IDs are the instances' ids; nil means any.
	IDs []string
	// Tags, at most 20; an empty value fits every value.
	Tags map[string]string
	// Name is an instance's name, with * for any text.
	Name string
	// ResourceGroup is the id of a resource group.
	ResourceGroup string
}

// Inbox takes alerts for the function alerts, which brings them to people.
type Inbox interface {
	// Post puts an alert there, unless one with its key and the same or a higher rev
	// is there. It may be repeated.
	Post(ctx context.Context, key string, rev int64, a decide.Alert) error
}

// Waker asks the function alerts to come before its timer.
type Waker interface {
	// Wake asks it to begin with an alert that is in the inbox. It takes little time,
	// and if it fails, the timer brings the alert.
	Wake(ctx context.Context, a decide.Alert)
}

// Commit is one atomic change of an instance's rows.
type Commit struct {
	// ID is random; it is written to the execution's or input's row.
	ID         string
	InstanceID string
	Changes    decide.Changes
	// At is when it is made, for the records.
	At time.Time
	// Next is the state after it, for the list of the fleet.
	Next decide.State
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
	// Commands, if not 0, is how many commands wait for room. Until Else, nothing but
	// room makes a look useful.
	Commands int
	Else     time.Time
}

// waits reports whether a look at the instance is useful only if there is room.
func (w Wakeup) waits(now time.Time) bool { return w.Commands > 0 && w.Else.After(now) }

// Ledger is the store of every instance's state. Its errors are those of this
// package's list, wrapped.
type Ledger interface {
	// Load reads an instance's state but for its queued tasks, which it counts. The instance itself is read first, so
	// that a commit that lands during the load makes a later Commit with this
	// state's rev fail.
	Load(ctx context.Context, instanceID string) (decide.State, error)
	// Queue reads the queued tasks. Read after Load, they are at least as new.
	Queue(ctx context.Context, instanceID string) ([]decide.Task, error)
	// Texts reads the commands of tasks, by task id. It leaves out those that are
	// not there.
	Texts(ctx context.Context, instanceID string, taskIDs []string) (map[string]command.Command, error)
	// Ended reads the record of an input and those of ended tasks, by task id, in
	// one call. It has nil for those that are not there.
	Ended(ctx context.Context, instanceID, once string, taskIDs []string) (*Recorded, map[string]*decide.Task, error)
	// Succeeded reports whether a success is recorded, and visible already in the
	// index of the instance's records, which lags milliseconds behind.
	Succeeded(ctx context.Context, instanceID string, s decide.Success) (bool, error)
	// EndedRun reads the record of a flow run, and returns nil without one.
	EndedRun(ctx context.Context, instanceID, runID string) (*decide.FlowRun, error)
	// Recorded reads the row that identifies a duplicate (Decision.Once), and
	// returns nil without one.
	Recorded(ctx context.Context, instanceID, once string) (*Recorded, error)
	// Commit writes all of c or nothing. It fails with ErrConflict if the
	// instance's rev is not the one of c.Changes.Instance, or if the
	// execution or the input is recorded already.
	Commit(ctx context.Context, c Commit) error
	// Arm stores a wake-up, Disarm removes it; both may be repeated.
	Arm(ctx context.Context, w Wakeup) error
	Disarm(ctx context.Context, w Wakeup) error
	// Due calls page with the wake-ups that are due at or before now, some at
	// a time, until there are no more or page returns false.
	Due(ctx context.Context, now time.Time, page func([]Wakeup) bool) error
}

// Shared is the part of the ledger that no single instance owns. Its errors
// are those of this package's list, wrapped. Every method may be repeated.
type Shared interface {
	// Control reads all stops and breakers.
	Control(ctx context.Context) (decide.Control, error)
	// CountFailure records the failure of a run, once however often it is
	// called, and returns how many runs of its flow failed at since or later, and
	// after the flow's last resume or the time of its last breaker that was closed.
	CountFailure(ctx context.Context, f decide.FleetFailure, since time.Time) (int, error)
	// OpenBreaker stores b unless its flow has a breaker whose ResumeAt is after
	// b.OpenedAt, and returns the breaker that is stored then. Its Key shows
	// whether b opened it, even if OpenBreaker is called again.
	OpenBreaker(ctx context.Context, b decide.Breaker) (decide.Breaker, error)
	// CloseBreaker removes the breaker of a flow that was opened under key,
	// and reports whether one was there.
	CloseBreaker(ctx context.Context, flow, key string) (bool, error)
}
