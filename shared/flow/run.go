package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
)

// Run is the state of one execution of a flow. It is stored as JSON and holds
// all that it needs to continue. Its methods change it and return what is to be
// done; they do none of it. It is not safe for concurrent use, and must be
// cloned before it is changed.
type Run struct {
	// Seed is what random delays are derived from: the run's id.
	Seed       string     `json:"seed,omitempty"`
	Definition Definition `json:"definition,omitzero"`
	Event      Event      `json:"event,omitzero"`
	// Depth is how many flows led to the event.
	Depth int `json:"depth"`
	// StartedAt is when the first step began; zero before.
	StartedAt time.Time `json:"startedAt,omitzero"`
	// Section and Index point at the step that is next or under way.
	Section Section `json:"section,omitempty"`
	Index   int     `json:"index"`
	// Deadline is when the section times out.
	Deadline time.Time `json:"deadline,omitzero"`
	Pending  Pending   `json:"pending,omitzero"`
	// BootSeq is the boot that was known when the step before began, or that it
	// waited for. [28]
	BootSeq int64        `json:"bootSeq,omitempty"`
	Steps   []StepRecord `json:"steps,omitempty"`
	// Result and Reason are known before the end if onFailure or finally
	// follow.
	Result string `json:"result,omitempty"`
	Reason string `json:"reason,omitempty"`
	// FailedStep is the step at which the run failed or timed out.
	FailedStep string `json:"failedStep,omitempty"`
	Ended      bool   `json:"ended,omitempty"`
}

// Section is one of a flow's lists of steps.
type Section string

// The sections, in their order.
const (
	SectionSteps     Section = "steps"
	SectionOnFailure Section = "onFailure"
	SectionFinally   Section = "finally"
)

// Pending is the step under way; the zero value is between two steps.
type Pending struct {
	State PendingState `json:"state,omitempty"`
	// Attempt counts from 1.
	Attempt int `json:"attempt,omitempty"`
	// Until is when a wait or a backoff ends; zero for the next boot.
	Until time.Time `json:"until,omitzero"`
	// Deadline is when the step itself times out; zero if it has no timeout.
	Deadline time.Time `json:"deadline,omitzero"`
	// Over is what timed out when the command was asked to stop: runTime or
	// stepTime.
	Over string `json:"over,omitempty"`
}

// PendingState is what a step waits for.
type PendingState string

// What a step waits for.
const (
	PendingCommand PendingState = "command"
	PendingBackoff PendingState = "backoff"
	PendingWait    PendingState = "wait"
	PendingBoot    PendingState = "boot"
)

// Moment is when and where a run advances, and the input that makes it advance.
type Moment struct {
	Now      time.Time
	Instance Instance
	Cause    string
	// Read, if it is set, is called with the name of each value of the instance that
	// an expression of the present step reads, such as instance.tags.role.
	Read func(name string)
	// Hold: the flow is stopped. No step begins and nothing is sent, but timeouts
	// keep running. [51]
	Hold bool
	// guess decides what is unknown in a rehearsal. [91]
	guess *guess
}

// Action is something that a run asks for: a command, an alert or a cancel.
type Action struct {
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	command.Command
	Alert string `json:"alert,omitempty"`
	// Severity, Route and Runbook are those of the alert; empty if the flow says
	// none. [37]
	Severity string `json:"severity,omitempty"`
	Route    string `json:"route,omitempty"`
	Runbook  string `json:"runbook,omitempty"`
	// Trouble is what had gone wrong before the alert. [39]
	Trouble Trouble `json:"-"`
	// Cancel: stop the step's command, whose end then comes as usual.
	Cancel bool `json:"-"`
}

// Announced is an alert in one line: its severity and route, if its step says
// them, and its text.
func (a Action) Announced() string {
	var before []string
	if a.Severity != "" {
		before = append(before, a.Severity)
	}
	if a.Route != "" {
		before = append(before, "route "+a.Route)
	}
	if len(before) == 0 {
		return a.Alert
	}
	return strings.Join(before, ", ") + ": " + a.Alert
}

