package handler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// quarantine lists what is in quarantine, as "function: reason", with the payloads.
func quarantine(t *testing.T, r *rig.Rig) (why, payloads []string) {
	t.Helper()
	must(t, r.Ledger().EachQuarantined(t.Context(), func(q ledger.Quarantined) error {
		payload, err := r.Ledger().QuarantinedPayload(t.Context(), q)
		why, payloads = append(why, q.Function+": "+q.Reason), append(payloads, string(payload))
		return err
	}))
	slices.Sort(why)
	slices.Sort(payloads)
	return why, payloads
}

func letter(id string) string {
	return fmt.Sprintf(`{"id":%q,"source":"acs.ecs","specversion":"1.0","type":"ecs:CloudAssistant:TaskCompleted","data":{"instanceId":"i-1","invokeId":"t-1","invocationStatus":"Failed"}}`, id)
}

// TestADeadLetterIsKeptOnceWhateverItsForm, and what can be sent again comes out of what
// lies around it.
func TestADeadLetterIsKeptOnceWhateverItsForm(t *testing.T) {
	r := rigWith(t)
	for _, payload := range []string{
		letter("e-1"), letter("e-1"),
		`{"rule":"ends","lastError":"password=hunter22 was refused","event":` + letter("e-1") + `}`,
		`{"requestContext":{"functionArn":"acs:fc:cn-hangzhou:1:functions/aftercare-submit-task"},"requestPayload":"{\"instanceId\":\"i-1\"}"}`,
		"[" + letter("e-2") + `,"junk"]`, "", "\xff junk",
	} {
		out, err := r.DeadLetters([]byte(payload))
		must(t, err)
		for _, item := range out.Items {
			if item.Result != handler.ResultKept || item.Quarantine == "" {
				t.Errorf("%s: answered %+v", payload, item)
			}
		}
	}
	why, payloads := quarantine(t, r)
	if want := []string{"", `"junk"`, letter("e-1"), letter("e-2"), `{"instanceId":"i-1"}`, "\xff junk"}; !slices.Equal(payloads, want) {
		t.Errorf("in quarantine are %q, want %q", payloads, want)
	}
	for _, want := range []string{
		"rig: dead letter: CloudAssistant:TaskCompleted e-1, by the rule ends, last error: password=[masked] was refused",
		"rig: dead letter: CloudAssistant:TaskCompleted e-2",
		"submit-task: dead letter: no event, but what aftercare-submit-task was invoked with",
		"rig: dead letter: no event that a function takes is in it",
	} {
		if !slices.Contains(why, want) {
			t.Errorf("%q is not among %q", want, why)
		}
	}
}

// TestADeadLetterIsAcknowledgedOnceItIsKept, and once people can be told.
func TestADeadLetterIsAcknowledgedOnceItIsKept(t *testing.T) {
	for name, mode := range map[string]fault.Mode{"before": fault.ErrorBefore, "after": fault.ErrorAfter} {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprint(name, " call ", n), func(t *testing.T) {
				r := rigWith(t)
				r.Faults.Add(fault.Fault{Call: "PutRow", Nth: n, Times: -1, Mode: mode, Status: 403, Code: "OTSNoPermissionAccess"})
				if out, err := r.DeadLetters([]byte(letter("e-1"))); err == nil {
					t.Errorf("answered %+v while a write fails", out)
				}
				r.Faults.Clear()
				only(t)(r.DeadLetters([]byte(letter("e-1"))))
				if _, payloads := quarantine(t, r); !slices.Equal(payloads, []string{letter("e-1")}) {
					t.Errorf("in quarantine are %q", payloads)
				}
			})
		}
	}
}

// TestDeadLettersAreToldOnce, in words of their own, and when no more come.
func TestDeadLettersAreToldOnce(t *testing.T) {
	r := rigWith(t)
	for i := range 3 {
		only(t)(r.Another().DeadLetters([]byte(letter(fmt.Sprint("e-", i)))))
	}
	for _, l := range r.Letters() {
		if want := "Events could not be delivered, and are kept in quarantine. The first: CloudAssistant:TaskCompleted e-0"; l.Alert.Summary != want || !l.Alert.Lasting {
			t.Errorf("the alert is %+v, want %q", l.Alert, want)
		}
	}
	wantTold(t, r, "the first", "dead-letters")
	r.Advance(61 * time.Minute)
	_, err := r.Sweep()
	must(t, err)
	wantTold(t, r, "after an hour without", "dead-letters over")
	if !strings.Contains(r.Log.String(), "No more dead letters came for an hour") {
		t.Errorf("the log is\n%s", r.Log)
	}
}
