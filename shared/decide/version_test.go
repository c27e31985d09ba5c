package decide_test

import (
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow/flowtest"
)

// A run names the version of the flows that it was started with, and its retry the
// same one, whatever is deployed by then. (flow rule 73)
func TestARunNamesTheVersionOfItsFlows(t *testing.T) {
	policy := decide.DefaultPolicy()
	policy.Flows = flowtest.Set(t, `[{name: f, mode: dry-run, steps: [{id: a, run: {}}]}]`, 1, 0)
	version := policy.Flows.Version()
	m := decide.Moment{Now: begin}
	end := decide.Ended{Event: event.TaskCompleted{InstanceID: "i-1", InvokeID: "t-1", Status: event.StatusSuccess, FinishTime: begin}, Received: begin}
	ended := decide.Decide(decide.NewState("i-1"), end, decide.Facts{}, policy, m).Changes.EndedRuns
	if len(ended) != 1 || ended[0].FlowsVersion != version {
		t.Fatalf("the runs are %+v, want one with the version %s", ended, version)
	}
	policy.Flows = flowtest.Set(t, `[{name: f, mode: dry-run, steps: [{id: b, run: {}}]}]`, 1, 0)
	facts := decide.Facts{EndedRun: &ended[0], Asked: decide.Needs{EndedRun: ended[0].ID}}
	again := decide.Decide(decide.NewState("i-1"), decide.Retry{Key: "k", RunID: ended[0].ID}, facts, policy, m).Changes.EndedRuns
	if len(again) != 1 || again[0].FlowsVersion != version || policy.Flows.Version() == version {
		t.Errorf("the retry is %+v, want one with the version %s", again, version)
	}
}
