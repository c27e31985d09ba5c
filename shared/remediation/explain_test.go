package remediation_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/remediation"
)

func TestExplainSaysWhatDecideDoesAndHowItWouldGo(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	policy := remediation.DefaultPolicy()
	policy.Flows = flow.NewSet([]flow.Definition{
		define("mend", onEnd, `event.commandName == "check"`, run("fix", "mend/fix", "true"), wait("rest", "10m"), say("tell", "${{ event.instanceId }} is well")),
		define("other", onEnd, `event.commandName == "install"`, say("tell", "no")),
	})
	state := remediation.NewState("i-1")
	state.Limits["mend"] = remediation.Limit{Flow: "mend", Until: noon.Add(time.Hour)}
	for range 30 {
		l := state.Limits["mend"]
		l.Starts = append(l.Starts, noon.Add(-time.Minute))
		state.Limits["mend"] = l
	}
	in := remediation.Ended{Received: noon, Source: remediation.SourceEvent, Event: event.TaskCompleted{
		InstanceID: "i-1", InvokeID: "t-1", CommandName: "check", Status: event.StatusSuccess, FinishTime: noon,
	}}
	got := remediation.Explain(state, in, remediation.Facts{}, policy, noon)
	if len(got) != 2 || got[0].Rehearsal == nil || got[1].Rehearsal != nil {
		t.Fatalf("got %+v, want two decisions, the first with a rehearsal", got)
	}
	if got[0].What != remediation.FlowRefused || got[1].What != remediation.FlowNotStarted {
		t.Errorf("got %s and %s, want refused and not started", got[0].What, got[1].What)
	}
	if diff := cmp.Diff([]flow.Value{{Name: "event.commandName", Value: `"check"`}}, got[1].Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	var did []string
	for _, a := range got[0].Rehearsal.Actions {
		switch {
		case a.Run != nil:
			did = append(did, a.Run.Name+" "+a.Run.Parameters["who"])
		default:
			did = append(did, a.Alert)
		}
	}
	if diff := cmp.Diff([]string{"mend/fix i-1", "i-1 is well"}, did); diff != "" {
		t.Errorf("rehearsed (-want +got):\n%s", diff)
	}
	if got[0].Rehearsal.Took != 10*time.Minute {
		t.Errorf("it would take %s, want 10m", got[0].Rehearsal.Took)
	}
	if len(state.Runs) > 0 || len(state.Limits["mend"].Starts) != 30 {
		t.Error("the state that was given has changed")
	}
}
