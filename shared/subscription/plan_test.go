package subscription_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/subscription"
)

var site = subscription.Site{Region: "cn-hangzhou", Account: "1234567890123456"}

const deadBus = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/aftercare-dead"

// target reads a target, in JSON, in which NAME stands for a function.
func target(t *testing.T, text, function string) subscription.Target {
	t.Helper()
	var out subscription.Target
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "NAME", function)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// byTrigger is a target that Function Compute made, as the service could show it.
const byTrigger = `{"Id":"f-1","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1234567890123456:functions/NAME","PushSelector":"",
"EventBusName":"default","RuleName":"x","DetailMap":{},"PushRetryStrategy":"","DeadLetterQueue":{"Arn":""},"ErrorsTolerance":"","New":{"Kept":[1]},
"ParamList":[{"ResourceKey":"functionName","Form":"CONSTANT","Value":"NAME","Template":""},{"ResourceKey":"InvocationType","Form":"CONSTANT","Value":"Async"},{"ResourceKey":"Body","Form":"ORIGINAL","Value":""},
{"ResourceKey":"IsBase64Encode","Form":"CONSTANT","Value":"false"}]}`

// afterTriggers is what the service shows after the first 's deploy'.
func afterTriggers(t *testing.T) subscription.State {
	bus := subscription.Bus{Rules: map[string]subscription.Found{"of-others": {Pattern: "{}", Status: "ENABLE"}}}
	for _, r := range site.Rules() {
		if r.Trigger {
			bus.Rules[r.Name] = subscription.Found{Pattern: r.Pattern, Status: "ENABLE", Description: "FC", Targets: []subscription.Target{target(t, byTrigger, r.Function)}}
		}
	}
	return subscription.State{"default": bus}
}

// done does the changes to a state, as the service does, and shows what it adds.
func done(t *testing.T, have subscription.State, changes []subscription.Change) {
	t.Helper()
	for _, c := range changes {
		bus, name := c.Query.Get("EventBusName"), c.Query.Get("RuleName")
		rule := have[bus].Rules[name]
		targets := map[string]subscription.Target{}
		for _, old := range rule.Targets {
			targets[old["Id"].(string)] = old
		}
		for _, parameter := range []string{"Targets", "EventTargets"} {
			var list []subscription.Target
			if text := c.Query.Get(parameter); text != "" && json.Unmarshal([]byte(text), &list) != nil {
				t.Fatalf("%s sends %s", c.What, text)
			}
			for _, put := range list {
				put["PushSelector"], put["DetailMap"] = "", map[string]any{}
				list, _ := put["ParamList"].([]any)
				put["ParamList"] = append(list, map[string]any{"ResourceKey": "IsBase64Encode", "Form": "CONSTANT", "Value": "false"})
				targets[put["Id"].(string)] = put
			}
		}
		rule.Targets = slices.Collect(maps.Values(targets))
		switch c.Action {
		case "CreateEventBus":
			have[bus] = subscription.Bus{Description: c.Query.Get("Description"), Rules: map[string]subscription.Found{}}
			continue
		case "DeleteRule":
			delete(have[bus].Rules, name)
			continue
		case "DeleteEventBus":
			delete(have, bus)
			continue
		case "CreateRule", "UpdateRule":
			rule.Pattern, rule.Status, rule.Description = c.Query.Get("FilterPattern"), c.Query.Get("Status"), c.Query.Get("Description")
		case "EnableRule":
			rule.Status = "ENABLE"
		case "PutTargets":
		default:
			t.Fatalf("%s calls %s", c.What, c.Action)
		}
		have[bus].Rules[name] = rule
	}
}

func words(changes []subscription.Change) string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.Action+" "+c.What)
	}
	return strings.Join(lines, "\n")
}

const settings = "PushRetryStrategy is EXPONENTIAL_DECAY_RETRY (was not set), DeadLetterQueue is " + deadBus + " (was not set), ErrorsTolerance is ALL (was not set)"

const firstChanges = `CreateEventBus bus aftercare: new
CreateEventBus bus aftercare-dead: new
PutTargets rule aftercare-task-completed-ecs: ` + settings + `
PutTargets rule aftercare-first-heartbeat-ecs: ` + settings + `
PutTargets rule aftercare-instance-state-ecs: ` + settings + `
CreateRule rule aftercare-submit-task-events: new, invokes aftercare-submit-task, in the form of aftercare-task-completed-ecs
CreateRule rule aftercare-dead-letters-events: new, invokes aftercare-dead-letters, in the form of aftercare-task-completed-ecs`

