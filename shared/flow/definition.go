package flow

import (
	"aftercare/shared/command"
	"aftercare/shared/timetable"
)

// Definition is one flow of the file, complete: the file's defaults are
// filled in. A run stores it and keeps to it. Numbers in brackets are rules of
// the package comment.
//
// The types of a flow are also the format of the file: their JSON names are its
// keys, their tag doc says what a field means, and package yamlfile what the other
// tags mean.
type Definition struct {
	Name string   `json:"name" doc:"the flow's name, once in the file" need:"name it, for example collect-logs" form:"identifier" example:"collect-logs"`
	On   []string `json:"on" doc:"the kinds of event that the flow is for, one or a list" need:"say for which event it is, task-completed, first-heartbeat, manual or schedule" words:"kinds" form:"one-or-list" example:"task-completed"`
	// Instances are those that the flow is for; nil means all. [44]
	Instances    *Instances          `json:"instances,omitempty" doc:"the instances that the flow is for; all if there is no such key" hint:"write tags, os or name under it"`
	When         string              `json:"when,omitempty" doc:"an expression over event, instance and run, without which every event starts the flow" form:"condition" hint:"write an expression, in quotes if need be" example:"event.commandName == \"install-agent\" && event.exitCode != 0"`
	Inputs       map[string]Input    `json:"inputs,omitempty" doc:"what people can say when they start the flow by hand, by name; expressions read it as inputs.<name>" hint:"write the name of an input: and its keys under it"`
	CaptureEvent bool                `json:"captureEvent,omitempty" doc:"fetches what the command of the event printed, for event.output, once all that does not read it holds; only on task-completed"`
	Schedule     *timetable.Schedule `json:"schedule,omitempty" doc:"when a clock starts the flow, on the instances of the key instances" hint:"write cron and timeZone under it"`
	Mode         string              `json:"mode" doc:"dry-run records what the flow would do, and does nothing" words:"live dry-run" default:"live"`
	Timeout      Duration            `json:"timeout" doc:"how long a run may take from its first step on" range:"1m 336h" default:"24h"`
	WhenBusy     string              `json:"whenBusy" doc:"whether a run waits or is dropped while another run of the flow is under way on the instance" words:"queue drop" default:"queue"`
	AlertOnRetry bool                `json:"alertOnRetry,omitempty" doc:"whether a command that ended badly raises its alert although it is tried again; otherwise only the end of its last try does"`
	Runbook      string              `json:"runbook,omitempty" doc:"the address of a page that says what to do about alerts of the flow" form:"address" example:"https://wiki.example.com/agent" hint:"write an address such as https://wiki.example.com/agent"`
	// Windows are when runs may begin; nil means always. [53]
	Windows   *timetable.Windows `json:"windows,omitempty" doc:"the times at which runs may begin" hint:"write timeZone and open under it"`
	Limits    Limits             `json:"limits" doc:"how often the flow may run" hint:"write perInstance or fleet under it"`
	Steps     []Step             `json:"steps" doc:"what to do, in order" need:"list at least one step"`
	OnFailure []Step             `json:"onFailure,omitempty" doc:"steps that run when the run has failed or timed out" hint:"list steps"`
	Finally   []Step             `json:"finally,omitempty" doc:"steps that run at the end, however the run ended" hint:"list steps"`
}

// Instances narrow a flow to some instances: those that have all of it. Of
// several patterns for a value, one must fit. [44]
type Instances struct {
	Tags map[string][]string `json:"tags,omitempty" doc:"tags that the instance must have: for each one pattern or a list, in which * is any text and ? one character" form:"patterns" hint:"write the tag's name and what it must be, such as role: web"`
	OS   string              `json:"os,omitempty" doc:"the instance's operating system" words:"systems" example:"linux"`
	Name []string            `json:"name,omitempty" doc:"the instance's name: one pattern or a list" form:"patterns" hint:"write a pattern such as web-*" example:"web-*"`
}

// The values of Mode and WhenBusy.
const (
	ModeLive   = "live"
	ModeDryRun = "dry-run"
	BusyQueue  = "queue"
	BusyDrop   = "drop"
)

// Input is what people can say when they start a flow by hand. [49]
type Input struct {
	Doc  string `json:"doc,omitempty" doc:"what it is for, in words for people" example:"the directory to clean"`
	Type string `json:"type" doc:"what its values are" words:"text number boolean" default:"text"`
	// Default is nil if a value must be given.
	Default *string `json:"default,omitempty" doc:"its value when none is given; without it, one must be given" form:"scalar" hint:"write a text, a number, true or false" example:"/var/log"`
	Pattern string  `json:"pattern,omitempty" doc:"a regular expression that a whole text must match" form:"regexp" hint:"write a regular expression, in quotes" example:"/[a-z/]+"`
}

// What bounds the runs of flows.
const (
	// MaxDepth is how many flows may follow from one another. [50]
	MaxDepth = 10
	// MaxWaiting is how many runs of one flow may wait on an instance. [52]
	MaxWaiting = 20
	// MaxStarts is how many flows one event starts. [58]
	MaxStarts = 30
)

