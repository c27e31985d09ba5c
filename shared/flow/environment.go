package flow

import (
	"slices"
	"strings"
	"time"
)

// roots are the names that an expression begins with.
var roots = []string{"event", "instance", "run", "inputs", "steps"}

// Instance is what expressions see as `instance`. [13]
type Instance struct {
	ID       string    `json:"id" doc:"the instance's id"`
	State    string    `json:"state" doc:"whether it has booted, as far as Aftercare knows" words:"states"`
	BootSeq  int64     `json:"bootSeq" doc:"how many of its boots Aftercare has seen"`
	BootTime time.Time `json:"bootTime,omitzero" doc:"when the last of them began"`
	// The texts that follow are empty if they are not known.
	AgentVersion string            `json:"agentVersion,omitempty" doc:"the version of its agent"`
	OS           string            `json:"os,omitempty" doc:"its system" words:"systems"`
	Name         string            `json:"name,omitempty" doc:"its name"`
	Tags         map[string]string `json:"tags,omitempty" doc:"its tags, as in instance.tags[\"role\"]"`
	Region       string            `json:"region,omitempty" doc:"its region"`
	Zone         string            `json:"zone,omitempty" doc:"its zone"`
	FailedRuns   int               `json:"failedRuns" doc:"how many runs of flows failed or timed out on it within 24 hours"`
}

// FailureMemory is how long a failed run counts in instance.failedRuns.
const FailureMemory = 24 * time.Hour

// States are the values of instance.state.
var States = []string{"unknown", "waiting", "bootable"}

// Systems are the values of instance.os.
var Systems = []string{"linux", "windows"}

func (i Instance) values() map[string]any {
	tags := make(map[string]any, len(i.Tags))
	for key, value := range i.Tags {
		tags[key] = value
	}
	return map[string]any{
		"id": i.ID, "state": i.State, "bootSeq": int(i.BootSeq), "bootTime": timeText(i.BootTime),
		"agentVersion": known(i.AgentVersion), "os": known(i.OS), "name": known(i.Name), "tags": tags,
		"region": known(i.Region), "zone": known(i.Zone), "failedRuns": i.FailedRuns,
	}
}

// known is nil for what is not known.
func known(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// sampleInstance is an instance's values, as far as their types count.
func sampleInstance() map[string]any {
	values := Instance{}.values()
	for name, v := range values {
		if v == nil {
			values[name] = ""
		}
	}
	values["tags"] = map[string]string{}
	return values
}

// about is what expressions see as `run`. [14]
type about struct {
	depth, attempt int
	startedAt      time.Time
}

func (a about) values() map[string]any {
	return map[string]any{"depth": a.depth, "attempt": a.attempt, "startedAt": timeText(a.startedAt)}
}

// values is what expressions see of a step. [15]
func (r StepRecord) values() map[string]any {
	code := -1
	if r.ExitCode != nil {
		code = int(*r.ExitCode)
	}
	return map[string]any{
		"status": r.Status, "exitCode": code, "errorCode": r.ErrorCode, "output": printed(r.Output), "attempts": r.Attempts,
	}
}

// printed is what a command printed, as expressions see it: without the newlines
// that end it, as $( ) gives it in a shell. [15]
func printed(output string) string { return strings.TrimRight(output, "\r\n") }

// eventValues is what expressions see of an event.
func eventValues(e *Event) map[string]any {
	values := make(map[string]any, len(fields))
	for _, f := range fields {
		if slices.Contains(f.on, e.Kind) {
			values[f.name] = f.value(e)
		}
	}
	return values
}

// environment is what a flow's when sees.
func environment(e *Event, i Instance, a about) map[string]any {
	return map[string]any{"event": eventValues(e), "instance": i.values(), "run": a.values()}
}
