package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/event"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/sample"
)

// quiet is the story of an hour in which nothing was lost.
var quiet struct {
	once  sync.Once
	story []string
}

func unlost(t *testing.T) []string {
	t.Helper()
	quiet.once.Do(func() {
		w := newTown(t, eventbridge.Options{})
		w.before()
		w.hour()
		w.settle()
		quiet.story = w.story()
	})
	if len(quiet.story) == 0 {
		t.Fatal("the hour without losses failed")
	}
	return quiet.story
}

// lost is a cloud after an hour whose events were lost, and what is held of them.
func lost(t *testing.T, opt eventbridge.Options) (*town, *eventbridge.Held) {
	t.Helper()
	w := newTown(t, opt)
	w.before()
	held := w.bus.Hold(func(eventbridge.Delivery) bool { return true })
	w.hour()
	return w, held
}

// missing are the events of the hour.
const missing = "4 executions, 2 first heartbeats, "

func (w *town) deny(calls ...string) {
	for _, call := range calls {
		w.queries.Add(fault.Fault{Call: call, Times: -1, Mode: fault.ErrorBefore, Status: http.StatusForbidden, Code: "Forbidden.RAM"})
	}
}

// TestAnHourOfLostEventsIsRepairedExactly: afterwards the ledger, the alerts and what
// ran are as if nothing had been lost, whatever source refuses as long as another has
// the same.
func TestAnHourOfLostEventsIsRepairedExactly(t *testing.T) {
	want := unlost(t)
	for _, c := range sample.Some(t, []struct {
		name  string
		opt   eventbridge.Options
		deny  []string
		code  int
		says  string
		plans int // the exit code of a plan afterwards
	}{
		{"all sources answer", eventbridge.Options{}, nil, 0, "there already: 3 executions, 3 boots", 0},
		{"QueryEvent refuses the bus default", eventbridge.Options{NoQueryByID: true}, nil, 5, "what eventbridge did not say|EventBusNotSupported|eventbridge did not say all", 5},
		{"CloudMonitor is denied", eventbridge.Options{}, []string{"DescribeSystemEventAttribute"}, 5, "what cloudmonitor did not say|Forbidden.RAM", 5},
		{"EventBridge is denied", eventbridge.Options{}, []string{"QueryTracedEvents"}, 5, "what eventbridge did not say|Forbidden.RAM", 5},
		{"nobody says why", eventbridge.Options{}, []string{"QueryEventTraces"}, 0, "why events were not delivered", 0},
	}) {
		t.Run(c.name, func(t *testing.T) {
			w, held := lost(t, c.opt)
			held.Release(eventbridge.Never)
			w.deny(c.deny...)
			w.backfill(6, "missing: "+missing, "--plan")
			w.backfill(c.code, "repaired: 4 executions recorded, 2 instances bootable|"+c.says)
			w.settle()
			if diff := cmp.Diff(want, w.story()); diff != "" {
				t.Errorf("the ledger (-without losses +repaired):\n%s", diff)
			}
			w.backfill(c.plans, "missing: 0 executions, 0 first heartbeats, 0 states of instances", "--plan")
			w.backfill(c.plans, "")
			w.settle()
			if diff := cmp.Diff(want, w.story()); diff != "" {
				t.Errorf("the ledger after another backfill (-without losses +repaired):\n%s", diff)
			}
		})
	}
}

// TestEventsWithoutContentAreNotAskedForOnAndOn: one that is gone is left to the other
// sources, and a refusal that is the same for all ends the questions.
func TestEventsWithoutContentAreNotAskedForOnAndOn(t *testing.T) {
	gone := fault.Fault{Call: "QueryEvent", Nth: 2, Mode: fault.ErrorBefore, Status: http.StatusOK, Code: "EventNotExisted", Message: "it expired"}
	w, held := lost(t, eventbridge.Options{})
	held.Release(eventbridge.Never)
	w.queries.Add(gone)
	w.backfill(6, "missing: "+missing+"|what eventbridge did not say|it expired", "--plan")
	if n := w.queries.Calls()["QueryEvent"]; n < 10 {
		t.Errorf("after one refusal it asked only %d times", n)
	}
	gone.Nth, gone.Times = 1, -1
	w.queries.ResetCalls()
	w.queries.Add(gone)
	w.backfill(6, "missing: "+missing, "--plan")
	if n := w.queries.Calls()["QueryEvent"]; n < 3 || n > 3+4 {
		t.Errorf("it asked %d times", n)
	}
}

