package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
)

// TestADeadEventPathDoesNotHideBehindItsRepair loses the events of all ends: sweeps
// record them all the same, and one alert says so, until there are fewer. The events
// that come after all change nothing. (decide rules 67, 96)
func TestADeadEventPathDoesNotHideBehindItsRepair(t *testing.T) {
	t.Parallel()
	limit := decide.DefaultPolicy().RepairsPerHour
	r := newRig(t, scenario{})
	boot(r)
	var lost [][]byte
	repairs := func(commands int) (alerts int) {
		t.Helper()
		for range commands {
			must(submission(fmt.Sprint("command", len(lost)), "true", 5)(r))
			lost = append(lost, r.Take(event.KindTaskCompleted))
		}
		r.Advance(10 * time.Minute)
		again(t, r.Sweep)
		finish(t, r) // of the alert
		for _, a := range r.Alerts() {
			if strings.Contains(a.Summary, "Events of ended commands may not arrive") {
				alerts++
			}
		}
		if got := len(r.Records(instanceID).Executions); got != len(lost) {
			t.Fatalf("%d ends are on record, want %d; log:\n%s", got, len(lost), r.Log)
		}
		return alerts
	}
	for _, c := range []struct{ commands, alerts int }{{limit - 1, 0}, {1, 1}, {2, 1}} {
		if got := repairs(c.commands); got != c.alerts {
			t.Errorf("%d alerts after %d lost events, want %d; log:\n%s", got, len(lost), c.alerts, r.Log)
		}
	}
	if got := len(r.Alerts()); got != 1 {
		t.Errorf("%d alerts in all, want one", got)
	}
	before := all(t, r)
	for _, e := range lost {
		again(t, func() (handler.Outcome, error) { return r.TaskCompleted(e) })
	}
	if after := all(t, r); after != before {
		t.Errorf("the lost events changed\n%s\nto\n%s", before, after)
	}
	// Two hours later, the alert is over.
	r.Advance(2 * time.Hour)
	again(t, r.Sweep)
	finish(t, r)
	if over, alerts := said(r, "sweeps learned fewer than"), len(r.Alerts()); over != 1 || alerts != 1 {
		t.Errorf("%d alerts are over of %d, want one, in the place of the first", over, alerts)
	}
	nothingLeft(t, r)
}