// TestTheFirstPlanCompletesTheTriggersRules also puts back what is not Aftercare's,
// and nothing that only answers hold.
func TestTheFirstPlanCompletesTheTriggersRules(t *testing.T) {
	have := afterTriggers(t)
	changes, missing := subscription.Plan(site, have, false)
	if got := words(changes); got != firstChanges || len(missing) > 0 {
		t.Fatalf("got %s, missing %v\nwant %s", got, missing, firstChanges)
	}
	const settled = `[{"DeadLetterQueue":{"Arn":"` + deadBus + `"},"Endpoint":"acs:fc:cn-hangzhou:1234567890123456:functions/aftercare-task-completed",` +
		`"ErrorsTolerance":"ALL","Id":"f-1","New":{"Kept":[1]},"ParamList":[{"Form":"CONSTANT","ResourceKey":"functionName","Value":"aftercare-task-completed"},` +
		`{"Form":"CONSTANT","ResourceKey":"InvocationType","Value":"Async"},{"Form":"ORIGINAL","ResourceKey":"Body"}],"PushRetryStrategy":"EXPONENTIAL_DECAY_RETRY","Type":"acs.fc.function"}]`
	if got := changes[2].Query.Get("Targets"); got != settled {
		t.Errorf("it puts back %s\nwant %s", got, settled)
	}
	submit := strings.NewReplacer("task-completed", "submit-task", "Async", "Sync").Replace(settled)
	if got := changes[5].Query.Get("EventTargets"); got != strings.Replace(submit, "f-1", "aftercare-submit-task", 1) {
		t.Errorf("a target of our own is %s", got)
	}
	// A dead letter that cannot be delivered must not come back to its own bus.
	if got := changes[6].Query.Get("EventTargets"); strings.Contains(got, "DeadLetterQueue") {
		t.Errorf("dead letters go in circles: %s", got)
	}
	done(t, have, changes)
	if again, _ := subscription.Plan(site, have, false); len(again) > 0 {
		t.Errorf("a second plan changes %s", words(again))
	}
	// Nor may they if the form to copy has somewhere to send them.
	delete(have["aftercare-dead"].Rules, "aftercare-dead-letters-events")
	changes, _ = subscription.Plan(site, have, false)
	if got := changes[0].Query.Get("EventTargets"); len(changes) != 1 || got == "" || strings.Contains(got, "DeadLetterQueue") {
		t.Errorf("made anew, dead letters go in circles: %s", got)
	}
}

