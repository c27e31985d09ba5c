package handler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
	"aftercare/tests/sample"
)

// endsWithout runs n commands whose events are lost, until sweeps must ask for their
// ends.
func endsWithout(t *testing.T, r *rig.Rig, n int) {
	t.Helper()
	for range n {
		look(t, r, r.Another(), "i-1")
		r.Take(event.KindTaskCompleted)
	}
	r.Advance(10 * time.Minute)
}

func silentRig(t *testing.T) *rig.Rig {
	t.Helper()
	r := rigWith(t, "i-1")
	only(t)(r.FirstHeartbeat(r.Boot("i-1")))
	return r
}

func swept(t *testing.T, r *rig.Rig) {
	t.Helper()
	_, err := r.Sweep()
	must(t, err)
}

// TestEventsThatDoNotArriveAreToldOnceAndWhenTheyComeAgain, with what brings back what
// was missed. (decide rule 96)
func TestEventsThatDoNotArriveAreToldOnceAndWhenTheyComeAgain(t *testing.T) {
	r := silentRig(t)
	endsWithout(t, r, 2)
	swept(t, r)
	wantTold(t, r, "after two ends that were asked for")
	look(t, r, r.Another(), "i-1")
	r.Take(event.KindTaskCompleted)
	r.Advance(6 * time.Minute)
	swept(t, r)
	for _, l := range r.Letters() {
		if a := l.Alert; a.Kind == decide.AlertEventsSilent && (!strings.Contains(a.Summary, "'aftercare backfill --since 2h'") || a.Severity != decide.SeverityCritical || !a.Lasting) {
			t.Errorf("the alert is %+v", a)
		}
	}
	wantTold(t, r, "after the third within 15 minutes", "events-silent")
	endsWithout(t, r, 3)
	swept(t, r)
	swept(t, r)
	wantTold(t, r, "after more of them")

	only(t)(r.TaskCompleted(endOf(r, "t-other")))
	swept(t, r)
	wantTold(t, r, "after an event", "events-silent over")
	swept(t, r)
	wantTold(t, r, "after another sweep")
}

// endOf is the event of a command that ended now.
func endOf(r *rig.Rig, invokeID string) []byte {
	data := endData(invokeID)
	data["finishTime"], data["startTime"] = r.Now().Format(time.RFC3339), r.Now().Format(time.RFC3339)
	return encode(cloudEvent(event.KindTaskCompleted, data))
}

// TestEventsThatArriveAreNotMissed although many ends were asked for, and neither are
// those of which the history does not say whether they arrive. (decide rule 96)
func TestEventsThatArriveAreNotMissed(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *rig.Rig){
		"one arrived": func(t *testing.T, r *rig.Rig) { only(t)(r.TaskCompleted(endOf(r, "t-other"))) },
		"there is no list": func(t *testing.T, r *rig.Rig) {
			_, err := direct(t, r).DeleteIndex(&sdk.DeleteIndexRequest{MainTableName: "aftercare_instances", IndexName: "aftercare_history"})
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := silentRig(t)
			endsWithout(t, r, 3)
			prepare(t, r)
			swept(t, r)
			wantTold(t, r, "after three ends that were asked for")
		})
	}
}

// TestEventsThatDoNotArriveAreToldWhateverFails: each call of the sweep that must tell
// it fails, before and after its effect; one with another such end makes up for it.
// (decide rule 96)
func TestEventsThatDoNotArriveAreToldWhateverFails(t *testing.T) {
	for _, mode := range sample.Some(t, []fault.Mode{fault.CutBefore, fault.CutAfter}) {
		sample.Calls(t, 50, 80, func(n int) bool {
			r := silentRig(t)
			endsWithout(t, r, 3)
			r.Faults.Add(fault.Fault{Nth: n, Mode: mode})
			_, _ = r.Sweep()
			struck := r.Faults.Struck() > 0
			r.Faults.Clear()
			endsWithout(t, r, 1)
			swept(t, r)
			swept(t, r)
			news := slices.DeleteFunc(told(t, r), func(kind string) bool { return kind != string(decide.AlertEventsSilent) })
			if len(news) != 1 {
				t.Errorf("%s of call %d: people are told %v, want it once; log:\n%s", mode, n, news, r.Log)
			}
			return struck
		})
	}
}
