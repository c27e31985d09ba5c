package routing

import (
	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Default is the name of the root.
const Default = "default"

// Route is a route, complete: what it inherits is filled in. Its JSON names and
// tags are the format of alerts.yaml, as package yamlfile reads it.
type Route struct {
	Name string `json:"name" doc:"the route's name, once in the file; groups are known by it, so a new name makes new groups" need:"name it, for example database" form:"identifier" example:"database"`
	// Match is what it takes; nil means everything. [3]
	Match *Match `json:"match,omitempty" doc:"which alerts the route takes; all of them if there is no such key" hint:"write severity, kind, flow, step, command, region, instance, tags or labels under it"`
	// OnlyNamed and Continue: see rules 4 and 2.
	OnlyNamed bool `json:"onlyNamed,omitempty" doc:"the route takes only alerts of flows whose step names it"`
	Continue  bool `json:"continue,omitempty" doc:"the routes after it are tried, too"`

	Channels []string `json:"channels,omitempty" doc:"the channels that its groups are sent to" form:"one-or-list" hint:"list names of channels" example:"ops"`
	Fallback []string `json:"fallback,omitempty" doc:"channels that get what another channel has not confirmed after 10 minutes; [] for none" form:"names" hint:"list names of channels" example:"pager"`
	// GroupBy are names that Value knows. [6]
	GroupBy []string `json:"groupBy,omitempty" doc:"what the alerts of a group have in common; [] puts all of the route's alerts into one" form:"group" hint:"list names such as kind, flow, command or tags.role" example:"flow"`
	// GroupWait and GroupInterval are 0 or more; a RepeatInterval of 0 means never.
	GroupWait      flow.Duration `json:"groupWait,omitempty" doc:"how long a new group waits for more before it is sent; a critical alert does not wait" range:"0s 1h" example:"30s"`
	GroupInterval  flow.Duration `json:"groupInterval,omitempty" doc:"how long a group waits after a message before it is sent with what is new" range:"1m 24h" example:"5m"`
	RepeatInterval flow.Duration `json:"repeatInterval,omitempty" doc:"after how long what is still open is sent again; 0s for never" range:"0s 720h" example:"24h"`
	// MuteTimes are names. [8]
	MuteTimes []string `json:"muteTimes,omitempty" doc:"the mute times during which nothing is sent; it is sent afterwards" form:"names" hint:"list names of mute times" example:"nights"`

	Routes []Route `json:"routes,omitempty" doc:"routes under it, which inherit what they do not say themselves" hint:"list routes"`
}

// Match is what an alert must be like. Each list holds alternatives. [3]
type Match struct {
	Severity []string            `json:"severity,omitempty" doc:"how urgent the alert is, one or a list" words:"severities" form:"one-or-list" example:"critical"`
	Kind     []string            `json:"kind,omitempty" doc:"what the alert is about, one or a list" words:"alerts" form:"one-or-list" example:"execution"`
	Flow     []string            `json:"flow,omitempty" doc:"the flow's name, one pattern or a list" form:"patterns" example:"restart-*"`
	Step     []string            `json:"step,omitempty" doc:"the id of the flow's step, one pattern or a list" form:"patterns" example:"verify"`
	Command  []string            `json:"command,omitempty" doc:"the command's name, one pattern or a list" form:"patterns" example:"backup-*"`
	Region   []string            `json:"region,omitempty" doc:"the instance's region, one pattern or a list" form:"patterns" example:"cn-*"`
	Instance []string            `json:"instance,omitempty" doc:"the instance's id, one pattern or a list" form:"patterns" example:"i-bp1*"`
	Tags     map[string][]string `json:"tags,omitempty" doc:"the instance's tags: for each one pattern or a list" hint:"write name: pattern"`
	Labels   map[string][]string `json:"labels,omitempty" doc:"the labels of the submitted task, each under its own name: for each one pattern or a list" hint:"write name: '*'"`
}

// Kinds are the kinds of alert that a match can name.
var Kinds = []decide.AlertKind{
	decide.AlertExecution, decide.AlertFlowStopped, decide.AlertOutcomeUnknown, decide.AlertTaskExpired, decide.AlertBootDeadline,
	decide.AlertTaskInvalid, decide.AlertTaskDenied, decide.AlertFlow, decide.AlertFlowFailed, decide.AlertFlowLimit, decide.AlertBreakerOpened, decide.AlertRepairs, decide.AlertGivenUp,
	decide.AlertQuarantine, decide.AlertDeadLetters, decide.AlertRefused, decide.AlertQuota, decide.AlertRight, decide.AlertSweepMissing, decide.AlertEventsSilent,
}

// GroupNames are the names of groupBy that need no name of a tag or label.
var GroupNames = []string{"severity", "kind", "flow", "step", "command", "region", "instance"}

// The beginnings of the other names of groupBy.
const (
	TagPrefix   = "tags."
	LabelPrefix = "labels."
)
