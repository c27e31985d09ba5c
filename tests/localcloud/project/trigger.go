package project

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// triggers reads a function's enabled triggers.
func (r *reader) triggers(p *Project, props *node, f *Function) {
	list := r.shaped(props, "triggers", sequence)
	if list == nil {
		return
	}
	names := map[string]bool{}
	for _, item := range list.items {
		n := r.resolve(item)
		if n.kind != mapping {
			if n.kind == broken {
				continue
			}
			r.mistake(n.at, "a trigger must be an object, not %s", n.describe())
			continue
		}
		name := r.required(n, "triggerName")
		if names[name] && name != "" {
			r.mistake(n.at, "the trigger %s is declared twice", name)
		}
		names[name] = true
		kind := r.required(n, "triggerType")
		config := r.object(n, "triggerConfig")
		if config == nil {
			config = &node{at: n.at, kind: mapping}
		}
		leaveOut := func(format string, args ...any) {
			p.LeftOut = append(p.LeftOut, "trigger "+name+" of "+f.Resource+": "+fmt.Sprintf(format, args...))
		}
		switch kind {
		case "timer":
			r.timer(f, name, r.text(n, "qualifier"), config)
		case "eventbridge":
			source := r.object(config, "eventSourceConfig")
			if kind := r.text(source, "eventSourceType"); kind != "" && kind != "Default" {
				leaveOut("event source %q is not imitated, only Default is", kind)
				continue
			}
			if e := r.event(name, r.text(n, "qualifier"), config); !e.Disabled {
				f.Events = append(f.Events, e)
			}
		default:
			leaveOut("type %q is not imitated, only timer and eventbridge are", kind)
		}
	}
}

func (r *reader) timer(f *Function, name, qualifier string, config *node) {
	t := Timer{Name: name, Cron: r.required(config, "cronExpression"), Payload: r.text(config, "payload"), Qualifier: qualifier}
	if r.flag(config, "enable", true) {
		f.Timers = append(f.Timers, t)
	}
}

// ParseEvent reads the configuration of an event trigger, as JSON. Its errors are
// those of Parse.
func ParseEvent(name, qualifier, config string) (EventTrigger, error) {
	r := &reader{file: "triggerConfig", lookup: func(string) (string, bool) { return "", false }, missing: map[string]bool{}}
	var e EventTrigger
	if r.root = r.parse(config); r.root != nil {
		if r.root.kind != mapping {
			r.mistake(r.root.at, "it must be an object, not %s", r.root.describe())
		}
		e = r.event(name, qualifier, r.root)
	}
	return e, r.err()
}

func (r *reader) event(name, qualifier string, config *node) EventTrigger {
	e := EventTrigger{
		Name: name, Qualifier: qualifier, Disabled: !r.flag(config, "triggerEnable", true),
		Pattern: r.required(config, "eventRuleFilterPattern"),
		Async:   r.flag(config, "asyncInvocationType", false),
	}
	if n := r.member(config, "eventRuleFilterPattern"); n != nil && !json.Valid([]byte(e.Pattern)) {
		r.mistake(n.at, "eventRuleFilterPattern must be a JSON object in a text")
	}
	delivery := r.object(r.object(config, "eventSinkConfig"), "deliveryOption")
	switch schema := r.text(delivery, "eventSchema"); schema {
	case "", "CloudEvents":
	case "RawData":
		e.DataOnly = true
	default:
		r.mistake(delivery.value["eventSchema"].at, "eventSchema must be CloudEvents or RawData, not %q", schema)
	}
	options := r.object(config, "runOptions")
	e.Retry = r.choice(r.object(options, "retryStrategy"), "PushRetryStrategy", "BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")
	e.Tolerance = r.choice(options, "errorsTolerance", "ALL", "NONE")
	queue := r.object(options, "deadLetterQueue")
	e.DeadLetters = cmp.Or(r.text(queue, "Arn"), r.text(queue, "arn"))
	return e
}

// choice reads a member that is one of two words, or missing. Its name may begin
// with a small letter, as in the API.
func (r *reader) choice(n *node, name, one, other string) string {
	if lower := strings.ToLower(name[:1]) + name[1:]; r.member(n, lower) != nil {
		name = lower
	}
	word := r.text(n, name)
	if word != "" && word != one && word != other {
		r.mistake(r.member(n, name).at, "%s must be %s or %s, not %q", name, one, other, word)
	}
	return word
}
