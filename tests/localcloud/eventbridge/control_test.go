package eventbridge_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/eventbridge"
)

func TestARuleThatACallMadeRoutesEvents(t *testing.T) {
	p := newPlane(t, eventbridge.Options{})
	var made struct{ RuleARN string }
	p.into(&made, "CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", "["+toF3+","+toF2+"]")...)
	if want := "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/default/rule/r"; made.RuleARN != want {
		t.Errorf("made %s, want %s", made.RuleARN, want)
	}
	put(t, p.server, "a")
	waitIdle(t, p.server)
	got := p.calls()
	slices.Sort(got)
	if want := []string{`f/live [a]`, `g/7 tick`}; !slices.Equal(got, want) {
		t.Errorf("invoked %q, want %q", got, want)
	}
	p.must("DisableRule", onDefault...)
	put(t, p.server, "b")
	p.must("EnableRule", onDefault...)
	p.must("UpdateRule", onRule("FilterPattern", `{"source":["acs.oss"]}`)...)
	put(t, p.server, "c")
	waitIdle(t, p.server)
	if got := p.calls(); len(got) != 2 {
		t.Errorf("invoked %q: a disabled rule or one with another pattern took an event", got)
	}
	p.must("DeleteRule", onDefault...)
	p.refused("EventRuleNotExisted", "GetRule", onDefault...)
	p.refused("EventRuleNotExisted", "DeleteRule", onDefault...)
}

// TestTargetsAreReadBackWithMore: the service shows a parameter that nobody
// sent, and keeps no order.
func TestTargetsAreReadBackWithMore(t *testing.T) {
	p := newPlane(t, eventbridge.Options{})
	p.must("CreateRule", onRule("FilterPattern", ecsPattern)...)
	p.must("PutTargets", onRule("Targets", "["+toF3+","+toF2+"]")...)
	var list struct {
		Targets []eventbridge.TargetSpec
		Total   int
	}
	p.into(&list, "ListTargets", onDefault...)
	if list.Total != 2 || list.Targets[0].ID != "2" || list.Targets[1].ID != "3" || list.Targets[0].DeadLetterQueue != nil {
		t.Fatalf("listed %+v", list)
	}
	keys := ""
	for _, param := range list.Targets[1].ParamList {
		keys += param.ResourceKey + "=" + param.Value + " "
	}
	if want := "DataFormat=ObjectList InvocationType=Sync Qualifier=live Body=$.id IsBase64Encode=false "; keys != want {
		t.Errorf("its parameters are %s, want %s", keys, want)
	}
	// What was read can be put back, with what answers add.
	text, _ := json.Marshal(list.Targets[1])
	p.must("PutTargets", onRule("Targets", `[{"DetailMap":{},`+string(text[1:])+"]")...)
	var one struct {
		Targets []eventbridge.TargetSpec
		Total   int
	}
	p.into(&one, "ListTargets", onRule("Arn", "acs:fc:cn-hangzhou:1234567890123456:functions/f")...)
	if one.Total != 1 || len(one.Targets[0].ParamList) != 5 {
		t.Errorf("listed %+v, want one target with five parameters", one)
	}
	p.must("DeleteTargets", onRule("TargetIds", `["3"]`)...)
	if _, targets := p.rule(); !slices.Equal(targets, []string{"2"}) {
		t.Errorf("targets are %q, want 2", targets)
	}
}

