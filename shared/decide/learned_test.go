package decide_test

import (
	"encoding/json"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow/flowtest"
)

// That an instance has no tags is known, also after its row was stored and loaded.
// (decide rule 126)
func TestAnInstanceWithoutTagsIsKnownToHaveNone(t *testing.T) {
	policy := decide.DefaultPolicy()
	policy.Flows = flowtest.Set(t, `[{name: f, instances: {tags: {role: [web]}}, steps: [{id: a, run: {}}]}]`, 1, 0)
	end := func(id string) decide.Ended {
		return decide.Ended{Event: event.TaskCompleted{InstanceID: "i-1", InvokeID: id, Status: event.StatusSuccess, FinishTime: begin}, Received: begin}
	}
	facts := decide.Facts{Machine: &decide.Machine{Status: "Running"}, Asked: decide.Needs{Machine: true}}
	s := decide.Decide(decide.NewState("i-1"), end("t-1"), facts, policy, decide.Moment{Now: begin}).Next
	stored, err := json.Marshal(s.Instance)
	if err != nil {
		t.Fatal(err)
	}
	s.Instance = decide.Instance{}
	if err := json.Unmarshal(stored, &s.Instance); err != nil {
		t.Fatal(err)
	}
	says := decide.Explain(s, end("t-2"), decide.Facts{}, policy, begin, nil)
	if want := `instances: there is no tag role, the flow is for "web"`; len(says) != 1 || says[0].Why != want {
		t.Errorf("it says %+v, want %s", says, want)
	}
}
