package functioncompute_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/openapi"
	"aftercare/tests/localcloud/functioncompute"
)

// rules is an EventBridge that remembers what triggers asked of it.
type rules struct {
	have  map[string]functioncompute.EventTrigger
	calls []string
}

func (r *rules) Put(function string, t functioncompute.EventTrigger, replace bool) error {
	name := function + "-" + t.Name
	_, exists := r.have[name]
	switch {
	case strings.Contains(t.Config, `"broken"`):
		return errors.New("the pattern is broken")
	case exists && !replace:
		return functioncompute.ErrRuleExists
	}
	r.have[name] = t
	r.calls = append(r.calls, "put "+name)
	return nil
}

func (r *rules) Delete(function, trigger string) error {
	delete(r.have, function+"-"+trigger)
	r.calls = append(r.calls, "delete "+function+"-"+trigger)
	return nil
}

func (r *rules) To(function string, triggers []string) []string {
	if slices.Contains(triggers, "ecs") {
		return []string{"mine|by-hand"}
	}
	return nil
}

func names(list any) (out []string) {
	for _, item := range list.([]any) {
		out = append(out, item.(map[string]any)["triggerName"].(string))
	}
	return out
}

func TestEventTriggersMakeRules(t *testing.T) {
	eb := &rules{have: map[string]functioncompute.EventTrigger{}}
	dir := t.TempDir()
	p := newPlane(t, functioncompute.Options{Dir: dir, Rules: eb})
	p.must("POST", "functions", function(t, "f"))
	event := func(name, config string) object {
		return object{"triggerName": name, "triggerType": "eventbridge", "triggerConfig": config, "qualifier": "LATEST"}
	}
	made := p.must("POST", "functions/f/triggers", event("ecs", ` { "eventRuleFilterPattern": "{}", "asyncInvocationType": false }`))
	if made["triggerConfig"] != `{"asyncInvocationType":false,"eventRuleFilterPattern":"{}"}` || made["triggerName"] != "ecs" || eb.have["f-ecs"].Config == "" {
		t.Errorf("made %v, rules are %v", made, eb.have)
	}
	eb.have["f-taken"] = functioncompute.EventTrigger{}
	p.refused("TriggerAlreadyExists", "POST", "functions/f/triggers", event("ecs", "{}"))
	p.refused("EventBridgeTriggerConflict", "POST", "functions/f/triggers", event("taken", "{}"))
	p.refused("InvalidArgument", "POST", "functions/f/triggers", event("a", `{"eventRuleFilterPattern":"broken"}`))
	p.refused("InvalidArgument", "POST", "functions/f/triggers", event("a", "[]"))
	p.refused("InvalidArgument", "POST", "functions/f/triggers", event("1a", "{}"))
	p.refused("FunctionNotFound", "POST", "functions/g/triggers", event("a", "{}"))
	p.refused("AliasNotFound", "PUT", "functions/f/triggers/ecs", object{"qualifier": "live"})
	p.refused("InvalidArgument", "POST", "functions/f/triggers", object{"triggerName": "a", "triggerType": "oss", "triggerConfig": "{}"})

	p.must("PUT", "functions/f/triggers/ecs", object{"triggerConfig": `{"triggerEnable":false}`, "description": "d"})
	if got := p.must("GET", "functions/f/triggers/ecs", nil); got["description"] != "d" || eb.have["f-ecs"].Config != `{"triggerEnable":false}` {
		t.Errorf("after the update: %v, rules are %v", got, eb.have)
	}
	p.refused("InvalidArgument", "DELETE", "functions/f", nil)
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}

	// EventBridge keeps the rules itself: a restart makes none.
	eb.calls = nil
	again := newPlane(t, functioncompute.Options{Dir: dir, Rules: eb})
	if got := names(again.must("GET", "functions/f/triggers", nil)["triggers"]); !slices.Equal(got, []string{"ecs", "mine|by-hand"}) {
		t.Errorf("listed %v, want the trigger and the rule of others", got)
	}
	answer, err := again.client.Do(t.Context(), openapi.Request{
		Call: "ListTriggers", Method: "GET", Path: "/2023-03-30/functions/f/triggers", Header: http.Header{"X-Fc-Disable-List-Remote-Eb-Triggers": {"true"}},
	})
	if err != nil || strings.Contains(string(answer.Body), "by-hand") {
		t.Errorf("without the rules of others: %s, %v", answer.Body, err)
	}
	again.must("DELETE", "functions/f/triggers/ecs", nil)
	again.refused("TriggerNotFound", "DELETE", "functions/f/triggers/ecs", nil)
	if !slices.Equal(eb.calls, []string{"delete f-ecs"}) {
		t.Errorf("EventBridge was asked to %q", eb.calls)
	}
	again.must("DELETE", "functions/f", nil)
}

