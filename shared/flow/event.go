package flow

import (
	"maps"
	"reflect"
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
// name depends on the kind of event that its flow is for, and stands in the tag on;
// the names are those of Cloud Assistant's events, for example event.instanceId.
//
// Times are text in expressions, RFC 3339 in UTC with whole seconds, so that
// they can be compared as they are and handed to a script; an unknown time is
// the empty text.
type Event struct {
	Kind string `json:"kind" on:"any" doc:"which kind of event it is" need:"write task-completed, first-heartbeat, manual or schedule" words:"kinds"`

	// From the delivery.
	ID      string    `json:"id,omitempty" on:"any" doc:"the event's id"`
	Source  string    `json:"source,omitempty" on:"any" doc:"the service that sent it"`
	Region  string    `json:"region,omitempty" on:"any" doc:"the region that it came from"`
	Account string    `json:"account,omitempty" on:"any" doc:"the account that it came from"`
	Time    time.Time `json:"time,omitzero" on:"any" doc:"when it was sent"`

	InstanceID string `json:"instanceId,omitempty" on:"any" doc:"the instance that it is about"`

	InvokeID  string `json:"invokeId,omitempty" on:"task-completed" doc:"the id of the invocation"`
	CommandID string `json:"commandId,omitempty" on:"task-completed" doc:"the id of the command"`
	// CommandName is the given name, without Aftercare's marker.
	CommandName      string    `json:"commandName,omitempty" on:"task-completed" doc:"the name that the command was given"`
	InvocationStatus string    `json:"invocationStatus,omitempty" on:"task-completed" doc:"how the command ended" words:"statuses"`
	ExitCode         int       `json:"exitCode" on:"task-completed" doc:"the script's exit code; -1 if no script ended"`
	ErrorCode        string    `json:"errorCode,omitempty" on:"task-completed" doc:"why the command did not run, or not to its end; empty if it did"`
	ErrorDesc        string    `json:"errorDesc,omitempty" on:"task-completed" doc:"the same in words"`
	RepeatMode       string    `json:"repeatMode,omitempty" on:"task-completed" doc:"how often the command is run: Once, or Period, NextRebootOnly, EveryReboot, Rate"`
	Repeats          int       `json:"repeats" on:"task-completed" doc:"which of its runs this is"`
	StartTime        time.Time `json:"startTime,omitzero" on:"task-completed" doc:"when the script began"`
	FinishTime       time.Time `json:"finishTime,omitzero" on:"task-completed" doc:"when it ended"`
	OwnerUID         string    `json:"ownerUid,omitempty" on:"task-completed" doc:"the account that the command belongs to"`
	PlayerUID        string    `json:"playerUid,omitempty" on:"task-completed" doc:"the user that sent it"`
	FailedBefore     int       `json:"failedBefore,omitempty" on:"task-completed" doc:"how many ends of this command in a row were bad before this one"`
	Requeued         bool      `json:"requeued,omitempty" on:"task-completed" doc:"whether Aftercare itself tries the command again"`

	// Output is what the command printed, if the flow captures it; a run that has
	// ended does not keep it. Captured: it was fetched, or cannot be, for the reason
	// OutputError. Expression: output. [45]
	Output      string `json:"output,omitempty" on:"task-completed" doc:"what the command printed, without the newlines that end it; only with captureEvent"`
	Captured    bool   `json:"-"`
	OutputError string `json:"-"`

	BizEventID   string `json:"bizEventId,omitempty" on:"first-heartbeat" doc:"the id of the boot's event"`
	AgentVersion string `json:"agentVersion,omitempty" on:"first-heartbeat" doc:"the version of the instance's agent"`
	Zone         string `json:"azone,omitempty" on:"first-heartbeat" doc:"the zone of the instance"`
	DataRegion   string `json:"dataRegion,omitempty" on:"first-heartbeat" doc:"the region that the event's data names"`
	Uptime       int    `json:"uptime" on:"first-heartbeat" doc:"milliseconds since the operating system started; -1 if unknown"`
	Extensions   string `json:"extensions,omitempty" on:"first-heartbeat" doc:"what else the event says, as JSON; empty if nothing"`

	// In that person's own words.
	By     string `json:"by,omitempty" on:"manual" doc:"who starts the flow"`
	Reason string `json:"reason,omitempty" on:"manual" doc:"why that person starts it"`
	// Flow is the one that a person or a clock starts; without it, the event is for
	// all flows on its kind.
	Flow string `json:"flow,omitempty" doc:"the flow that is started"`
	// Inputs are those that were given. Expressions read them as inputs. [49]
	Inputs map[string]string `json:"inputs,omitempty" doc:"what the flow is given, by the names of its inputs"`
}

// field is one field of `event` as expressions see it: one of Event with the tag on,
// which names the kinds of event that have it.
type field struct {
	name  string
	on    []string
	index int // in Event
}

var fields = eventFields()

func eventFields() (list []field) {
	event := reflect.TypeFor[Event]()
	for i := range event.NumField() {
		tag := event.Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		switch on := tag.Get("on"); on {
		case "":
		case "any":
			list = append(list, field{name, allKinds, i})
		default:
			list = append(list, field{name, []string{on}, i})
		}
	}
	instance, _ := event.FieldByName("InstanceID")
	return append(list, field{"vmName", []string{FirstHeartbeat}, instance.Index[0]})
}

// value returns a text, a number, true or false.
func (f field) value(e *Event) any {
	// Pointers, because Interface copies a value to the heap.
	switch v := reflect.ValueOf(e).Elem().Field(f.index).Addr().Interface().(type) {
	case *time.Time:
		return timeText(*v)
	case *string:
		if v == &e.Output {
			return printed(*v)
		}
		return *v
	case *int:
		return *v
	case *bool:
		return *v
	}
	panic("expressions know no such type: " + f.name)
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
			add(root, field, values[field], allKinds)
		}
	}
	names = append(names, Name{Name: "inputs.<name>", On: allKinds, Words: []string{InputText, InputNumber, InputBoolean}})
	step := sample["steps"].(map[string]any)["<id>"].(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(step)) {
		add("steps.<id>", field, step[field], allKinds)
	}
	return names
}
