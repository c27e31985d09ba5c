package eventbridge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aftercare/tests/localcloud/eventbridge"
)

const deadPattern = `{"type":["eventbridge:DeadLetter:Event"]}`

// target is one to a function that fails, with what else it needs.
func failing(more string) string {
	return `[{"Id":"1","Type":"acs.fc.function","Endpoint":"acs:fc:cn-hangzhou:1:functions/f","PushRetryStrategy":"BACKOFF_RETRY"` + more + `}]`
}

func toDeadBus(name string) string {
	return `,"ErrorsTolerance":"ALL","DeadLetterQueue":{"Arn":"acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/` + name + `"}`
}

func TestDeadLettersGoToABus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	var dead inbox
	p := newPlane(t, eventbridge.Options{
		Scale: 1e-6, DeadLetter: path, Buses: []string{"aftercare-dead"},
		Rules: []eventbridge.Rule{{Name: "dead", Bus: "aftercare-dead", Pattern: deadPattern, Target: dead.target}},
	})
	p.fail = true
	p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", failing(toDeadBus("aftercare-dead")))...)
	put(t, p.server, "e")
	waitIdle(t, p.server)
	if len(dead.got) != 1 {
		t.Fatalf("the bus got %q, want one dead letter", dead.got)
	}
	var got struct {
		Source, Subject string
		Bus             string `json:"aliyuneventbusname"`
		Data            struct {
			Event                                          json.RawMessage
			EventBusName, RuleName, TargetID, ErrorMessage string
			Attempts                                       int
		}
	}
	if err := json.Unmarshal([]byte(dead.got[0]), &got); err != nil {
		t.Fatal(err)
	}
	d := got.Data
	if got.Bus != "aftercare-dead" || d.EventBusName != "default" || d.RuleName != "r" || d.TargetID != "1" || d.Attempts != 4 ||
		d.ErrorMessage != "function f failed" || !strings.Contains(string(d.Event), `"id":"e"`) || !strings.HasSuffix(got.Subject, "/rule/r") {
		t.Errorf("the dead letter is %s", dead.got[0])
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it is in the file, too")
	}
}

// TestDeadLettersThatNoBusTakes go to the file, which says whether the real
// EventBridge would have dropped them.
func TestDeadLettersThatNoBusTakes(t *testing.T) {
	const queue = "acs:mns:cn-hangzhou:1:/queues/dead"
	missing := "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/none"
	for name, tt := range map[string]struct{ more, queue string }{
		"a queue":       {`,"DeadLetterQueue":{"Arn":"` + queue + `"}`, queue},
		"no queue":      {"", ""},
		"a missing bus": {toDeadBus("none"), missing},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dead.jsonl")
			p := newPlane(t, eventbridge.Options{Scale: 1e-6, DeadLetter: path})
			p.fail = true
			p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", failing(tt.more))...)
			put(t, p.server, "e")
			waitIdle(t, p.server)
			var got eventbridge.DeadLetter
			text, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(text, &got)
			}
			if err != nil || got.Queue != tt.queue || got.Rule != "r" || got.Target != "1" {
				t.Errorf("the file has %s, %v, want the queue %q", text, err, tt.queue)
			}
		})
	}
}

func TestATargetThatToleratesNoErrorBlocksUntilItIsReplaced(t *testing.T) {
	p := newPlane(t, eventbridge.Options{Scale: 1e-6})
	p.fail = true
	p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", failing(`,"ErrorsTolerance":"NONE"`))...)
	put(t, p.server, "a")
	waitIdle(t, p.server)
	p.mu.Lock()
	p.fail = false
	p.mu.Unlock()
	put(t, p.server, "b")
	waitIdle(t, p.server)
	if n := p.server.Pending(); n != 2 || len(p.calls()) != 0 || p.server.Dropped() != 0 {
		t.Fatalf("%d pending and %q delivered, want both events to wait", n, p.calls())
	}
	p.must("PutTargets", onRule("Targets", failing(`,"ErrorsTolerance":"ALL"`))...)
	// The change continues them in a goroutine: wait until it did.
	for p.server.Pending() > 0 && t.Context().Err() == nil {
		waitIdle(t, p.server)
	}
	got := p.calls()
	if slices.Sort(got); len(got) != 2 || !strings.Contains(got[0], `"id":"a"`) || !strings.Contains(got[1], `"id":"b"`) {
		t.Errorf("delivered %q, want a and b", got)
	}
}

func TestARuleForwardsEventsToAnotherBus(t *testing.T) {
	var in inbox
	p := newPlane(t, eventbridge.Options{Buses: []string{"mine"}, Rules: []eventbridge.Rule{{Name: "all", Bus: "mine", Pattern: ecsPattern, Target: in.target}}})
	p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets",
		`[{"Id":"1","Type":"acs.eventbridge","Endpoint":"acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/mine"}]`)...)
	put(t, p.server, "a")
	waitIdle(t, p.server)
	if got := in.ids(); !slices.Equal(got, []string{"a"}) || !strings.Contains(in.got[0], `"aliyuneventbusname":"mine"`) {
		t.Errorf("the other bus got %q", in.got)
	}
}

// TestADeletedTargetGetsNothingMore: what waits for its next attempt ends.
func TestADeletedTargetGetsNothingMore(t *testing.T) {
	p := newPlane(t, eventbridge.Options{})
	p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", failing(""))...)
	held := p.server.Hold(func(eventbridge.Delivery) bool { return true })
	put(t, p.server, "a")
	p.must("DeleteTargets", onRule("TargetIds", `["1"]`)...)
	held.Release(eventbridge.InOrder)
	waitIdle(t, p.server)
	if n := p.server.Pending(); n != 0 || len(p.calls()) != 0 {
		t.Errorf("%d deliveries are pending, %q delivered, want none", n, p.calls())
	}
}
