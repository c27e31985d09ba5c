// Package event turns what EventBridge or CloudMonitor delivers into typed
// events. It is pure: it reads no clock, makes no call and knows no other
// package of Aftercare.
package event

import (
	"encoding/json"
	"time"
)

// Kind is an event type without the prefix "ecs:", which CloudMonitor leaves
// out.
type Kind string

// The kinds that Aftercare handles.
const (
	KindTaskCompleted  Kind = "CloudAssistant:TaskCompleted"
	KindFirstHeartbeat Kind = "CloudAssistant:FirstHeartbeat"
	KindStateChange    Kind = "Instance:StateChange"
)

// Envelope holds what a delivery says about an event, apart from the event's
// data. Here and in the typed events, what was not given is empty: "", the zero
// time, and nil for a number whose zero means something.
type Envelope struct {
	// Bare: the data came without an envelope.
	Bare bool
	// ID is the CloudEvent's id, or CloudMonitor's; empty if it has no id. In
	// typed events it is otherwise 1 to 128 printable
	// ASCII characters without space and slash.
	ID string
	// Source is the CloudEvent's source, "acs.ecs"; empty if it has no source.
	// It may hold any characters, at most 256 bytes, as may Kind, Account and
	// Region.
	Source string
	Kind   Kind
	// Account is the account that the envelope names. The owners in the data
	// do not count, because the service's pages contradict each other about
	// that field.
	Account string
	// Region is the envelope's region, or else the data's.
	Region string
	// Time is when the event happened, in UTC.
	Time time.Time
	// Trace is the CloudEvent's traceparent, if it has a valid one.
	// See https://www.w3.org/TR/trace-context/#traceparent-header-field-values
	Trace string `json:",omitempty"`
}

// Event is one of TaskCompleted, FirstHeartbeat, InstanceStateChange, Ignored
// and Malformed.
type Event interface{ event() }

func (TaskCompleted) event()       {}
func (FirstHeartbeat) event()      {}
func (InstanceStateChange) event() {}
func (Ignored) event()             {}
func (Malformed) event()           {}

// Ignored is a well-formed event that does not concern Aftercare.
type Ignored struct {
	Envelope
	// Reason says why, for a log line.
	Reason string
}

// Malformed is a payload, or an element of an array of events, that Aftercare
// cannot read. Delivering it again would not help.
type Malformed struct {
	// Reason says what is wrong and where, without quoting the payload.
	Reason string
	// Raw is the payload, or the element, as it came.
	Raw []byte
}

// Status is Cloud Assistant's word for how an execution ended. Words that are
// not listed here are kept as they came.
type Status string

// The final statuses of one execution on one instance.
const (
	StatusSuccess    Status = "Success"
	StatusFailed     Status = "Failed"
	StatusTimeout    Status = "Timeout"
	StatusAborted    Status = "Aborted"
	StatusInvalid    Status = "Invalid"
	StatusCancelled  Status = "Cancelled"
	StatusTerminated Status = "Terminated"
)

// Known reports whether s is one of the seven final statuses above.
func (s Status) Known() bool {
	switch s {
	case StatusSuccess, StatusFailed, StatusTimeout, StatusAborted,
		StatusInvalid, StatusCancelled, StatusTerminated:
		return true
	}
	return false
}

// Exit returns the exit code of a script, or nil if it has no exit code. The
// service also reports 0 for scripts that never started or were stopped, so 0
// counts only with success.
func (s Status) Exit(code *int64) *int64 {
	if code != nil && *code == 0 && s != StatusSuccess {
		return nil
	}
	return code
}

// TaskCompleted is the end of one execution of a command on one instance.
// Fields: https://www.alibabacloud.com/help/zh/ecs/user-guide/subscribe-to-cloud-assistant-events
// That page has ownerUid in its table and ownerId in its sample; Aftercare
// reads both.
type TaskCompleted struct {
	Envelope
	InstanceID  string
	InvokeID    string
	CommandID   string
	CommandName string
	Status      Status
	// ExitCode is the script's exit code; nil if the event has no readable one.
	ExitCode *int64
	// ErrorCode is empty if there was no error, which the service writes as
	// "0", as "" or by leaving the field out.
	ErrorCode  string
	ErrorDesc  string
	RepeatMode string
	// Repeats is how many times a scheduled command ran; 0 or 1 for others.
	Repeats    int64
	StartTime  time.Time // UTC
	FinishTime time.Time // UTC
	OwnerUID   string
	PlayerUID  string
}

// FirstHeartbeat is the first sign of life of the Cloud Assistant agent after
// an instance's operating system, or the agent, started.
// Shape: https://www.alibabacloud.com/help/en/cms/cloudmonitor-1-0/user-guide/configure-callbacks-for-system-event-triggered-alerts-recommended
// Not known: whether EventBridge's data has the same shape as CloudMonitor's,
// and what its fields impact and opsCode mean. They are not read.
type FirstHeartbeat struct {
	Envelope
	InstanceID   string // vmName
	BizEventID   string
	AgentVersion string
	Zone         string // azone
	// DataRegion is the region that the data names, which need not be the
	// envelope's.
	DataRegion string
	// Uptime is the time since the operating system started.
	Uptime *time.Duration
	// Extensions is the additional business information: a JSON object, even
	// if it came inside a string, or else the JSON value as it came; nil if
	// the field is missing.
	Extensions json.RawMessage
}
