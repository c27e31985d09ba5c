package decide

import (
	"fmt"
	"maps"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// BootState is what is known about whether an instance takes commands.
type BootState string

// The boot states. An instance without a row is BootUnknown.
const (
	BootUnknown  BootState = "unknown"  // nothing is known, or a command found no agent
	BootWaiting  BootState = "waiting"  // a check found that its agent is not up
	BootBootable BootState = "bootable" // its agent is up
)

// Kept is what the row of a newer version has and this version does not know. It
// stays with every copy of the row, so that a rewrite keeps it. Only the ledger
// looks inside.
type Kept struct {
	Rest any `json:"-"`
}

// KeptRest gives the ledger access to any row's.
func (k *Kept) KeptRest() *any { return &k.Rest }

// Instance is the state of the instance itself.
type Instance struct {
	Kept
	ID string `json:"-"`
	// Rev changes with each commit of this instance's live rows; 0 means that
	// there is no row yet.
	Rev  int64     `json:"-"`
	Boot BootState `json:"boot,omitempty"`
	// Seen: an event or ECS reported the instance. Without it, only a submission
	// named it.
	Seen bool `json:"seen,omitempty"`
	// BootSince is since when Boot is known: the time of the event that shows it, or
	// of the answer that the agent is down. A sign of the agent counts only if it is
	// newer.
	BootSince time.Time `json:"bootSince,omitzero"`
	// BootTime is when the operating system started, from the newest first
	// heartbeat; zero if none was seen.
	BootTime time.Time `json:"bootTime,omitzero"`
	// BootSeq counts the boots seen.
	BootSeq      int64  `json:"bootSeq,omitempty"`
	AgentVersion string `json:"agentVersion,omitempty"`
	OS           string `json:"os,omitempty"`
	Region       string `json:"region,omitempty"`
	Zone         string `json:"zone,omitempty"`
	// Name and Tags are as of LearnedAt, when ECS was asked; zero if it never
	// answered.
	Name      string    `json:"name,omitempty"`
	Tags      *Tags     `json:"tags,omitempty"`
	LearnedAt time.Time `json:"learnedAt,omitzero"`
	// LearnAt is when a wake-up asks ECS, zero if none does; Learns counts how
	// often it gave no answer.
	LearnAt time.Time `json:"learnAt,omitzero"`
	Learns  int       `json:"learns,omitempty"`
	// State is the newest state that ECS reported, since StateAt by the clock of its
	// event; empty if it reported none.
	State   event.State `json:"state,omitempty"`
	StateAt time.Time   `json:"stateAt,omitzero"`
	// HeldUntil is when commands may be sent again after a refusal that concerns
	// all of them, HeldBy is that result; both are zero if none does.
	HeldUntil time.Time  `json:"heldUntil,omitzero"`
	HeldBy    ResultKind `json:"heldBy,omitempty"`
	// CheckAt is when to ask for the agent's status while tasks wait; zero if
	// no check is planned. Checks counts how often it was not up.
	CheckAt time.Time `json:"checkAt,omitzero"`
	Checks  int       `json:"checks,omitempty"`
	// Waiting counts the queued tasks. WaitingUntil is when the first of them
	// expires or reaches its boot deadline, WaitingFrom when the first of them may
	// be released, zero if at once. UnbootedFrom is when the first may be released
	// although the instance is not bootable, zero if none may.
	Waiting      int       `json:"waiting,omitempty"`
	WaitingUntil time.Time `json:"waitingUntil,omitzero"`
	WaitingFrom  time.Time `json:"waitingFrom,omitzero"`
	UnbootedFrom time.Time `json:"unbootedFrom,omitzero"`
	// WakeAt is the newest wake-up that was armed for this instance.
	WakeAt time.Time `json:"wakeAt,omitzero"`
}

// NextRev is the rev after a commit at this time. The first one is the time in
// milliseconds, so that revs never start again after the rows have expired.
func (i Instance) NextRev(at time.Time) int64 {
	if i.Rev == 0 {
		return at.UnixMilli()
	}
	return i.Rev + 1
}

// TaskState is the state of a task.
type TaskState string

// The states of a task. The first three are live; a task ends as its step does.
const (
	TaskQueued     TaskState = "queued"
	TaskReleasing  TaskState = "releasing"
	TaskRunning    TaskState = "running"
	TaskSucceeded  TaskState = flow.StepSucceeded
	TaskFailed     TaskState = flow.StepFailed
	TaskTimedOut   TaskState = flow.StepTimedOut
	TaskAborted    TaskState = flow.StepAborted
	TaskInvalid    TaskState = flow.StepInvalid
	TaskCancelled  TaskState = flow.StepCancelled
	TaskTerminated TaskState = flow.StepTerminated
	TaskExpired    TaskState = flow.StepExpired
)

// Task is a command that Aftercare was asked to run on one instance.
type Task struct {
	Kept
	ID    string    `json:"id"`
	State TaskState `json:"state"`
	// Name is the given name of the command, or the id of a saved one.
	Name string `json:"name"`
	// Kind is how its command is sent: SendRun or SendInvoke.
	Kind SendKind `json:"kind"`
	// CommandID is the id of a saved command.
	CommandID string `json:"commandId,omitempty"`
	// Timeout is the command's own; 0 for Cloud Assistant's default.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Command is set only in the decision that makes the task. It is stored in a
	// row of its own, which only who sends it reads.
	Command command.Command `json:"-"`
	// Labels are words that a submission gave its task; a flow's step has none.
	Labels []string `json:"labels,omitempty"`
	// By says who submitted it, in that person's own words, Purpose why.
	By      string `json:"by,omitempty"`
	Purpose string `json:"purpose,omitempty"`
	// Priority is 0 to 9; 9 is released first.
	Priority    int       `json:"priority"`
	SubmittedAt time.Time `json:"submittedAt"`
	ExpiresAt   time.Time `json:"expiresAt"`
	// NotBefore is when it may be released; zero if at once.
	NotBefore time.Time `json:"notBefore,omitzero"`
	// BootBy is by when its instance should be bootable, OnBootDeadline what
	// happens otherwise. BootBy is zero if nothing has to happen any more.
	BootBy         time.Time      `json:"bootBy,omitzero"`
	OnBootDeadline OnBootDeadline `json:"onBootDeadline,omitempty"`
	// Unbooted: it is released although its instance is not known to be bootable.
	Unbooted bool `json:"unbooted,omitempty"`
	// Attempt counts from 1 and rises only after a known end.
	Attempt int `json:"attempt"`
	// Cause is the input that made the task: the event's or the submission's key.
	Cause string `json:"cause"`
	// RunID and Step identify the flow run and step that made the task; empty
	// for submissions. Chain is that run's chain.
	RunID string   `json:"runId,omitempty"`
	Step  string   `json:"step,omitempty"`
	Chain []string `json:"chain,omitempty"`
	// StepAttempt is the number of the step's attempt, from 1: each attempt is a
	// task of its own.
	StepAttempt int `json:"stepAttempt,omitempty"`
	// SendKey is the send of this attempt, while releasing.
	SendKey  string `json:"sendKey,omitempty"`
	InvokeID string `json:"invokeId,omitempty"`
	// Deadline is when a sweep asks for a running task's end, if no event
	// reported it.
	Deadline time.Time `json:"deadline,omitzero"`
	// MissingSince is when Cloud Assistant first did not know a running task's
	// invocation, Missing counts such answers in a row.
	MissingSince time.Time `json:"missingSince,omitzero"`
	Missing      int       `json:"missing,omitempty"`
	// Free counts the attempts that do not count, because the instance ran too
	// many tasks already.
	Free int `json:"free,omitempty"`
	// Cancel: the task is never sent, and is stopped as soon as its invoke id is
	// known. CancelReason says who cancelled it, and why; empty if its step did.
	Cancel       bool   `json:"cancel,omitempty"`
	CancelReason string `json:"cancelReason,omitempty"`

	// How it ended.
	EndedAt   time.Time    `json:"endedAt,omitzero"`
	Status    event.Status `json:"status,omitempty"`
	ExitCode  *int64       `json:"exitCode,omitempty"`
	ErrorCode string       `json:"errorCode,omitempty"`
	Reason    string       `json:"reason,omitempty"`
}

// Flow is the flow whose step made the task; empty for submissions.
func (t Task) Flow() string {
	if len(t.Chain) == 0 {
		return ""
	}
	return t.Chain[len(t.Chain)-1]
}

// SendKind is an action at Cloud Assistant.
type SendKind string

// The kinds of send.
const (
	SendRun    SendKind = "run"
	SendInvoke SendKind = "invoke"
	SendStop   SendKind = "stop"
)

// starts reports whether a send of this kind starts a command.
func (k SendKind) starts() bool { return k != SendStop }

// Send is an action at Cloud Assistant, planned and stored before it is done.
type Send struct {
	Kept
	Key    string   `json:"key"`
	Kind   SendKind `json:"kind"`
	TaskID string   `json:"taskId"`
	// Attempt is the task's.
	Attempt int `json:"attempt"`
	// Tries counts the claims.
	Tries int `json:"tries"`
	// NotBefore is when it may be claimed next.
	NotBefore time.Time `json:"notBefore,omitzero"`
	Claim     Claim     `json:"claim,omitzero"`
	// FirstSent is when the first claim was made under which the command may
	// have reached the service; zero if it cannot have. PriorSent is its value
	// before the present claim.
	FirstSent time.Time `json:"firstSent,omitzero"`
	PriorSent time.Time `json:"priorSent,omitzero"`
	PlannedAt time.Time `json:"plannedAt"`
}

// MessageKind is news for others.
type MessageKind string

// The kinds of message.
const (
	MessageAlert MessageKind = "alert"
	MessageCount MessageKind = "count" // count a failed run for its flow's breaker
	MessageClose MessageKind = "close" // close a breaker
)

// Message is news for others, planned and stored before it is delivered, at
// least once. It is never overwritten: newer news has a row of its own.
type Message struct {
	Kept
	// Key is what it is about, Rev is the revision of the commit that planned
	// it.
	Key   string      `json:"key"`
	Rev   int64       `json:"rev"`
	Kind  MessageKind `json:"kind"`
	Alert *Alert      `json:"alert,omitempty"` // alert
	Fleet *Fleet      `json:"fleet,omitempty"` // count, close
	// GivenUp is set if a channel did not take it, and not the inbox.
	GivenUp *GivenUp `json:"givenUp,omitempty"`
	// Tries counts the claims, but for those that a channel refused for its
	// rate.
	Tries     int       `json:"tries"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	Claim     Claim     `json:"claim,omitzero"`
	PlannedAt time.Time `json:"plannedAt"`
}

// Row identifies the message among those of its instance.
func (m Message) Row() string { return fmt.Sprintf("%s/%d", m.Key, m.Rev) }

// Fleet is a message's update of a flow's breaker.
type Fleet struct {
	Flow string `json:"flow"`
	// RunID, At and Limit describe a failed run.
	RunID string          `json:"runId,omitempty"`
	At    time.Time       `json:"at,omitzero"`
	Limit flow.FleetLimit `json:"limit,omitzero"`
	// Breaker is the breaker to close.
	Breaker *Breaker `json:"breaker,omitempty"`
}

// Since is from when on failures count with this one, which is counted now: within its
// limit's window, and after the time of a breaker that nobody has closed yet.
func (f Fleet) Since(c Control, now time.Time) time.Time {
	since := f.At.Add(-f.Limit.Window.D())
	if b, ok := c.Breakers[f.Flow]; ok && !b.ResumeAt.After(now) {
		since = Later(since, b.ResumeAt.Add(time.Millisecond))
	}
	return since
}

// Opens is the breaker that so many failures open now, under the key of the message
// that counted them.
func (f Fleet) Opens(key string, failures int, now time.Time) Breaker {
	return Breaker{Flow: f.Flow, Key: key, OpenedAt: now, ResumeAt: now.Add(f.Limit.ResumeAfter.D()), Failures: failures}
}

// Claim is one invocation's right to perform a send or deliver a message. It is
// free for others after Until.
type Claim struct {
	Commit string    `json:"commit"`
	Until  time.Time `json:"until"`
}

// held reports whether an invocation may still be at work.
func (c Claim) held(now time.Time) bool { return c.Commit != "" && now.Before(c.Until) }

// FlowRun is one execution of a flow for one instance: live, ended, or one
// that never began.
type FlowRun struct {
	Kept
	ID   string `json:"id"`
	Flow string `json:"flow"`
	// Chain is the flows that led here, this one last.
	Chain []string `json:"chain"`
	// Cause is the input that made the run, RetryOf the run that it repeats.
	Cause     string    `json:"cause"`
	RetryOf   string    `json:"retryOf,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// FlowsVersion is the version of the flows that it was started with. (flow rule 73)
	FlowsVersion string `json:"flowsVersion,omitempty"`
	// CheckAt is when to look at it again while it waits to begin or it is
	// stopped; zero if something else moves it.
	CheckAt time.Time `json:"checkAt,omitzero"`
	// Waits is what a run that has not begun waits for, in words.
	Waits string `json:"waits,omitempty"`
	// Untold is the alert about the last bad end of a step that is tried again.
	Untold *Alert `json:"untold,omitempty"`
	flow.Run
	EndedAt time.Time `json:"endedAt,omitzero"`
}

// Asked reports whether a person or a schedule started the run, and no event did.
func (r FlowRun) Asked() bool {
	return r.RetryOf == "" && (r.Event.Kind == flow.Manual || r.Event.Kind == flow.Scheduled)
}

// begun reports whether the run's first step has begun.
func (r FlowRun) begun() bool { return !r.StartedAt.IsZero() }

// Limit remembers one flow's runs on an instance.
type Limit struct {
	Kept
	Flow string `json:"flow"`
	// Starts are the times at which runs began that still count, oldest first.
	Starts []time.Time `json:"starts,omitempty"`
	// Failures are the times at which runs failed or timed out within the last
	// flow.FailureMemory.
	Failures []time.Time `json:"failures,omitempty"`
	// Refused counts the runs that were refused since the last one began.
	Refused int `json:"refused,omitempty"`
	// Until is when the last of these times stops counting.
	Until time.Time `json:"until"`
}

// Failing is a command that ended badly on an instance.
type Failing struct {
	Kept
	Name string `json:"name"`
	// Count is how many ends in a row were bad, 0 after a good one.
	Count int `json:"count"`
	// Last is when the newest of them finished.
	Last time.Time `json:"last"`
}

// Unmatched is the end of an execution that may belong to a task whose invoke
// id is not stored yet.
type Unmatched struct {
	Kept
	Event    event.TaskCompleted `json:"event"`
	Received time.Time           `json:"received"`
	// Output is what it printed, if a flow may capture that.
	Output *Captured `json:"output,omitempty"`
}

// State is everything about one instance that decisions depend on. Decide
// never changes the maps it gets.
type State struct {
	Instance Instance
	// Unread is how many queued tasks are not in Tasks, because they were not
	// read.
	Unread    int
	Tasks     map[string]Task      // by task id
	Sends     map[string]Send      // by key
	Messages  map[string]Message   // by row
	Runs      map[string]FlowRun   // by run id
	Unmatched map[string]Unmatched // by invoke id
	Limits    map[string]Limit     // by flow
	Failing   map[string]Failing   // by the command's name
	Repairs   map[string]Repairs   // by kind
	Alerted   map[string]Alerted   // by fingerprint
}

// NewState is the state of an instance that has no rows.
func NewState(instanceID string) State {
	return State{
		Instance:  Instance{ID: instanceID, Boot: BootUnknown},
		Tasks:     map[string]Task{},
		Sends:     map[string]Send{},
		Messages:  map[string]Message{},
		Runs:      map[string]FlowRun{},
		Unmatched: map[string]Unmatched{},
		Limits:    map[string]Limit{},
		Failing:   map[string]Failing{},
		Repairs:   map[string]Repairs{},
		Alerted:   map[string]Alerted{},
	}
}

// AddQueue adds the queued tasks, which were read by themselves.
func (s *State) AddQueue(tasks []Task) {
	s.Tasks = maps.Clone(s.Tasks)
	for _, t := range tasks {
		s.Tasks[t.ID] = t
	}
	s.Unread = 0
}
