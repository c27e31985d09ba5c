package eventbridge_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/access/accesstest"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
)

func TestWhatCallsMadeSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	of := func(pattern string) eventbridge.Options {
		return eventbridge.Options{Path: path, Rules: []eventbridge.Rule{{Name: "f-ecs", Pattern: pattern, Targets: []eventbridge.TargetSpec{{
			ID: "1", Type: "acs.fc.function", Endpoint: "acs:fc:cn-hangzhou:1:functions/f",
		}}}}}
	}
	first := newPlane(t, of("{}"))
	first.must("CreateEventBus", "EventBusName", "aftercare")
	first.must("CreateRule", "EventBusName", "aftercare", "RuleName", "mine", "FilterPattern", "{}", "EventTargets", "["+toF2+"]")
	first.must("CreateRule", "EventBusName", "aftercare", "RuleName", "gone", "FilterPattern", "{}")
	first.must("DeleteRule", "EventBusName", "aftercare", "RuleName", "gone")
	const changed = `[{"Id":"1","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1:functions/other","PushRetryStrategy":"EXPONENTIAL_DECAY_RETRY"}]`
	first.must("PutTargets", "EventBusName", "default", "RuleName", "f-ecs", "Targets", changed)
	if err := first.server.Close(); err != nil {
		t.Fatal(err)
	}

	again := newPlane(t, of("{}"))
	put(t, again.server, "a")
	if err := again.server.PutEvent("aftercare", []byte(`{"id":"b","source":"s","specversion":"1.0","type":"t"}`)); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, again.server)
	var names []string
	for _, c := range again.calls() {
		names = append(names, strings.Split(c, "/")[0])
	}
	if slices.Sort(names); !slices.Equal(names, []string{"g", "other"}) {
		t.Errorf("invoked %v, want the rule that was made and the target that was changed", names)
	}
	again.refused("EventRuleNotExisted", "GetRule", "EventBusName", "aftercare", "RuleName", "gone")
	if err := again.server.Close(); err != nil {
		t.Fatal(err)
	}

	// A new definition by the program wins.
	third := newPlane(t, of(ecsPattern))
	put(t, third.server, "a")
	waitIdle(t, third.server)
	if got := third.calls(); len(got) != 1 || !strings.HasPrefix(got[0], "f/") {
		t.Errorf("invoked %q, want f alone", got)
	}
}

func TestPlannedFaultsStrikeTheControlPlane(t *testing.T) {
	var faults fault.Set
	faults.Add(fault.Fault{Call: "CreateRule", Mode: fault.ErrorAfter, Code: "Throttling", Status: 429, Message: "as planned"})
	p := newPlane(t, eventbridge.Options{Faults: &faults})
	r, err := http.NewRequest("POST", p.server.Endpoint()+"/?"+url.Values{
		"EventBusName": {"default"}, "RuleName": {"r"}, "FilterPattern": {"{}"},
	}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"X-Acs-Action": {"CreateRule"}, "X-Acs-Version": {"2020-04-01"}}
	accesstest.Sign(r, "", key, time.Now(), "once")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 429 {
		t.Errorf("status %d, want the planned 429", res.StatusCode)
	}
	if status, _ := p.rule(); status != "ENABLE" {
		t.Errorf("the rule is %q: the call that failed after its effect had none", status)
	}
}
