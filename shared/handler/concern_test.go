package handler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// told takes what is in the inbox about no instance, as "kind" or "kind over".
func told(t *testing.T, r *rig.Rig) (news []string) {
	t.Helper()
	letters := r.Letters()
	for _, l := range letters {
		if a := l.Alert; a.InstanceID == "" && a.Recovered {
			news = append(news, string(a.Kind)+" over")
		} else if a.InstanceID == "" {
			news = append(news, string(a.Kind))
		}
	}
	must(t, r.Ledger().Alerts().Remove(t.Context(), letters))
	slices.Sort(news)
	return news
}

func wantTold(t *testing.T, r *rig.Rig, when string, want ...string) {
	t.Helper()
	if got := told(t, r); !slices.Equal(got, want) {
		t.Errorf("%s: people are told %v, want %v; log:\n%s", when, got, want, r.Log)
	}
}

// always is a fault that strikes each call from now on.
func always(call, code string) fault.Fault {
	return fault.Fault{Call: call, Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: code}
}

// look submits another command each time.
func look(t *testing.T, r *rig.Rig, by *rig.Process, instanceID string) {
	t.Helper()
	only(t)(by.SubmitTask(submit(instanceID, "look", "true", 5, fmt.Sprint("key", r.Now().UnixNano()))))
}

// TestQuarantineIsToldOnceForEachFunction, however much comes, and its end when nothing
// has come for an hour.
func TestQuarantineIsToldOnceForEachFunction(t *testing.T) {
	r := rigWith(t)
	bad := func(by *rig.Process, text string) {
		t.Helper()
		if item := only(t)(by.TaskCompleted([]byte(text))); item.Result != handler.ResultQuarantined {
			t.Fatalf("answered %+v", item)
		}
	}
	one, two := r.Another(), r.Another()
	bad(one, `{"cut`)
	for _, l := range r.Letters() {
		if a := l.Alert; a.Severity != decide.SeverityError || !a.Lasting || !strings.Contains(a.Summary, "aftercare-rig got what it cannot read") || strings.Contains(a.Summary, "cut\"") {
			t.Errorf("the alert is %+v", l.Alert)
		}
	}
	wantTold(t, r, "the first", "quarantine")
	bad(one, `{"cut again`)
	bad(two, `{"cut by another`)
	r.Advance(50 * time.Minute)
	bad(two, `{"cut later`)
	r.Advance(50 * time.Minute)
	_, err := r.Sweep()
	must(t, err)
	wantTold(t, r, "more of them")
	r.Advance(11 * time.Minute)
	_, err = r.Sweep()
	must(t, err)
	wantTold(t, r, "after an hour without", "quarantine over")
	_, err = r.Sweep()
	must(t, err)
	wantTold(t, r, "after another sweep")
	bad(one, `{"cut anew`)
	wantTold(t, r, "a new one", "quarantine")
}

// TestQuarantineOfWhichNobodyCouldBeToldComesAgain: it is kept once all the same.
func TestQuarantineOfWhichNobodyCouldBeToldComesAgain(t *testing.T) {
	r := rigWith(t)
	r.Faults.Add(fault.Fault{Call: "PutRow", Nth: 2, Mode: fault.ErrorBefore, Status: 403, Code: "OTSNoPermissionAccess"})
	out, err := r.TaskCompleted([]byte(`{"cut`))
	wantRefused(t, out, err)
	only(t)(r.TaskCompleted([]byte(`{"cut`)))
	if news := told(t, r); !slices.Contains(news, "quarantine") {
		t.Errorf("people are told %v", news)
	}
}

