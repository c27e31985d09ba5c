package decide_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// TestAnAlertThatComesAgainKeepsWhatItsRowKeeps of a version that knows more.
// (ledger rule 21)
func TestAnAlertThatComesAgainKeepsWhatItsRowKeeps(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	policy := decide.DefaultPolicy()
	policy.AlertOn = map[event.Status]bool{event.StatusFailed: true}
	failed := func(s decide.State, invokeID string, at time.Time) decide.State {
		t.Helper()
		code := int64(3)
		d := decide.Decide(s, decide.Ended{Received: at, Source: decide.SourceEvent, Event: event.TaskCompleted{
			Envelope: event.Envelope{ID: invokeID, Source: "acs.ecs", Kind: event.KindTaskCompleted, Time: at}, InstanceID: "i-1", InvokeID: invokeID,
			CommandName: "backup", Status: event.StatusFailed, ExitCode: &code, RepeatMode: "Once", StartTime: at, FinishTime: at,
		}}, decide.Facts{Control: decide.NewControl()}, policy, decide.Moment{Now: at, Claim: decide.Claim{Commit: invokeID, Until: at.Add(time.Minute)}})
		if !d.Needs.Empty() || len(d.Next.Alerted) != 1 {
			t.Fatalf("%s: it needs %+v, and %d alerts are followed", invokeID, d.Needs, len(d.Next.Alerted))
		}
		return d.Next
	}
	s := failed(decide.NewState("i-1"), "t-1", at)
	for key, a := range s.Alerted {
		a.Rest, a.Alert.Rest = "the row's", "the alert's"
		s.Alerted[key] = a
	}
	for _, a := range failed(s, "t-2", at.Add(time.Minute)).Alerted {
		if a.Rest != "the row's" || a.Alert.Rest != "the alert's" || !a.Alert.At.Equal(at.Add(time.Minute)) {
			t.Errorf("it is %+v", a)
		}
	}
}
