package flow

import (
	"slices"
	"time"
)

// The kinds of event that a flow can be for, as they stand after `on`.
const (
	TaskCompleted  = "task-completed"
	FirstHeartbeat = "first-heartbeat"
	Manual         = "manual"
)

// allKinds are these, in the order of their bits in a set of kinds.
var allKinds = []string{TaskCompleted, FirstHeartbeat, Manual}

// Event is what expressions see as `event`. Which fields an expression may
// name depends on the kind of event that its flow is for; the names are those
// of Cloud Assistant's events, for example event.instanceId.
//
// Times are text in expressions, RFC 3339 in UTC with whole seconds, so that
// they can be compared as they are and handed to a script; an unknown time is
// the empty text.
type Event struct {
	// Kind is TaskCompleted, FirstHeartbeat or Manual.
	Kind string `json:"kind" need:"write task-completed, first-heartbeat or manual" words:"kinds"`

	// From the delivery. Expressions: id, source, region, account, time.
	ID      string    `json:"id,omitempty"`
	Source  string    `json:"source,omitempty"`
	Region  string    `json:"region,omitempty"`
	Account string    `json:"account,omitempty"`
	Time    time.Time `json:"time,omitzero"`

	// InstanceID is the instance's id. Expressions: instanceId, and vmName for
	// heartbeats, which is the same.
	InstanceID string `json:"instanceId,omitempty"`

	// Of TaskCompleted only. Expressions: invokeId, commandId, commandName,
	// invocationStatus, exitCode, errorCode, errorDesc, repeatMode, repeats,
	// startTime, finishTime, ownerUid, playerUid.
	InvokeID  string `json:"invokeId,omitempty"`
	CommandID string `json:"commandId,omitempty"`
	// CommandName is the given name, without Aftercare's marker.
	CommandName      string `json:"commandName,omitempty"`
	InvocationStatus string `json:"invocationStatus,omitempty" words:"statuses"`
	// ExitCode is -1 if the event carries none.
	ExitCode int `json:"exitCode"`
	// ErrorCode is empty if there was no error.
	ErrorCode  string    `json:"errorCode,omitempty"`
	ErrorDesc  string    `json:"errorDesc,omitempty"`
	RepeatMode string    `json:"repeatMode,omitempty"`
	Repeats    int       `json:"repeats"`
	StartTime  time.Time `json:"startTime,omitzero"`
	FinishTime time.Time `json:"finishTime,omitzero"`
	OwnerUID   string    `json:"ownerUid,omitempty"`
	PlayerUID  string    `json:"playerUid,omitempty"`
	// FailedBefore is how many ends in a row of this command on this instance
	// were bad before this one. Expression: failedBefore. [18]
	FailedBefore int `json:"failedBefore,omitempty"`
	// Requeued: Aftercare itself, or the flow that sent it, tries the command
	// again. Expression: requeued.
	Requeued bool `json:"requeued,omitempty"`

	// Of FirstHeartbeat only. Expressions: bizEventId, agentVersion, azone,
	// dataRegion, uptime, extensions.
	BizEventID   string `json:"bizEventId,omitempty"`
	AgentVersion string `json:"agentVersion,omitempty"`
	Zone         string `json:"azone,omitempty"`
	// DataRegion is the region that the event's data names.
	DataRegion string `json:"dataRegion,omitempty"`
	// Uptime is the time since the operating system started in milliseconds,
	// -1 if unknown.
	Uptime int `json:"uptime"`
	// Extensions is the additional information as JSON text, empty if there is
	// none.
	Extensions string `json:"extensions,omitempty"`

	// Of Manual only. By says who starts the flow, in that person's own words, Reason
	// why. Expressions: by, reason.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Flow is the one to start; without it, the event is for all flows on its kind.
	Flow string `json:"flow,omitempty"`
	// Inputs are those that were given. Expressions read them as inputs. [49]
	Inputs map[string]string `json:"inputs,omitempty"`
}

// kinds is a set of kinds of event.
type kinds uint8

const (
	ofTask kinds = 1 << iota
	ofHeartbeat
	ofManual

	ofAny = ofTask | ofHeartbeat | ofManual
)

// kindNames lists the names of a set's kinds.
func kindNames(on kinds) []string {
	var names []string
	for _, name := range allKinds {
		if on&kindOf(name) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// kindOf returns the set that holds the kind of that name; 0 for an unknown name.
func kindOf(name string) kinds {
	if i := slices.Index(allKinds, name); i >= 0 {
		return 1 << i
	}
	return 0
}

// field is one field of `event` as expressions see it.
type field struct {
	name string
	on   kinds
	// value returns a string or an int.
	value func(*Event) any
}

var fields = []field{
	{"kind", ofAny, func(e *Event) any { return e.Kind }},
	{"id", ofAny, func(e *Event) any { return e.ID }},
	{"source", ofAny, func(e *Event) any { return e.Source }},
	{"region", ofAny, func(e *Event) any { return e.Region }},
	{"account", ofAny, func(e *Event) any { return e.Account }},
	{"time", ofAny, func(e *Event) any { return timeText(e.Time) }},
	{"instanceId", ofAny, func(e *Event) any { return e.InstanceID }},

	{"invokeId", ofTask, func(e *Event) any { return e.InvokeID }},
	{"commandId", ofTask, func(e *Event) any { return e.CommandID }},
	{"commandName", ofTask, func(e *Event) any { return e.CommandName }},
	{"invocationStatus", ofTask, func(e *Event) any { return e.InvocationStatus }},
	{"exitCode", ofTask, func(e *Event) any { return e.ExitCode }},
	{"errorCode", ofTask, func(e *Event) any { return e.ErrorCode }},
	{"errorDesc", ofTask, func(e *Event) any { return e.ErrorDesc }},
	{"repeatMode", ofTask, func(e *Event) any { return e.RepeatMode }},
	{"repeats", ofTask, func(e *Event) any { return e.Repeats }},
	{"startTime", ofTask, func(e *Event) any { return timeText(e.StartTime) }},
	{"finishTime", ofTask, func(e *Event) any { return timeText(e.FinishTime) }},
	{"ownerUid", ofTask, func(e *Event) any { return e.OwnerUID }},
	{"playerUid", ofTask, func(e *Event) any { return e.PlayerUID }},
	{"failedBefore", ofTask, func(e *Event) any { return e.FailedBefore }},
	{"requeued", ofTask, func(e *Event) any { return e.Requeued }},

	{"vmName", ofHeartbeat, func(e *Event) any { return e.InstanceID }},
	{"bizEventId", ofHeartbeat, func(e *Event) any { return e.BizEventID }},
	{"agentVersion", ofHeartbeat, func(e *Event) any { return e.AgentVersion }},
	{"azone", ofHeartbeat, func(e *Event) any { return e.Zone }},
	{"dataRegion", ofHeartbeat, func(e *Event) any { return e.DataRegion }},
	{"uptime", ofHeartbeat, func(e *Event) any { return e.Uptime }},
	{"extensions", ofHeartbeat, func(e *Event) any { return e.Extensions }},

	{"by", ofManual, func(e *Event) any { return e.By }},
	{"reason", ofManual, func(e *Event) any { return e.Reason }},
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// fieldNames lists the fields that an expression of a flow on these kinds may
// name: those that every one of the kinds has.
func fieldNames(on kinds) []string {
	var names []string
	for _, f := range fields {
		if f.on&on == on {
			names = append(names, f.name)
		}
	}
	return names
}