func TestPutTargetsFailsInPartWithSuccess(t *testing.T) {
	p := newPlane(t, eventbridge.Options{})
	p.must("CreateRule", onRule("FilterPattern", ecsPattern)...)
	with := func(id, change string) string {
		return `{"Id":"` + id + `","Type":"acs.fc.function","Endpoint":"acs:fc:r:u:functions/f"` + change + `}`
	}
	var out struct {
		ErrorEntriesCount int
		ErrorEntries      []struct{ EntryID, ErrorCode, ErrorMessage string }
	}
	p.into(&out, "PutTargets", onRule("Targets", "["+strings.Join([]string{
		with("good", ""), with("good", ""), with("", ""), with("retry", `,"PushRetryStrategy":"LINEAR"`), with("tolerance", `,"ErrorsTolerance":"SOME"`),
		with("typo", `,"Deadletter":{}`), with("path", `,"ParamList":[{"ResourceKey":"Body","Form":"JSONPATH","Value":"id"}]`),
		`{"Id":"sms","Type":"acs.sms","Endpoint":"x"}`, with("b", ""), with("c", ""), with("d", ""), with("e", ""), with("sixth", ""),
	}, ",")+"]")...)
	got := ""
	for _, e := range out.ErrorEntries {
		got += e.EntryID + "=" + e.ErrorCode + " "
	}
	want := "good=EventRuleTargetIdDuplicate =InvalidTarget retry=InvalidTarget tolerance=InvalidTarget typo=InvalidTarget path=InvalidTarget sms=LocalCloud.NotImitated sixth=EventTargetCountExceeded "
	if got != want || out.ErrorEntriesCount != 8 {
		t.Errorf("%d errors: %s\nwant 8: %s", out.ErrorEntriesCount, got, want)
	}
	if _, targets := p.rule(); !slices.Equal(targets, []string{"b", "c", "d", "e", "good"}) {
		t.Errorf("targets are %q", targets)
	}
	p.into(&out, "DeleteTargets", onRule("TargetIds", `["b","none"]`)...)
	if out.ErrorEntriesCount != 1 || out.ErrorEntries[0].EntryID != "none" {
		t.Errorf("deleted with %+v, want an error for the target none", out)
	}
}

// TestAChangeIsSeenLater: until then, calls and events follow the old state.
func TestAChangeIsSeenLater(t *testing.T) {
	p := newPlane(t, eventbridge.Options{Lag: time.Hour})
	p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", "["+toF2+"]")...)
	p.must("DisableRule", onDefault...)
	p.must("PutTargets", onRule("Targets", "["+toF3+"]")...)
	if status, targets := p.rule(); status != "ENABLE" || !slices.Equal(targets, []string{"2"}) {
		t.Errorf("the rule is %s with %q before the change takes hold", status, targets)
	}
	put(t, p.server, "a")
	waitIdle(t, p.server)
	if got := p.calls(); !slices.Equal(got, []string{"g/7 tick"}) {
		t.Errorf("invoked %q, want only what the old rule names", got)
	}

	soon := newPlane(t, eventbridge.Options{Lag: time.Millisecond})
	soon.must("CreateRule", onRule("FilterPattern", ecsPattern)...)
	soon.must("DisableRule", onDefault...)
	for status := "ENABLE"; status != "DISABLE"; {
		if status, _ = soon.rule(); t.Context().Err() != nil {
			t.Fatal("the rule is never disabled")
		}
	}
}