// TestWhatOnlyCloudAssistantKnows are the ends: the rest is said to be unknown.
func TestWhatOnlyCloudAssistantKnows(t *testing.T) {
	w, held := lost(t, eventbridge.Options{NoQueryByID: true})
	w.run("i-1", "each-boot", "true", "RepeatMode", "EveryReboot")
	held.Release(eventbridge.Never)
	w.deny("DescribeSystemEventAttribute")
	const unknown = "up to 2 first heartbeats, whose content EventBridge does not give|changes of instances' states, whose content EventBridge does not give|the earlier runs of repeated commands (1), of which"
	w.backfill(5, "repaired: 4 executions recorded, 0 instances bootable, 0 states of instances|"+unknown)
	w.settle()
	// What follows from boots and states is missing, and nothing else.
	follows := []string{" boot ", " run set-up", "mount", "waits", "ran ", "queue "}
	without := func(lines []string) []string {
		return slices.DeleteFunc(lines, func(line string) bool {
			return slices.ContainsFunc(follows, func(text string) bool { return strings.Contains(line, text) })
		})
	}
	if diff := cmp.Diff(without(slices.Clone(unlost(t))), without(w.story())); diff != "" {
		t.Errorf("the ledger (-without losses +repaired):\n%s", diff)
	}
	w.backfill(5, "missing: 0 executions, 0 first heartbeats, 0 states of instances", "--plan")
	for _, e := range w.Records("i-3").Executions {
		if e.Name == "others-bad" && e.Event.Envelope.Source != "aftercare.backfill" {
			t.Errorf("the record says that the end came from %s", e.Event.Envelope.Source)
		}
	}
}

// TestASearchWithoutAnyAnswerIsAnError, and finds nothing.
func TestASearchWithoutAnyAnswerIsAnError(t *testing.T) {
	w := newTown(t, eventbridge.Options{})
	w.deny("DescribeSystemEventAttribute", "QueryTracedEvents")
	w.Faults.Add(fault.Fault{Call: "DescribeInvocations", Times: -1, Mode: fault.ErrorBefore, Status: http.StatusForbidden, Code: "Forbidden.RAM"})
	w.backfill(1, "QueryTracedEvents: |DescribeSystemEventAttribute: |DescribeInvocations: |scripts/ram/operator.json", "--plan")
}

// TestABackfillThatBreaksOffIsRunAgain: it may be killed before and after each
// invocation. What comes late by the rules changes nothing either.
func TestABackfillThatBreaksOffIsRunAgain(t *testing.T) {
	want := unlost(t)
	for _, effect := range sample.Some(t, []bool{false, true}) {
		sample.Calls(t, 4, 9, func(at int) bool {
			n := int32(at)
			w, held := lost(t, eventbridge.Options{})
			ctx, kill := context.WithCancel(t.Context())
			var calls atomic.Int32
			w.during(func(carry func()) {
				last := calls.Add(1) == n
				if last && !effect {
					kill()
					return
				}
				carry()
				if last {
					kill()
				}
			})
			code, out := w.tool(ctx, "backfill", "--since", "1h", "--yes")
			kill()
			w.during(func(carry func()) { carry() })
			w.backfill(0, "")
			held.Release(eventbridge.Reversed)
			w.settle()
			if diff := cmp.Diff(want, w.story()); diff != "" {
				t.Errorf("killed at invocation %d (%t) it ended with %d, %s\nthe ledger (-without losses +repaired):\n%s", n, effect, code, out, diff)
			}
			there := calls.Load() >= n
			if there && !effect && code == 0 {
				t.Errorf("killed at invocation %d of %d it ended with %d:\n%s", n, calls.Load(), code, out)
			}
			return there
		})
	}
}

// TestNewerEventsMakeOlderOnesNeedless: a stop that was lost is no news after a boot.
func TestNewerEventsMakeOlderOnesNeedless(t *testing.T) {
	w := newTown(t, eventbridge.Options{})
	w.before()
	held := w.bus.Hold(func(eventbridge.Delivery) bool { return true })
	w.must(w.ECS.Stop("i-1"))
	w.has(event.KindStateChange, "i-1", "Stopped")
	w.until("the stop is held", func() bool { return held.Len() == 2 })
	held.Release(eventbridge.Never)
	w.backfill(6, "state Stopping|state Stopped|missing: 0 executions, 0 first heartbeats, 2 states", "--plan")
	w.must(w.ECS.Boot("i-1"))
	w.until("its boot is known", func() bool { return w.State("i-1").Instance.BootSeq == 2 })
	w.settle()
	w.backfill(0, "Nothing is missing.", "--plan")
}

func TestBackfillNeedsATime(t *testing.T) {
	w := newTown(t, eventbridge.Options{})
	for args, want := range map[string]string{
		"backfill": "--since is missing", "backfill --since 31d": "a time of the last 30d", "backfill --since yesterday": "it must be a duration",
	} {
		if code, out := w.tool(t.Context(), strings.Fields(args)...); code != 2 || !strings.Contains(out, want) {
			t.Errorf("%s: %d, %s", args, code, out)
		}
	}
	w.env[variableAccount] = ""
	if code, out := w.tool(t.Context(), "backfill", "--since", "1h"); code != 2 || !strings.Contains(out, variableAccount) {
		t.Errorf("without an account: %d, %s", code, out)
	}
}
