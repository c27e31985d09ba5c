package flow

import (
	"time"
)

// Statuses are the possible statuses of an execution. The service's events may
// contain Error although its pages do not list it.
var Statuses = []string{"Success", "Failed", "Timeout", "Aborted", "Invalid", "Cancelled", "Terminated", "Error"}

// The statuses of a step. [22]
const (
	StepSucceeded  = "succeeded"
	StepFailed     = "failed"
	StepTimedOut   = "timed_out"
	StepAborted    = "aborted"
	StepInvalid    = "invalid"
	StepCancelled  = "cancelled"
	StepTerminated = "terminated"
	StepExpired    = "expired"
	StepSkipped    = "skipped"
)

// The statuses of steps of a rehearsal, beside these: it begins whatever is
// printed, and that depends on what is printed. [92]
const (
	StepPlanned = "planned"
	StepMaybe   = "maybe"
)

// stepStatusOf maps an execution's status to the step's.
var stepStatusOf = map[string]string{
	"Success": StepSucceeded, "Failed": StepFailed, "Timeout": StepTimedOut, "Aborted": StepAborted,
	"Invalid": StepInvalid, "Cancelled": StepCancelled, "Terminated": StepTerminated, "Error": StepFailed,
}

// StepStatus returns the status of a step whose command ended with this status.
// An unknown status counts as a failure.
func StepStatus(invocationStatus string) string {
	if status, ok := stepStatusOf[invocationStatus]; ok {
		return status
	}
	return StepFailed
}

// StepStatuses lists the statuses of a step.
var StepStatuses = []string{
	StepSucceeded, StepFailed, StepTimedOut, StepAborted, StepInvalid, StepCancelled, StepTerminated, StepExpired, StepSkipped,
}

// StepRecord is the record of one step of a run. Status is empty while the step
// is under way.
type StepRecord struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Status string `json:"status,omitempty"`
	// Depends are the steps whose outputs decide, if the status is StepMaybe. [92]
	Depends []string `json:"depends,omitempty"`
	// Reason says why the step was skipped or how it ended.
	Reason   string `json:"reason,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	// MayHaveRunTwice: it was tried again after an end that does not rule out
	// that the script had run. [34]
	MayHaveRunTwice bool   `json:"mayHaveRunTwice,omitempty"`
	ExitCode        *int64 `json:"exitCode,omitempty"`
	ErrorCode       string `json:"errorCode,omitempty"`
	// Output is what the last attempt printed, if the step captures; it is
	// removed when the run ends, OutputBytes stays. Dropped is how many bytes the
	// service cut off, OutputError why there is no output. [25]
	Output      string `json:"output,omitempty"`
	OutputBytes int    `json:"outputBytes,omitempty"`
	Dropped     int64  `json:"outputDropped,omitempty"`
	OutputError string `json:"outputError,omitempty"`
	// Alerted: an alert says how its command ended.
	Alerted bool `json:"alerted,omitempty"`
	// Tasks are the ids of the step's attempts, in order.
	Tasks     []string  `json:"tasks,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Cause is the input that made the step begin, EndedBy the one that
	// ended it. [71]
	Cause   string `json:"cause,omitempty"`
	EndedBy string `json:"endedBy,omitempty"`
}

// How is how the step ended, or would, and why. [94]
func (s StepRecord) How() string {
	text := "step " + s.ID + " ended as " + s.Status
	switch s.Status {
	case StepPlanned, StepMaybe, StepSkipped:
		text = "step " + s.ID + " is " + s.Status
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// The results of a run. [43]
const (
	ResultSucceeded = "succeeded"
	ResultFailed    = "failed"
	ResultTimedOut  = "timed_out"
	ResultRefused   = "refused"
	ResultDropped   = "dropped"
	ResultCancelled = "cancelled" // by a person
	ResultDryRun    = "dry-run"
)