func TestControlRefusals(t *testing.T) {
	p := newPlane(t, eventbridge.Options{Buses: []string{"orders"}})
	p.must("CreateRule", onRule("FilterPattern", ecsPattern)...)
	p.must("CreateRule", "EventBusName", "orders", "RuleName", "r", "FilterPattern", "{}")
	for _, tt := range [][]string{
		append([]string{"EventRuleExisted", "CreateRule"}, onRule("FilterPattern", "{}")...),
		append([]string{"InvalidEventPattern", "UpdateRule"}, onRule("FilterPattern", `{"source":"x"}`)...),
		append([]string{"InvalidStatus", "UpdateRule"}, onRule("Status", "ON")...),
		append([]string{"InvalidTarget", "PutTargets"}, onRule("Targets", "{}")...),
		append([]string{"InvalidTargetIds", "DeleteTargets"}, onRule("TargetIds", "a")...),
		append([]string{"InvalidNextToken", "ListTargets"}, onRule("NextToken", "?")...),
		append([]string{"InvalidLimit", "ListTargets"}, onRule("Limit", "101")...),
		{"EventBusNotExist", "CreateRule", "EventBusName", "none", "RuleName", "r", "FilterPattern", "{}"},
		{"EventBusNotExist", "GetRule", "EventBusName", "none", "RuleName", "r"},
		{"EventRuleNotExisted", "ListTargets", "EventBusName", "orders", "RuleName", "none"},
		{"InvalidName", "CreateRule", "EventBusName", "orders", "RuleName", "a_b", "FilterPattern", "{}"},
		{"InvalidName", "CreateEventBus", "EventBusName", "eventbridge-reserved-a"},
		{"InvalidStatus", "CreateRule", "EventBusName", "orders", "RuleName", "b", "FilterPattern", "{}", "Status", "ON"},
		{"EventBusExisted", "CreateEventBus", "EventBusName", "default"},
		{"EventBusNotExist", "GetEventBus", "EventBusName", "none"},
		{"EventBusNotAllowed", "DeleteEventBus", "EventBusName", "default"},
		{"EventBusNotEmpty", "DeleteEventBus", "EventBusName", "orders"},
	} {
		p.refused(tt[0], tt[1], tt[2:]...)
	}
}

func TestCountsOfBusesAndRulesAndTheirPages(t *testing.T) {
	p := newPlane(t, eventbridge.Options{})
	for i := range 50 {
		p.must("CreateEventBus", "EventBusName", fmt.Sprintf("bus-%02d", i), "Description", "one of many")
		p.must("CreateRule", "EventBusName", "default", "RuleName", fmt.Sprintf("r-%02d", i), "FilterPattern", "{}")
	}
	p.refused("EventBusCountExceeded", "CreateEventBus", "EventBusName", "more")
	p.refused("EventRuleCountExceeded", "CreateRule", "EventBusName", "default", "RuleName", "more", "FilterPattern", "{}")

	names, token := []string{}, ""
	for {
		var part struct {
			EventBuses []struct{ EventBusName, EventBusARN, Description string }
			NextToken  string
			Total      int
		}
		p.into(&part, "ListEventBuses", "NamePrefix", "bus-", "NextToken", token, "Limit", "30")
		for _, b := range part.EventBuses {
			names = append(names, b.EventBusName)
		}
		if token = part.NextToken; token == "" {
			break
		}
	}
	if len(names) != 50 || names[49] != "bus-49" {
		t.Errorf("listed %d buses: %v", len(names), names)
	}
	var rules struct {
		Rules     []struct{ RuleName string }
		NextToken string
		Total     int
	}
	p.into(&rules, "ListRules", "EventBusName", "default", "RuleNamePrefix", "r-")
	if len(rules.Rules) != 10 || rules.Total != 50 || rules.NextToken == "" {
		t.Errorf("listed %d rules of %d, next %q, want 10 of 50 without a limit", len(rules.Rules), rules.Total, rules.NextToken)
	}
	p.must("DeleteEventBus", "EventBusName", "bus-07")
	p.must("CreateEventBus", "EventBusName", "more")
	var b struct{ EventBusARN string }
	p.into(&b, "GetEventBus", "EventBusName", "more")
	if b.EventBusARN != "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/more" {
		t.Errorf("the bus is %+v", b)
	}
}

func TestTestEventPatternComparesAnEventInTheBody(t *testing.T) {
	p := newPlane(t, eventbridge.Options{})
	for pattern, want := range map[string]string{ecsPattern: `{"Result":true}`, `{"source":["acs.oss"]}`: `{"Result":false}`} {
		if got := string(p.must("TestEventPattern", "Event", string(serviceEvent("a")), "EventPattern", pattern)); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
	p.refused("InvalidEventPattern", "TestEventPattern", "Event", string(serviceEvent("a")), "EventPattern", "[]")
	p.refused("InvalidEvent", "TestEventPattern", "Event", "[]", "EventPattern", "{}")
}