// TestARightThatIsMissingIsToldOnceAndWhenItSuffices.
func TestARightThatIsMissingIsToldOnceAndWhenItSuffices(t *testing.T) {
	array := func(t *testing.T, r *rig.Rig, by *rig.Process) {
		t.Helper()
		var events []any
		for i := range 10 {
			events = append(events, cloudEvent(event.KindTaskCompleted, endData(fmt.Sprintf("t-%d-%d", r.Now().UnixNano(), i))))
		}
		_, err := by.TaskCompleted(encode(events))
		must(t, err)
	}
	for name, c := range map[string]struct {
		fault fault.Fault
		right string
		use   func(*testing.T, *rig.Rig, *rig.Process)
	}{
		"of Cloud Assistant": {always("RunCommand", "Forbidden.RAM"), "ecs:RunCommand", func(t *testing.T, r *rig.Rig, by *rig.Process) { t.Helper(); look(t, r, by, "i-1") }},
		"of Tablestore":      {always("BatchGetRow", "OTSNoPermissionAccess"), "ots:BatchGetRow on aftercare_instances", array},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := bootable(t, rig.Options{}, "i-1")
			one, two := r.Another(), r.Another()
			r.Faults.Add(c.fault)
			c.use(t, r, one)
			for _, l := range r.Letters() {
				if a := l.Alert; a.Kind == decide.AlertRight && (!strings.HasSuffix(a.Summary, "lacks the right "+c.right+".") || !a.Urgent()) {
					t.Errorf("the alert is %+v", a)
				}
			}
			wantTold(t, r, "the first", "right-missing")
			before := r.Faults.Calls()["GetRow"]
			c.use(t, r, one)
			c.use(t, r, two)
			wantTold(t, r, "others")
			if n := r.Faults.Calls()["GetRow"] - before; n != 0 {
				t.Errorf("what is known is read %d times", n)
			}
			r.Faults.Clear()
			c.use(t, r, two)
			wantTold(t, r, "one that works at once: the right may be for some only")
			r.Advance(10 * time.Minute)
			c.use(t, r, two)
			wantTold(t, r, "one that works later", "right-missing over")
			c.use(t, r, one)
			wantTold(t, r, "another that works")
		})
	}
}

// TestTheQuotaIsToldOnceADay, and when a command is sent again, or the day is over.
func TestTheQuotaIsToldOnceADay(t *testing.T) {
	r := bootable(t, rig.Options{}, "i-1")
	noon := decide.NextDay(r.Now()).Add(12 * time.Hour)
	r.Advance(noon.Sub(r.Now()))
	_, err := r.Sweep()
	must(t, err)
	told(t, r)
	r.Faults.Add(always("RunCommand", "Invocation.ExceedQuota"))
	look(t, r, r.Another(), "i-1")
	wantTold(t, r, "the first", "quota")
	r.Create("i-2")
	_, err = r.FirstHeartbeat(r.Boot("i-2"))
	must(t, err)
	look(t, r, r.Another(), "i-2")
	wantTold(t, r, "another process, on another instance")
	r.Faults.Clear()
	r.Create("i-3")
	_, err = r.FirstHeartbeat(r.Boot("i-3"))
	must(t, err)
	look(t, r, r.Another(), "i-3")
	wantTold(t, r, "when a command is sent", "quota over")

	r.Faults.Add(always("RunCommand", "Invocation.ExceedQuota"))
	look(t, r, r.Another(), "i-3")
	wantTold(t, r, "again", "quota")
	r.Faults.Clear()
	r.Advance(11 * time.Hour)
	_, err = r.Sweep()
	must(t, err)
	wantTold(t, r, "before midnight")
	r.Advance(time.Hour)
	_, err = r.Sweep()
	must(t, err)
	wantTold(t, r, "when the day is over", "quota over")
}

// TestARightToWakeAlertsIsToldToo: it goes with a right that is missing for a command.
func TestARightToWakeAlertsIsToldToo(t *testing.T) {
	r := bootable(t, rig.Options{}, "i-1")
	r.Faults.Add(fault.Fault{Call: "InvokeFunction", Times: -1, Mode: fault.ErrorBefore, Status: 403})
	critical(t, r, r.Another(), "i-1")
	wantTold(t, r, "when waking is refused", "right-missing", "right-missing")
}