// TestDriftIsFoundAndUndone: each case changes by hand what the service has.
func TestDriftIsFoundAndUndone(t *testing.T) {
	const rule, own = "aftercare-task-completed-ecs", "aftercare-submit-task-events"
	at := func(s subscription.State, bus, rule string, f func(*subscription.Found)) {
		found := s[bus].Rules[rule]
		f(&found)
		s[bus].Rules[rule] = found
	}
	for name, c := range map[string]struct {
		by   func(subscription.State)
		want string
	}{
		"another retry": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) { f.Targets[0]["PushRetryStrategy"] = "BACKOFF_RETRY" })
		}, "PutTargets rule " + rule + ": PushRetryStrategy is EXPONENTIAL_DECAY_RETRY (was BACKOFF_RETRY)"},
		"no dead letters": {func(s subscription.State) {
			at(s, "aftercare", own, func(f *subscription.Found) { delete(f.Targets[0], "DeadLetterQueue") })
		}, "PutTargets rule " + own + ": DeadLetterQueue is " + deadBus + " (was not set)"},
		"dead letters that come back": {func(s subscription.State) {
			at(s, "aftercare-dead", "aftercare-dead-letters-events", func(f *subscription.Found) { f.Targets[0]["DeadLetterQueue"] = map[string]any{"Arn": deadBus} })
		}, "PutTargets rule aftercare-dead-letters-events: DeadLetterQueue is not set (was " + deadBus + "): dead letters would go in circles"},
		"an event that blocks": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) { f.Targets[0]["ErrorsTolerance"] = "NONE" })
		}, "PutTargets rule " + rule + ": ErrorsTolerance is ALL (was NONE)"},
		"a disabled rule": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) { f.Status = "DISABLE" })
		}, "EnableRule rule " + rule + ": enabled (was DISABLE)"},
		"another pattern": {func(s subscription.State) {
			at(s, "aftercare", own, func(f *subscription.Found) { f.Pattern = `{"type":["x"]}` })
		}, "UpdateRule rule " + own + `: matches {"type":["aftercare:Task:Submit"]} (was {"type":["x"]})`},
		"a pattern that is no JSON": {func(s subscription.State) {
			at(s, "aftercare", own, func(f *subscription.Found) { f.Pattern = `{"type"` })
		}, "UpdateRule rule " + own + `: matches {"type":["aftercare:Task:Submit"]} (was {"type")`},
		"the same pattern in other words": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) {
				f.Pattern = "{ \"type\":[\"ecs:CloudAssistant:TaskCompleted\"],\n\"source\":[\"acs.ecs\"]}"
			})
		}, ""},
		"a target of another": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) {
				f.Targets = append(f.Targets, subscription.Target{"Id": "2", "Type": "acs.sls", "Endpoint": "theirs"})
			})
		}, ""},
		"a trigger's target in a form that is not known": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) {
				f.Targets[0]["Endpoint"], f.Targets[0]["ParamList"], f.Targets[0]["ErrorsTolerance"] = "acs:fc3:0815", nil, ""
			})
		}, "PutTargets rule " + rule + ": ErrorsTolerance is ALL (was not set)"},
		"a target of ours that invokes another function": {func(s subscription.State) {
			at(s, "aftercare", own, func(f *subscription.Found) { f.Targets[0] = target(t, byTrigger, "another") })
		}, "PutTargets rule " + own + ": invokes aftercare-submit-task, in the form of aftercare-task-completed-ecs"},
		"no target": {func(s subscription.State) {
			at(s, "default", rule, func(f *subscription.Found) { f.Targets = nil })
		}, "PutTargets rule " + rule + ": invokes aftercare-task-completed, in the form of aftercare-first-heartbeat-ecs"},
		"no bus": {func(s subscription.State) { delete(s, "aftercare") }, `CreateEventBus bus aftercare: new
CreateRule rule aftercare-submit-task-events: new, invokes aftercare-submit-task, in the form of aftercare-task-completed-ecs`},
	} {
		t.Run(name, func(t *testing.T) {
			have := afterTriggers(t)
			changes, _ := subscription.Plan(site, have, false)
			done(t, have, changes)
			c.by(have)
			changes, missing := subscription.Plan(site, have, false)
			if got := words(changes); got != c.want || len(missing) > 0 {
				t.Fatalf("got %s, missing %v\nwant %s", got, missing, c.want)
			}
			done(t, have, changes)
			if again, _ := subscription.Plan(site, have, false); len(again) > 0 {
				t.Errorf("it is not undone: %s", words(again))
			}
		})
	}
}

// TestRulesOfTriggersAreMadeOnlyOnRequest: Function Compute could not make them any
// more.
func TestRulesOfTriggersAreMadeOnlyOnRequest(t *testing.T) {
	have := afterTriggers(t)
	delete(have["default"].Rules, "aftercare-first-heartbeat-ecs")
	changes, missing := subscription.Plan(site, have, false)
	if len(missing) != 1 || missing[0].Name != "aftercare-first-heartbeat-ecs" || strings.Contains(words(changes), "first-heartbeat") {
		t.Errorf("got %s, missing %v", words(changes), missing)
	}
	changes, missing = subscription.Plan(site, have, true)
	const made = "CreateRule rule aftercare-first-heartbeat-ecs: new, invokes aftercare-first-heartbeat, in the form of aftercare-task-completed-ecs"
	if got := words(changes); len(missing) > 0 || !strings.Contains(got, made) {
		t.Errorf("got %s, missing %v, want %s", got, missing, made)
	}
	empty := subscription.State{"default": {}}
	changes, missing = subscription.Plan(site, empty, true)
	const unverified = `[{"DeadLetterQueue":{"Arn":"` + deadBus + `"},"Endpoint":"acs:fc:cn-hangzhou:1234567890123456:functions/aftercare-task-completed",` +
		`"ErrorsTolerance":"ALL","Id":"aftercare-task-completed","ParamList":[{"Form":"CONSTANT","ResourceKey":"InvocationType","Value":"Sync"},` +
		`{"Form":"CONSTANT","ResourceKey":"DataFormat","Value":"Object"},{"Form":"ORIGINAL","ResourceKey":"Body"}],` +
		`"PushRetryStrategy":"EXPONENTIAL_DECAY_RETRY","Type":"acs.fc.function"}]`
	if got := changes[2].Query.Get("EventTargets"); got != unverified || !strings.HasSuffix(changes[2].What, "in a form that is not verified") || len(missing) > 0 {
		t.Errorf("without a form to copy, %s: %s, missing %v", changes[2].What, got, missing)
	}
}