func TestTimersAreMadeAndStoppedByCalls(t *testing.T) {
	dir, record := t.TempDir(), filepath.Join(t.TempDir(), "events")
	// Each firing before the first instance is up starts one more of them.
	opt := functioncompute.Options{Dir: dir, TimerScale: 1.0 / 1500}
	p := newPlane(t, opt)
	f := function(t, "f")
	f["environmentVariables"] = object{"PROBE_RECORD": record}
	p.must("POST", "functions", f)
	timer := func(config string) object {
		return object{"triggerName": "tick", "triggerType": "timer", "triggerConfig": config}
	}
	p.refused("InvalidArgument", "POST", "functions/f/triggers", timer(`{"cronExpression":"now"}`))
	p.must("POST", "functions/f/triggers", timer(`{"cronExpression":"@every 1m","enable":true,"payload":"p"}`))
	fired := func(after int) func() bool { return func() bool { return len(lines(t, record)) > after } }
	eventually(t, "the timer fires", fired(0))
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}
	again := newPlane(t, opt)
	eventually(t, "the timer fires after a restart", fired(len(lines(t, record))))

	again.must("PUT", "functions/f/triggers/tick", object{"triggerConfig": `{"cronExpression":"@every 1m","enable":false}`})
	eventually(t, "the queued invocations end", func() bool { return again.server.AsyncPending() == 0 })
	stopped := len(lines(t, record))
	// While it is fired by hand, a timer that was not stopped would fire, too. One
	// of its invocations may still be on its way.
	const byHand = 200
	for range byHand {
		if _, err := again.server.FireTimer(t.Context(), "f", "tick"); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(lines(t, record)) - stopped; got < byHand || got > byHand+1 {
		t.Errorf("%d events after the timer was stopped and fired %d times", got, byHand)
	}
	again.must("DELETE", "functions/f/triggers/tick", nil)
	if _, err := again.server.FireTimer(t.Context(), "f", "tick"); !errors.Is(err, functioncompute.ErrNoTimer) {
		t.Errorf("a deleted timer fired: %v", err)
	}
}

// TestTriggersOfTheProgramAreShown: its rules exist already.
func TestTriggersOfTheProgramAreShown(t *testing.T) {
	eb := &rules{have: map[string]functioncompute.EventTrigger{}}
	own := probe("own")
	own.Timers = []functioncompute.Timer{{Name: "yearly", Cron: "0 0 0 1 1 *", Payload: "p"}}
	own.Events = []functioncompute.EventTrigger{{Name: "events", Config: `{"eventRuleFilterPattern":"{}"}`, Qualifier: "live"}}
	own.Aliases = []string{"", "live"}
	p := newPlane(t, functioncompute.Options{Rules: eb, Functions: []functioncompute.Function{own}})
	if got := names(p.must("GET", "functions/own/triggers", nil)["triggers"]); !slices.Equal(got, []string{"events", "yearly"}) || len(eb.calls) != 0 {
		t.Errorf("listed %v, made %q", got, eb.calls)
	}
	if got := p.must("GET", "functions/own/triggers/yearly", nil); got["triggerConfig"] != `{"cronExpression":"0 0 0 1 1 *","enable":true,"payload":"p"}` {
		t.Errorf("the timer is %v", got)
	}
	if _, err := p.server.Do(t.Context(), functioncompute.Call{Function: "own", Qualifier: "live", Payload: []byte(`{"do":"echo"}`)}); err != nil {
		t.Errorf("the program's alias: %v", err)
	}
	all := p.server.Functions()
	if len(all) != 1 || !slices.Equal(all[0].Timers, []string{"yearly"}) || !slices.Equal(all[0].Events, []string{"events"}) {
		t.Errorf("the functions are %+v", all)
	}
}
