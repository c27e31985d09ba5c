package subscription

import (
	"cmp"
	"strings"
)

// The buses. Alibaba Cloud's services put their events on BusDefault, which takes no
// others.
const (
	BusDefault     = "default"
	BusSubmissions = "aftercare"
	BusDeadLetters = "aftercare-dead"
)

// Site is where a deployment is.
type Site struct {
	Region, Account string
	// DeadLetters is the resource name of what gets events that could not be
	// delivered; empty for the bus aftercare-dead, which has a rule.
	DeadLetters string
}

// Rule is one that Aftercare needs.
type Rule struct {
	Bus, Name string
	// Pattern says in JSON which events match.
	Pattern string
	// Function is what it invokes.
	Function string
	// Trigger: Function Compute makes it, of a trigger in s.yaml.
	Trigger bool
	// Last: nothing keeps what it cannot deliver, which are dead letters already.
	Last bool
}

// Rules returns the rules that a deployment needs. The patterns of those of triggers
// are in s.yaml, too.
func (s Site) Rules() []Rule {
	rules := []Rule{
		service("task-completed", "ecs:CloudAssistant:TaskCompleted"),
		service("first-heartbeat", "ecs:CloudAssistant:FirstHeartbeat"),
		service("instance-state", "ecs:Instance:StateChange"),
		{Bus: BusSubmissions, Name: "aftercare-submit-task-events", Pattern: `{"type":["` + typeSubmit + `"]}`, Function: "aftercare-submit-task"},
	}
	if s.toBus() {
		// Everything on this bus is a dead letter, whatever its form.
		rules = append(rules, Rule{Bus: BusDeadLetters, Name: "aftercare-dead-letters-events", Pattern: "{}", Function: "aftercare-dead-letters", Last: true})
	}
	return rules
}

// typeSubmit is the type of an event whose data is a submission.
const typeSubmit = "aftercare:Task:Submit"

// service is the rule that Function Compute makes of a function's trigger "ecs".
func service(function, kind string) Rule {
	return Rule{
		Bus: BusDefault, Name: "aftercare-" + function + "-ecs", Pattern: `{"source":["acs.ecs"],"type":["` + kind + `"]}`,
		Function: "aftercare-" + function, Trigger: true,
	}
}

// buses returns the buses that a deployment needs beside the default one.
func (s Site) buses() []string {
	if s.toBus() {
		return []string{BusSubmissions, BusDeadLetters}
	}
	return []string{BusSubmissions}
}

// toBus reports whether dead letters go to the bus.
func (s Site) toBus() bool { return s.DeadLetters == "" || s.DeadLetters == s.bus() }

// bus is the resource name of the bus for dead letters. Source of its form: the field
// comments of the vendor's SDK, eventbridge-20200401.
func (s Site) bus() string {
	return "acs:eventbridge:" + s.Region + ":" + s.Account + ":eventbus/" + BusDeadLetters
}

// DeadLetterARN is the resource name of what gets a site's dead letters, as s.yaml
// needs it.
func (s Site) DeadLetterARN() string { return cmp.Or(s.DeadLetters, s.bus()) }

// IsDeadLetters reports whether a text names what can get dead letters: a queue or
// topic of MNS, RocketMQ or Kafka, or a bus.
func IsDeadLetters(name string) bool {
	parts := strings.SplitN(name, ":", 5)
	if len(parts) < 5 || parts[0] != "acs" || parts[2] == "" || parts[3] == "" {
		return false
	}
	switch parts[1] {
	case "mns", "mq", "alikafka", "eventbridge":
		return strings.Contains(strings.Trim(parts[4], "/"), "/")
	}
	return false
}