// TestAQueueTakesDeadLettersInsteadOfTheBus: then nothing needs the bus and its rule.
func TestAQueueTakesDeadLettersInsteadOfTheBus(t *testing.T) {
	queue := site
	queue.DeadLetters = "acs:mns:cn-hangzhou:1234567890123456:/queues/dead"
	have := afterTriggers(t)
	changes, _ := subscription.Plan(queue, have, false)
	if got := words(changes); strings.Contains(got, "aftercare-dead") || strings.Count(got, "DeadLetterQueue is "+queue.DeadLetters) != 3 {
		t.Errorf("it changes %s", got)
	}
	done(t, have, changes)
	named := site
	named.DeadLetters = deadBus
	changes, _ = subscription.Plan(named, have, false)
	if got := words(changes); strings.Count(got, "DeadLetterQueue is "+deadBus+" (was "+queue.DeadLetters+")") != 4 || !strings.Contains(got, "bus aftercare-dead: new") {
		t.Errorf("back to the bus, it changes %s", got)
	}
}

// TestRemovalLeavesWhatOthersMade and the rules of triggers.
func TestRemovalLeavesWhatOthersMade(t *testing.T) {
	have := afterTriggers(t)
	delete(have["default"].Rules, "aftercare-instance-state-ecs")
	changes, _ := subscription.Plan(site, have, true)
	done(t, have, changes)
	have["aftercare-dead"].Rules["of-others"] = subscription.Found{}
	changes = subscription.Removal(have)
	const want = `DeleteRule rule aftercare-instance-state-ecs: removed
DeleteRule rule aftercare-submit-task-events: removed
DeleteEventBus bus aftercare: removed
DeleteRule rule aftercare-dead-letters-events: removed`
	if got := words(changes); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	done(t, have, changes)
	if again := subscription.Removal(have); len(again) > 0 || len(have["default"].Rules) != 3 {
		t.Errorf("it removes %s, and left %v", words(again), have)
	}
	if none := subscription.Removal(subscription.State{"default": {}, "aftercare": {Description: "theirs"}}); len(none) > 0 {
		t.Errorf("it removes %s", words(none))
	}
}

// TestThePatternsOfTriggersAreThoseOfTheProject in s.yaml.
func TestThePatternsOfTriggersAreThoseOfTheProject(t *testing.T) {
	text, err := os.ReadFile("../../s.yaml")
	if err != nil {
		t.Fatal(err)
	}
	triggers := 0
	for _, r := range site.Rules() {
		if !r.Trigger {
			continue
		}
		triggers++
		_, after, found := strings.Cut(string(text), "functionName: "+r.Function+"\n")
		_, after, has := strings.Cut(after, "eventRuleFilterPattern: ")
		if line, _, _ := strings.Cut(after, "\n"); !found || !has || line != "'"+r.Pattern+"'" {
			t.Errorf("the pattern of %s is %s, and in s.yaml %s", r.Name, r.Pattern, line)
		}
	}
	if n := strings.Count(string(text), "eventRuleFilterPattern: "); n != triggers {
		t.Errorf("s.yaml has %d patterns, want %d", n, triggers)
	}
}

func TestDeadLettersGoToWhatTakesThem(t *testing.T) {
	for name, want := range map[string]bool{
		"acs:mns:cn-hangzhou:1:/queues/q": true, "acs:mq:cn-hangzhou:1:/instances/i/topic/t": true,
		"acs:alikafka:cn-hangzhou:1:instance/i/topic/t": true, deadBus: true,
		"": false, "bus": false, "acs:mns:cn-hangzhou:1:": false, "acs:mns::1:/queues/q": false, "acs:fc:cn-hangzhou:1:functions/f": false,
		"acs:mns:cn-hangzhou:1:/queues/": false,
	} {
		if got := subscription.IsDeadLetters(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
