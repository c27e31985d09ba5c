package eventbridge_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/eventbridge"
)

// traces are the steps of an event, each as its action, rule and status.
func (p *plane) traces(id string) []string {
	p.Helper()
	var steps []struct {
		Action, RuleName, NotifyStatus, NotifyLatency, RuleMatchingTime, EventSource string
		ReceivedTime, NotifyTime                                                     int64
	}
	p.into(&steps, "QueryEventTraces", "EventBusName", "default", "EventId", id)
	out := []string{}
	for _, st := range steps {
		out = append(out, strings.Join(strings.Fields(st.Action+" "+st.RuleName+" "+st.NotifyStatus), " "))
		if (st.ReceivedTime != 0) != (st.Action == "PutEvent") || (st.RuleMatchingTime != "") != (st.Action == "FilterEvent") ||
			(st.NotifyTime != 0) != (st.Action == "PushEvent") || st.EventSource != "acs.ecs" {
			p.Errorf("the step %+v has the times of another action", st)
		}
	}
	return out
}

// received lists the ids of the events that the bus default received.
func (p *plane) received(more ...string) []string {
	p.Helper()
	ids, token := []string{}, ""
	for {
		var part struct {
			Events    []struct{ EventID, EventSource, EventType string }
			NextToken string
			Total     int
		}
		p.into(&part, "QueryTracedEvents", append([]string{"EventBusName", "default", "StartTime", "0", "EndTime", "9999999999999", "NextToken", token}, more...)...)
		for _, e := range part.Events {
			ids = append(ids, e.EventID)
		}
		if token = part.NextToken; token == "" {
			return ids
		}
	}
}

func TestEventsAreTracedWhateverBecomesOfThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	p := newPlane(t, eventbridge.Options{Path: path, Scale: 1e-6})
	put(t, p.server, "nobody")
	p.must("CreateRule", onRule("FilterPattern", ecsPattern, "EventTargets", failing(""))...)
	put(t, p.server, "fine")
	waitIdle(t, p.server)
	held := p.server.Hold(func(eventbridge.Delivery) bool { return true })
	put(t, p.server, "lost")
	held.Release(eventbridge.Never)
	p.fail = true
	put(t, p.server, "failed")
	waitIdle(t, p.server)
	p.must("DisableRule", onDefault...)
	put(t, p.server, "unseen")
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}

	again := newPlane(t, eventbridge.Options{Path: path})
	failure := "PushEvent r [500]function f failed"
	for id, want := range map[string][]string{
		"nobody": {"PutEvent"},
		"fine":   {"PutEvent", "FilterEvent r", "PushEvent r [200]Ok"},
		"lost":   {"PutEvent", "FilterEvent r"},
		"failed": {"PutEvent", "FilterEvent r", failure, failure, failure, failure},
		"unseen": {"PutEvent"},
		"none":   {},
	} {
		if got := again.traces(id); !slices.Equal(got, want) {
			t.Errorf("%s has the traces %q, want %q", id, got, want)
		}
	}
	if got, want := again.received(), []string{"nobody", "fine", "lost", "failed", "unseen"}; !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
	if got, want := again.received("MatchedRule", "r"), []string{"fine", "lost", "failed"}; !slices.Equal(got, want) {
		t.Errorf("the rule matched %q, want %q", got, want)
	}
	if len(again.received("EventSource", "acs.oss")) != 0 || len(again.received("EventType", "x")) != 0 || len(again.received("EventSource", "acs.ecs")) != 5 {
		t.Error("the source and the type do not select")
	}
	var e struct{ ID string }
	again.into(&e, "QueryEvent", "EventBusName", "default", "EventSource", "acs.ecs", "EventId", "lost")
	if e.ID != "lost" {
		t.Errorf("the event is %+v", e)
	}
	again.refused("EventNotExisted", "QueryEvent", "EventBusName", "default", "EventSource", "acs.oss", "EventId", "lost")
}

func TestTracedEventsAreListedByTimeAndInPages(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	p := newPlane(t, eventbridge.Options{Now: func() time.Time { return now }})
	for i := range 25 {
		now = time.UnixMilli(1_000_000 + int64(i))
		put(t, p.server, fmt.Sprint("e", i))
	}
	now = time.Now() // the signatures'
	if got := p.received(); len(got) != 25 || got[0] != "e0" || got[24] != "e24" {
		t.Errorf("received %v", got)
	}
	if got, want := p.received("StartTime", "1000003", "EndTime", "1000005"), []string{"e3", "e4", "e5"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	p.refused("InvalidTimeRange", "QueryTracedEvents", "EventBusName", "default", "StartTime", "2", "EndTime", "1")
	p.refused("InvalidLimit", "QueryTracedEvents", "EventBusName", "default", "StartTime", "1", "EndTime", "2", "Limit", "101")
	p.refused("EventBusNotExist", "QueryTracedEvents", "EventBusName", "none", "StartTime", "1", "EndTime", "2")
}

func TestQueriesByIDMayBeForCustomBusesOnly(t *testing.T) {
	p := newPlane(t, eventbridge.Options{NoQueryByID: true, Buses: []string{"mine"}})
	put(t, p.server, "a")
	if err := p.server.PutEvent("mine", []byte(`{"id":"b","source":"s","specversion":"1.0","type":"t"}`)); err != nil {
		t.Fatal(err)
	}
	p.refused("EventBusNotSupported", "QueryEvent", "EventBusName", "default", "EventId", "a")
	var e json.RawMessage
	p.into(&e, "QueryEvent", "EventBusName", "mine", "EventId", "b")
	if !strings.Contains(string(e), `"id":"b"`) {
		t.Errorf("the event is %s", e)
	}
}