// Parameters are those of the command, nil without any.
func (a Action) Parameters() map[string]string {
	switch {
	case a.Run != nil:
		return a.Run.Parameters
	case a.Invoke != nil:
		return a.Invoke.Parameters
	}
	return nil
}

// StepEnd is how an attempt of a step's command ended.
type StepEnd struct {
	// Status is one of StepStatuses.
	Status           string
	Reason           string
	InvocationStatus string
	ErrorCode        string
	ExitCode         *int64
	// Output is set if the step captures and fetching worked, OutputError if
	// fetching failed.
	Output      string
	Dropped     int64
	OutputError string
	// Unprinted: what it printed is not known. Only a rehearsal has such ends.
	Unprinted bool
	// Alerted: an alert says how it ended.
	Alerted bool
}

// why is how a command ended, in the fewest words.
func (e StepEnd) why() string {
	switch {
	case e.Status == StepSucceeded:
	case e.ExitCode != nil && *e.ExitCode != 0:
		return fmt.Sprintf("exit code %d", *e.ExitCode)
	case e.ErrorCode != "":
		return e.ErrorCode
	}
	return e.Reason
}

// NewRun returns a run that has not begun.
func NewRun(seed string, d Definition, ev Event, depth int) Run {
	return Run{Seed: seed, Definition: d, Event: ev, Depth: depth}
}

// Clone returns a copy that shares nothing that changes.
func (r Run) Clone() Run {
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		r.Steps[i].Tasks = slices.Clone(r.Steps[i].Tasks)
	}
	return r
}

// Begin begins the run's first step.
func (r *Run) Begin(m Moment) []Action {
	r.StartedAt = m.Now
	r.BootSeq = m.Instance.BootSeq
	r.enter(SectionSteps, m)
	return r.Advance(m)
}

func (r *Run) enter(s Section, m Moment) {
	r.Section, r.Index, r.Pending = s, 0, Pending{}
	r.Deadline = m.Now.Add(r.Definition.Timeout.D())
}

func (r *Run) list() []Step {
	switch r.Section {
	case SectionOnFailure:
		return r.Definition.OnFailure
	case SectionFinally:
		return r.Definition.Finally
	}
	return r.Definition.Steps
}

// Current returns the step under way, nil between two steps.
func (r *Run) Current() *Step {
	if list := r.list(); r.Pending.State != "" && r.Index < len(list) {
		return &list[r.Index]
	}
	return nil
}

// Captures reports whether the step captures the output of the command under
// way.
func (r *Run) Captures() bool {
	s := r.Current()
	return s != nil && s.Capture && r.Pending.State == PendingCommand
}

// Advance advances the run as far as possible at this moment. Call it when Due
// has come, and at a first heartbeat. Calling it too often does no harm.
func (r *Run) Advance(m Moment) (actions []Action) {
	for !r.Ended && !r.StartedAt.IsZero() {
		next := r.step
		// A section without a step left cannot time out.
		if left := r.Pending.State != "" || r.Index < len(r.list()); left && !m.Now.Before(r.Deadline) && r.Pending.Over == "" {
			next = r.timeOver
		}
		a, again := next(m)
		actions = append(actions, a...)
		if !again {
			break
		}
	}
	return actions
}

// Due returns when Advance has something to do next; zero if only an end or a
// first heartbeat can move the run.
func (r *Run) Due() time.Time {
	var due time.Time
	if r.Ended || r.StartedAt.IsZero() || r.Pending.Over != "" { // then it waits for the command's end
		return due
	}
	for _, t := range []time.Time{r.Pending.Until, r.Pending.Deadline, r.Deadline} {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	return due
}

// Forget removes what only a live run needs. [72]
func (r *Run) Forget() {
	r.Seed, r.Pending = "", Pending{}
	r.Deadline, r.Event.Output = time.Time{}, ""
	for i := range r.Steps {
		r.Steps[i].Output = ""
	}
}
