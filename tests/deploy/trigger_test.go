package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/tests/localcloud/eventbridge"
)

// checkTriggers: every trigger has the keys that Function Compute requires for
// its type, and triggers on events come last.
func checkTriggers(d *document, f *faults) {
	for _, fn := range d.functions {
		names, events := map[string]bool{}, false
		for _, t := range fn.triggers {
			name, kind, config := t.text("triggerName"), t.text("triggerType"), t.object("triggerConfig")
			f.check(name != "" && !names[name], "%s: a trigger's name is missing or there twice", fn.key)
			names[name] = true
			f.check(t.text("qualifier") == d.qualifier(), "%s: the trigger %s is not for %s", fn.key, name, d.qualifier())
			switch kind {
			case "eventbridge":
				events = true
				checkEventTrigger(fn.key, config, f)
			case "timer":
				f.check(!events, "%s: a trigger follows one of type eventbridge, and may not be deployed", fn.key)
				f.check(config.value("enable") == true, "%s: a timer is not enabled", fn.key)
				checkTimer(fn, config, f)
			default:
				f.check(false, "%s: a trigger of type %q is not expected", fn.key, kind)
			}
		}
	}
}

// checkEventTrigger: the trigger has the keys that its type requires, and the
// values for events of a cloud service.
func checkEventTrigger(key string, config object, f *faults) {
	f.check(config.value("triggerEnable") == true, "%s: triggerEnable is not true", key)
	f.check(config.value("asyncInvocationType") == false, "%s: asyncInvocationType is not false", key)
	pattern, isText := config.value("eventRuleFilterPattern").(string)
	f.check(isText && json.Valid([]byte(pattern)), "%s: eventRuleFilterPattern is not JSON in a text", key)
	source := config.object("eventSourceConfig")
	f.check(source.text("eventSourceType") == "Default", "%s: eventSourceType is not Default", key)
	f.check(source.object("eventSourceParameters") != nil, "%s: eventSourceParameters is missing", key)
	delivery := config.object("eventSinkConfig").object("deliveryOption")
	f.check(delivery.text("eventSchema") == "CloudEvents", "%s: eventSchema is not CloudEvents", key)
	run := config.object("runOptions")
	f.check(run.text("mode") == "event-driven", "%s: mode is not event-driven", key)
	f.check(run.text("errorsTolerance") == "ALL", "%s: an event that fails would block those behind it", key)
	f.check(run.object("retryStrategy").text("PushRetryStrategy") == "EXPONENTIAL_DECAY_RETRY",
		"%s: events are not tried again for a day", key)
	f.check(fromEnv.MatchString(run.object("deadLetterQueue").text("Arn")), "%s: there is no dead-letter queue of the account", key)
}

// checkTimer: the timer fires as often as wake-ups fall due, and one
// invocation ends before the next begins.
func checkTimer(fn function, config object, f *faults) {
	cron := config.text("cronExpression")
	period, err := time.ParseDuration(cron[min(len("@every "), len(cron)):])
	f.check(err == nil && period == decide.DefaultPolicy().Minute,
		"%s: the timer %q does not fire when wake-ups fall due, every %s", fn.key, cron, decide.DefaultPolicy().Minute)
	f.check(fn.props.number("timeout") < period.Seconds(), "%s: an invocation may last until after the next", fn.key)
	f.check(json.Valid([]byte(config.text("payload"))), "%s: the timer's payload is not JSON", fn.key)
}

// checkPatterns: each function's pattern matches the CloudEvents in the fixtures'
// folder with its name, and no others.
func checkPatterns(d *document, f *faults) {
	fixtures, err := filepath.Glob(root + "/tests/testdata/events/*/*.json")
	f.check(err == nil && len(fixtures) > 0, "there are no fixtures: %v", err)
	for _, fn := range d.functions {
		for _, t := range fn.ofType("eventbridge") {
			pattern, err := eventbridge.CompilePattern(t.object("triggerConfig").text("eventRuleFilterPattern"))
			if err != nil {
				f.check(false, "%s: its pattern is refused: %v", fn.key, err)
				continue
			}
			matched := 0
			for _, path := range fixtures {
				event, ok := cloudEvent(path)
				if !ok {
					continue
				}
				kind := filepath.Base(filepath.Dir(path))
				matches, err := pattern.Match(event)
				f.check(err == nil, "%s: %s: %v", fn.key, path, err)
				f.check(matches == (kind == fn.key), "%s: its pattern matches %s/%s: %t", fn.key, kind, filepath.Base(path), matches)
				if matches {
					matched++
				}
			}
			f.check(matched > 0, "%s: its pattern matches no fixture", fn.key)
		}
	}
	kinds, err := filepath.Glob(root + "/tests/testdata/events/*")
	f.check(err == nil, "list the fixtures: %v", err)
	for _, folder := range d.folders {
		has := slices.ContainsFunc(kinds, func(k string) bool { return filepath.Base(k) == folder })
		triggered := slices.ContainsFunc(d.functions, func(fn function) bool {
			return fn.key == folder && len(fn.ofType("eventbridge")) > 0
		})
		f.check(has == triggered, "%s: it has fixtures of events: %t, a trigger on events: %t", folder, has, triggered)
	}
}

// cloudEvent reads a fixture, and returns false unless it is a single event in
// EventBridge's form, where the types of ECS events begin with the product.
func cloudEvent(path string) ([]byte, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var e struct {
		SpecVersion string `json:"specversion"`
		Type        string `json:"type"`
	}
	return text, json.Unmarshal(text, &e) == nil && e.SpecVersion != "" && strings.HasPrefix(e.Type, "ecs:")
}