// Step is one step of a flow. Exactly one of Run, Invoke, Alert, Wait and
// Stop is set.
type Step struct {
	ID       string          `json:"id" doc:"the step's id, once in the flow" need:"name it, for example collect" form:"identifier" example:"collect"`
	When     string          `json:"when,omitempty" doc:"an expression over event, instance, run and the steps before; the step is skipped when it is false" form:"condition" hint:"write an expression, in quotes if need be" example:"steps.check.exitCode == 1"`
	Run      *command.Run    `json:"run,omitempty" doc:"runs a command with this content" hint:"write type and content under it"`
	Invoke   *command.Invoke `json:"invoke,omitempty" doc:"runs a command that is saved in Cloud Assistant" hint:"write commandId under it"`
	Alert    string          `json:"alert,omitempty" doc:"raises an alert with this text, in which ${{ }} enclose expressions" form:"template" example:"the agent of ${{ event.instanceId }} could not be installed"`
	Severity string          `json:"severity,omitempty" doc:"how urgent the alert is" words:"critical error warning info" example:"critical"`
	Route    string          `json:"route,omitempty" doc:"the route of alerts.yaml that takes the alert" form:"identifier" hint:"write the name of a route of alerts.yaml" example:"database"`
	Runbook  string          `json:"runbook,omitempty" doc:"the address of a page that says what to do about the alert; without it, the flow's" form:"address" example:"https://wiki.example.com/agent" hint:"write an address such as https://wiki.example.com/agent"`
	Wait     string          `json:"wait,omitempty" doc:"holds the run for a duration, 1s to 336h, or with next-boot until the instance has booted" form:"wait" range:"1s 336h" example:"5m"`
	Stop     string          `json:"stop,omitempty" doc:"ends the run with this result" words:"succeeded failed"`
	Retry    *Retry          `json:"retry,omitempty" doc:"when the command is tried again" hint:"write max under it"`
	// Timeout is 0 for as long as the run. [61]
	Timeout   Duration `json:"timeout,omitempty" doc:"how long the step may take with all its attempts" range:"10s 336h"`
	OnFailure string   `json:"onFailure,omitempty" doc:"what follows when the step did not succeed: stop, continue or the id of a later step" form:"jump" example:"continue" hint:"write stop, continue or the id of a later step"`
	Capture   bool     `json:"capture,omitempty" doc:"fetches what the command printed, for steps.<id>.output"`
}

// The values of Wait and OnFailure, beside durations and ids.
const (
	WaitNextBoot    = "next-boot"
	FailureStop     = "stop"
	FailureContinue = "continue"
)

// Retry says when a command is tried again. [30]
type Retry struct {
	Max        int      `json:"max" doc:"how many attempts may follow the first" zero:"write on: [] if it must not be tried again" range:"1 10" default:"2"`
	On         []string `json:"on" doc:"the statuses and error codes after which the command is tried again" form:"ends" hint:"write them in brackets, for example [Failed, Timeout]" default:"ClientIsUpgrading ClientNotOnline ClientNotRunning DeliveryTimeout InstanceNotRunning TaskConcurrencyLimit"`
	Backoff    Duration `json:"backoff" doc:"the longest delay before the first retry" range:"1s 24h" default:"10s"`
	Factor     float64  `json:"factor" doc:"what the delay is multiplied by for each further retry" range:"1 10" default:"2"`
	MaxBackoff Duration `json:"maxBackoff" doc:"the longest delay before any retry" range:"1s 24h" default:"5m"`
}

// Limits bound how often a flow runs.
type Limits struct {
	PerInstance InstanceLimit `json:"perInstance" doc:"how many runs may begin on one instance within a time" hint:"write max and window under it"`
	Fleet       *FleetLimit   `json:"fleet,omitempty" doc:"the breaker: after so many failures on any instances, no run begins for a time" hint:"write maxFailures, window and resumeAfter under it"`
}

// InstanceLimit allows Max runs of the flow on one instance within any Window. [54]
type InstanceLimit struct {
	Max    int      `json:"max" doc:"how many runs may begin" need:"write how many runs may begin" range:"1 1000" example:"30"`
	Window Duration `json:"window" doc:"the time within which they count" need:"write the time within which they count, for example 1h" range:"1m 336h" example:"1h"`
}

// FleetLimit is a breaker: after MaxFailures failed runs within Window, on any
// instances, the flow starts no run for ResumeAfter. [55]
type FleetLimit struct {
	MaxFailures int      `json:"maxFailures" doc:"how many runs may fail or time out" need:"write how many runs may fail" range:"1 1000" example:"5"`
	Window      Duration `json:"window" doc:"the time within which they count" need:"write the time within which they count, for example 10m" range:"1m 24h" example:"10m"`
	ResumeAfter Duration `json:"resumeAfter" doc:"how long no run begins after that" need:"write how long no run begins after that, for example 1h" range:"1m 336h" example:"1h"`
}

// Duration is a duration as a flow writes it.
type Duration = command.Duration

// Step kinds, as records name them.
const (
	KindRun    = "run"
	KindInvoke = "invoke"
	KindAlert  = "alert"
	KindWait   = "wait"
	KindStop   = "stop"
)

// Kind returns which of its parts the step has.
func (s Step) Kind() string {
	switch {
	case s.Run != nil:
		return KindRun
	case s.Invoke != nil:
		return KindInvoke
	case s.Alert != "":
		return KindAlert
	case s.Wait != "":
		return KindWait
	}
	return KindStop
}
