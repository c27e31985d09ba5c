package flow

import (
	"time"

	"github.com/expr-lang/expr/types"
)

// The kinds of event that a flow can be for, as they stand after `on`.
const (
	TaskCompleted  = "task-completed"
	FirstHeartbeat = "first-heartbeat"
)

// Event is what expressions see as `event`. Which fields an expression may
// name depends on the kind of event that its flow is for; the names are those
// of Cloud Assistant's events, for example event.instanceId.
//
// Times are text in expressions, RFC 3339 in UTC with whole seconds, so that
// they can be compared as they are and handed to a script; a time that is not
// told is the empty text.
type Event struct {
	// Kind is TaskCompleted or FirstHeartbeat.
	Kind string

	// Told by the delivery. Expressions: id, source, region, account, time.
	ID      string
	Source  string
	Region  string
	Account string
	Time    time.Time

	// InstanceID is the instance's id. Expressions: instanceId, and vmName for
	// heartbeats, which is the same.
	InstanceID string

	// Of TaskCompleted only. Expressions: invokeId, commandId, commandName,
	// invocationStatus, exitCode, errorCode, errorDesc, repeatMode, repeats,
	// startTime, finishTime, ownerUid, playerUid.
	InvokeID  string
	CommandID string
	// CommandName is the given name, without Aftercare's marker.
	CommandName      string
	InvocationStatus string
	// ExitCode is -1 if the event carries none.
	ExitCode int
	// ErrorCode is empty if there was no error.
	ErrorCode  string
	ErrorDesc  string
	RepeatMode string
	Repeats    int
	StartTime  time.Time
	FinishTime time.Time
	OwnerUID   string
	PlayerUID  string

	// Of FirstHeartbeat only. Expressions: bizEventId, agentVersion, azone,
	// dataRegion, uptime, extensions.
	BizEventID   string
	AgentVersion string
	Zone         string
	// DataRegion is the region that the event's data names.
	DataRegion string
	// Uptime is the time since the operating system started in milliseconds,
	// -1 if it is not told.
	Uptime int
	// Extensions is the additional information as JSON text, empty if there is
	// none.
	Extensions string
}

// kinds is a set of kinds of event.
type kinds uint8

const (
	ofTask kinds = 1 << iota
	ofHeartbeat

	ofAny = ofTask | ofHeartbeat
)

// kindNames lists the names of a set's kinds.
func kindNames(on kinds) []string {
	var names []string
	for _, name := range []string{TaskCompleted, FirstHeartbeat} {
		if on&kindOf(name) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// kindOf returns the set that holds the kind of that name; 0 if there is none.
func kindOf(name string) kinds {
	switch name {
	case TaskCompleted:
		return ofTask
	case FirstHeartbeat:
		return ofHeartbeat
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

	{"vmName", ofHeartbeat, func(e *Event) any { return e.InstanceID }},
	{"bizEventId", ofHeartbeat, func(e *Event) any { return e.BizEventID }},
	{"agentVersion", ofHeartbeat, func(e *Event) any { return e.AgentVersion }},
	{"azone", ofHeartbeat, func(e *Event) any { return e.Zone }},
	{"dataRegion", ofHeartbeat, func(e *Event) any { return e.DataRegion }},
	{"uptime", ofHeartbeat, func(e *Event) any { return e.Uptime }},
	{"extensions", ofHeartbeat, func(e *Event) any { return e.Extensions }},
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

// fieldTypes is what the type checker knows about `event` in a flow on these
// kinds.
func fieldTypes(on kinds) types.Map {
	known := types.Map{}
	for _, f := range fields {
		if f.on&on == on {
			known[f.name] = types.TypeOf(f.value(&Event{}))
		}
	}
	return types.Map{"event": known}
}

// environment is what an expression is run with.
func environment(e *Event) map[string]any {
	on := kindOf(e.Kind)
	values := make(map[string]any, len(fields))
	for _, f := range fields {
		if f.on&on == on {
			values[f.name] = f.value(e)
		}
	}
	return map[string]any{"event": values}
}
