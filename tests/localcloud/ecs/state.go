package ecs

import (
	"crypto/rand"
	"fmt"
	"time"
)

// The states of an invocation on one instance.
const (
	statusPending    = "Pending"
	statusScheduled  = "Scheduled"
	statusRunning    = "Running"
	statusStopping   = "Stopping"
	statusSuccess    = "Success"
	statusFailed     = "Failed"
	statusInvalid    = "Invalid"
	statusAborted    = "Aborted"
	statusTimeout    = "Timeout"
	statusCancelled  = "Cancelled"
	statusTerminated = "Terminated"
)

// The modes of an invocation.
const (
	modeOnce       = "Once"
	modePeriod     = "Period"
	modeNextReboot = "NextRebootOnly"
	modeEachReboot = "EveryReboot"
)

// command is a saved command, or that of a RunCommand call.
type command struct {
	ID              string
	Name            string
	Description     string
	Type            string
	Content         []byte
	Undecodable     bool // the content was said to be base64 and is not
	Timeout         int64
	WorkingDir      string
	EnableParameter bool
	Tags            []tag
	Kept            bool
}

// invocation is an accepted RunCommand or InvokeCommand call. Only its tasks
// change.
type invocation struct {
	Seq        uint64
	ID         string
	Command    command
	Parameters map[string]string
	RepeatMode string
	Frequency  string
	Timeout    int64 // seconds, as reported
	Limit      time.Duration
	WorkingDir string
	Username   string
	Mode       string // TerminationMode
	Tags       []tag
	Created    time.Time
	// Accepted and VisibleAt are by the machine's own clock.
	Accepted  time.Time
	VisibleAt time.Time
	Instances []string

	tasks []*task
	plan  schedule // of mode Period
}

// outcome is the state and result of one run of a task.
type outcome struct {
	No        int // counts the outcomes of a task, aborted ones too
	Status    string
	Repeats   int
	ExitCode  int64
	ErrorCode string
	ErrorInfo string
	Output    []byte
	Dropped   int
	Start     time.Time
	Finish    time.Time
	Stop      time.Time
}

// task is an invocation on one instance. The status of its outcome is its
// state.
type task struct {
	InvokeID   string
	InstanceID string
	outcome
	Updated time.Time
	// HeldFrom is the instance's number of boots when the task began to wait
	// for the next boot.
	HeldFrom int
	// Next is when a Period task runs next, by Options.Now.
	Next    time.Time
	History []outcome

	invocation *invocation
	due        time.Time // not picked up before then, by the machine's clock
	waits      int       // how often it became Pending
	script     *script   // while it runs
	why        string    // the ErrorCode of what ended the script from outside
}

func (t *task) ended() bool {
	switch t.Status {
	case statusPending, statusScheduled, statusRunning, statusStopping:
		return false
	}
	return true
}

// aggregate returns the state of an invocation over its instances.
func aggregate(tasks []*task) string {
	count := make(map[string]int)
	for _, t := range tasks {
		count[t.Status]++
	}
	for _, open := range []string{statusStopping, statusPending, statusRunning, statusScheduled} {
		if count[open] > 0 {
			return open
		}
	}
	stopped := count[statusCancelled] + count[statusTerminated]
	failed := len(tasks) - stopped - count[statusSuccess]
	switch {
	case stopped == len(tasks):
		return "Stopped"
	case failed == 0:
		return statusSuccess
	case count[statusSuccess] == 0:
		return statusFailed
	}
	return "PartialFailed"
}

// legacyStatus returns the older word for a state on one instance; there,
// Finished does not depend on the exit code.
func legacyStatus(status string, exit int64) string {
	switch status {
	case statusPending, statusRunning, statusScheduled:
		return "Running"
	case statusStopping:
		return "Stopping"
	case statusCancelled, statusTerminated:
		return "Stopped"
	case statusSuccess:
		return "Finished"
	case statusFailed:
		if exit != 0 {
			return "Finished"
		}
	}
	return "Failed"
}

// legacyAggregate returns the older word for an aggregate state.
func legacyAggregate(status string) string {
	switch status {
	case statusPending, statusRunning, statusScheduled:
		return "Running"
	case statusSuccess:
		return "Finished"
	}
	return status
}

// newID returns an id such as t-hz0 and 12 letters and digits.
func newID(prefix string) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	random := make([]byte, 12)
	rand.Read(random)
	for i := range random {
		random[i] = letters[int(random[i])%len(letters)]
	}
	return prefix + "hz0" + string(random)
}

// newUUID returns a random UUID in lower case.
func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// seconds writes a time as the answers of Cloud Assistant do; the zero time is
// empty.
func seconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
