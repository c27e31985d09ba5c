package flow

import (
	"time"
)

// Statuses are what the status of an execution can be. Error is one that the
// service's events may bring although its pages leave it out.
var Statuses = []string{"Success", "Failed", "Timeout", "Aborted", "Invalid", "Cancelled", "Terminated", "Error"}

// What a step's status can be. [22]
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

// stepStatusOf is the step's status for an execution's.
var stepStatusOf = map[string]string{
	"Success": StepSucceeded, "Failed": StepFailed, "Timeout": StepTimedOut, "Aborted": StepAborted,
	"Invalid": StepInvalid, "Cancelled": StepCancelled, "Terminated": StepTerminated, "Error": StepFailed,
}

// StepStatus is the status of a step whose command ended with this status; one
// that is not known counts as a failure.
func StepStatus(invocationStatus string) string {
	if status, ok := stepStatusOf[invocationStatus]; ok {
		return status
	}
	return StepFailed
}

// StepStatuses lists them.
var StepStatuses = []string{
	StepSucceeded, StepFailed, StepTimedOut, StepAborted, StepInvalid, StepCancelled, StepTerminated, StepExpired, StepSkipped,
}

// StepRecord is what became of one step of a run. Status is empty while the
// step is under way.
type StepRecord struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Status string `json:"status,omitempty"`
	// Reason says why the step was skipped or how it ended.
	Reason   string `json:"reason,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	// MayHaveRunTwice: it was tried again after an end of which it is not sure
	// that the script had not run. [34]
	MayHaveRunTwice bool   `json:"mayHaveRunTwice,omitempty"`
	ExitCode        *int64 `json:"exitCode,omitempty"`
	ErrorCode       string `json:"errorCode,omitempty"`
	// Output is what the last attempt printed, if the step captures; it is
	// dropped when the run ends. OutputBytes stays. Dropped is what the service
	// cut off, and OutputError why there is no output. [25]
	Output      string `json:"output,omitempty"`
	OutputBytes int    `json:"outputBytes,omitempty"`
	Dropped     int64  `json:"outputDropped,omitempty"`
	OutputError string `json:"outputError,omitempty"`
	// Tasks are the ids of the step's attempts, in order.
	Tasks     []string  `json:"tasks,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Cause is the input that made the step begin, EndedBy the one that
	// ended it. [71]
	Cause   string `json:"cause,omitempty"`
	EndedBy string `json:"endedBy,omitempty"`
}

// The results of a run. [43]
const (
	ResultSucceeded = "succeeded"
	ResultFailed    = "failed"
	ResultTimedOut  = "timed_out"
	ResultRefused   = "refused"
	ResultDropped   = "dropped"
	ResultDryRun    = "dry-run"
)
