package flow

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The kinds of event that a flow can be for, as they stand after `on`.
const (
	TaskCompleted  = "task-completed"
	FirstHeartbeat = "first-heartbeat"
	Manual         = "manual"
	Scheduled      = "schedule"
)

// allKinds are these.
var allKinds = []string{TaskCompleted, FirstHeartbeat, Manual, Scheduled}

// Event is what expressions see as `event`. Which fields an expression may
// name depends on the kind of event that its flow is for; the names are those
// of Cloud Assistant's events, for example event.instanceId.
//
// Times are text in expressions, RFC 3339 in UTC with whole seconds, so that
// they can be compared as they are and handed to a script; an unknown time is
// the empty text.
type Event struct {
	Kind string `json:"kind" doc:"which kind of event it is" need:"write task-completed, first-heartbeat, manual or schedule" words:"kinds"`

	// From the delivery.
	ID      string    `json:"id,omitempty" doc:"the event's id"`
	Source  string    `json:"source,omitempty" doc:"the service that sent it"`
	Region  string    `json:"region,omitempty" doc:"the region that it came from"`
	Account string    `json:"account,omitempty" doc:"the account that it came from"`
	Time    time.Time `json:"time,omitzero" doc:"when it was sent"`

	InstanceID string `json:"instanceId,omitempty" doc:"the instance that it is about"`

	// Of TaskCompleted only.
	InvokeID  string `json:"invokeId,omitempty" doc:"the id of the invocation"`
	CommandID string `json:"commandId,omitempty" doc:"the id of the command"`
	// CommandName is the given name, without Aftercare's marker.
	CommandName      string    `json:"commandName,omitempty" doc:"the name that the command was given"`
	InvocationStatus string    `json:"invocationStatus,omitempty" doc:"how the command ended" words:"statuses"`
	ExitCode         int       `json:"exitCode" doc:"the script's exit code; -1 if no script ended"`
	ErrorCode        string    `json:"errorCode,omitempty" doc:"why the command did not run, or not to its end; empty if it did"`
	ErrorDesc        string    `json:"errorDesc,omitempty" doc:"the same in words"`
	RepeatMode       string    `json:"repeatMode,omitempty" doc:"how often the command is run: Once, or Period, NextRebootOnly, EveryReboot, Rate"`
	Repeats          int       `json:"repeats" doc:"which of its runs this is"`
	StartTime        time.Time `json:"startTime,omitzero" doc:"when the script began"`
	FinishTime       time.Time `json:"finishTime,omitzero" doc:"when it ended"`
	OwnerUID         string    `json:"ownerUid,omitempty" doc:"the account that the command belongs to"`
	PlayerUID        string    `json:"playerUid,omitempty" doc:"the user that sent it"`
	FailedBefore     int       `json:"failedBefore,omitempty" doc:"how many ends of this command in a row were bad before this one"`
	Requeued         bool      `json:"requeued,omitempty" doc:"whether Aftercare itself tries the command again"`

	// Output is what the command printed, if the flow captures it; a run that has
	// ended does not keep it. Captured: it was fetched, or cannot be, for the reason
	// OutputError. Expression: output. [45]
	Output      string `json:"output,omitempty" doc:"what the command printed, without the newlines that end it; only with captureEvent"`
	Captured    bool   `json:"-"`
	OutputError string `json:"-"`

	// Of FirstHeartbeat only.
	BizEventID   string `json:"bizEventId,omitempty" doc:"the id of the boot's event"`
	AgentVersion string `json:"agentVersion,omitempty" doc:"the version of the instance's agent"`
	Zone         string `json:"azone,omitempty" doc:"the zone of the instance"`
	DataRegion   string `json:"dataRegion,omitempty" doc:"the region that the event's data names"`
	Uptime       int    `json:"uptime" doc:"milliseconds since the operating system started; -1 if unknown"`
	Extensions   string `json:"extensions,omitempty" doc:"what else the event says, as JSON; empty if nothing"`

	// Of Manual only, in that person's own words.
	By     string `json:"by,omitempty" doc:"who starts the flow"`
	Reason string `json:"reason,omitempty" doc:"why that person starts it"`
	// Flow is the one that a person or a clock starts; without it, the event is for
	// all flows on its kind.
	Flow string `json:"flow,omitempty" doc:"the flow that is started"`
	// Inputs are those that were given. Expressions read them as inputs. [49]
	Inputs map[string]string `json:"inputs,omitempty" doc:"what the flow is given, by the names of its inputs"`
}

// Kinds that have a field.
var (
	ofAny       = allKinds
	ofTask      = []string{TaskCompleted}
	ofHeartbeat = []string{FirstHeartbeat}
	ofManual    = []string{Manual}
)

// field is one field of `event` as expressions see it.
type field struct {
	name string
	on   []string // the kinds that have it
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
	{"output", ofTask, func(e *Event) any { return printed(e.Output) }},

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

// fieldsOf lists the fields that an expression of a flow on these kinds may name:
// those that every one of the kinds has.
func fieldsOf(on []string) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool {
		return slices.ContainsFunc(on, func(kind string) bool { return !slices.Contains(f.on, kind) })
	})
}

// Name is a value that expressions can read.
type Name struct {
	// Name is all of it, such as event.exitCode.
	Name string
	// Like is a value of its type.
	Like any
	// On are the kinds of event whose flows can read it.
	On []string
	// Words are all that it can be; nil if it can be anything.
	Words []string
}

// Names lists the values that expressions can read.
func Names() (names []Name) {
	add := func(root, field string, like any, on []string) {
		names = append(names, Name{root + "." + field, like, on, wordsOf(strings.ReplaceAll(root, ".", "\x00") + "\x00" + field)})
	}
	for _, f := range fields {
		add("event", f.name, f.value(&Event{}), f.on)
	}
	sample := Scope{Steps: []string{"<id>"}}.Sample()
	for _, root := range []string{"instance", "run"} {
		values := sample[root].(map[string]any)
		for _, field := range slices.Sorted(maps.Keys(values)) {
			add(root, field, values[field], ofAny)
		}
	}
	names = append(names, Name{Name: "inputs.<name>", On: allKinds, Words: []string{InputText, InputNumber, InputBoolean}})
	step := sample["steps"].(map[string]any)["<id>"].(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(step)) {
		add("steps.<id>", field, step[field], ofAny)
	}
	return names
}
