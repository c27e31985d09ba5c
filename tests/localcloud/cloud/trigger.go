package cloud

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"

	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/project"
)

// triggerRule returns the rule of an event trigger, named as Function Compute names
// it. The form of its target is not documented.
func (p plan) triggerRule(function string, e project.EventTrigger) eventbridge.RuleSpec {
	if p.opt.NoRunOptions {
		e.Retry, e.Tolerance, e.DeadLetters = "", "", ""
	}
	constant := func(key, value string) eventbridge.Param {
		return eventbridge.Param{ResourceKey: key, Form: eventbridge.Constant, Value: value}
	}
	kind, body := "Sync", eventbridge.Param{ResourceKey: "Body", Form: eventbridge.Original}
	if e.Async {
		kind = "Async"
	}
	if e.DataOnly {
		body.Form, body.Value = eventbridge.JSONPath, "$.data"
	}
	target := eventbridge.TargetSpec{
		ID: e.Name, Type: "acs.fc.function",
		Endpoint: "acs:fc:" + p.opt.Region + ":" + p.opt.Account + ":functions/" + function,
		ParamList: []eventbridge.Param{
			constant("functionName", function), constant("Qualifier", cmp.Or(e.Qualifier, "LATEST")),
			constant("InvocationType", kind), body, constant("DataFormat", "Object"),
		},
		PushRetryStrategy: cmp.Or(eventbridge.RetryStrategy(e.Retry), eventbridge.BackoffRetry),
		ErrorsTolerance:   cmp.Or(e.Tolerance, "ALL"),
	}
	if e.DeadLetters != "" {
		target.DeadLetterQueue = &eventbridge.DeadLetterQueue{Arn: e.DeadLetters}
	}
	rule := eventbridge.RuleSpec{
		Bus: eventbridge.DefaultBus, Name: ruleName(function, e.Name), Pattern: e.Pattern, Status: "ENABLE",
		Targets: []eventbridge.TargetSpec{target},
	}
	if e.Disabled {
		rule.Status = "DISABLE"
	}
	return rule
}

func ruleName(function, trigger string) string { return function + "-" + trigger }

// rules returns a rule for each event trigger of the project.
func (p plan) rules() []eventbridge.Rule {
	var out []eventbridge.Rule
	for _, f := range p.Functions {
		for _, e := range f.Events {
			r := p.triggerRule(f.Name, e)
			out = append(out, eventbridge.Rule{Name: r.Name, Pattern: r.Pattern, Targets: r.Targets})
		}
	}
	return out
}

// triggerConfig returns the configuration of a project's event trigger, as a
// deployment sends it.
func triggerConfig(e project.EventTrigger) string {
	type object map[string]any
	options, schema := object{"mode": "event-driven"}, "CloudEvents"
	if e.DataOnly {
		schema = "RawData"
	}
	if e.Tolerance != "" {
		options["errorsTolerance"] = e.Tolerance
	}
	if e.Retry != "" {
		options["retryStrategy"] = object{"pushRetryStrategy": e.Retry}
	}
	if e.DeadLetters != "" {
		options["deadLetterQueue"] = object{"arn": e.DeadLetters}
	}
	text, _ := json.Marshal(object{ // only texts and flags
		"triggerEnable": true, "asyncInvocationType": e.Async, "eventRuleFilterPattern": e.Pattern,
		"eventSourceConfig": object{"eventSourceType": "Default", "eventSourceParameters": object{}},
		"eventSinkConfig":   object{"deliveryOption": object{"eventSchema": schema}},
		"runOptions":        options,
	})
	return string(text)
}

// triggerRules makes the rules of event triggers that calls make.
type triggerRules struct {
	plan plan
	bus  *eventbridge.Server
}

func (t triggerRules) Put(function string, e functioncompute.EventTrigger, replace bool) error {
	parsed, err := project.ParseEvent(e.Name, e.Qualifier, e.Config)
	if err != nil {
		return err
	}
	err = t.bus.PutRule(t.plan.triggerRule(function, parsed), replace)
	var refused *eventbridge.Error
	if errors.As(err, &refused) && refused.Code == eventbridge.CodeRuleExists {
		return functioncompute.ErrRuleExists
	}
	return err
}

func (t triggerRules) Delete(function, trigger string) error {
	return t.bus.DeleteRule(eventbridge.DefaultBus, ruleName(function, trigger))
}

func (t triggerRules) To(function string, triggers []string) []string {
	var out []string
	for _, r := range t.bus.Rules() {
		own := r.Bus == eventbridge.DefaultBus && slices.ContainsFunc(triggers, func(name string) bool { return r.Name == ruleName(function, name) })
		if !own && slices.ContainsFunc(r.Targets, func(target eventbridge.TargetSpec) bool { name, _ := target.Function(); return name == function }) {
			out = append(out, r.Bus+"|"+r.Name)
		}
	}
	return out
}
