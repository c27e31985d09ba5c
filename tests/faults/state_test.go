package faults_test

import (
	"bytes"
	"fmt"
	"testing"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/rig"
)

// stateOf takes the event that says that the instance has come to a state.
func stateOf(r *rig.Rig, state event.State) []byte {
	for {
		if e := r.Take(event.KindStateChange); bytes.Contains(e, []byte(`"state":"`+state+`"`)) {
			return e
		}
	}
}

// stateScenarios are changes of the instance's state.
func stateScenarios() map[string]scenario {
	var change kept
	invoke := func(r *rig.Rig) (handler.Outcome, error) { return r.StateChange(change.payload) }
	return map[string]scenario{
		"it stops while a command waits for the next minute": {
			prepare: func(r *rig.Rig) {
				boot(r)
				r.Faults.Add(refusal("RunCommand", 400, "Throttling.User"))
				must(submission("first", "true", 5)(r))
				mustDo(r.ECS.Stop(instanceID))
				change.payload = stateOf(r, event.StateStopped)
			},
			invoke: invoke, boots: 1,
		},
		"it is deleted while three tasks wait": {
			prepare: func(r *rig.Rig) {
				r.Create(instanceID)
				for i := range 3 {
					must(submission(fmt.Sprint("task", i), "true", i)(r))
				}
				mustDo(r.ECS.Delete(instanceID))
				change.payload = stateOf(r, event.StateDeleted)
			},
			invoke: invoke, alerts: 3,
		},
	}
}

// TestEveryFailedCallOfAStateChangeIsMadeGood fails the n-th call of the function
// instance-state, in every mode. (decide rules 6, 118, 121)
func TestEveryFailedCallOfAStateChangeIsMadeGood(t *testing.T) {
	for _, name := range fifth(t, stateScenarios()) {
		for _, m := range some(t, name, modes) {
			t.Run(name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				each(t, "call", 1, func(t *testing.T, n int) bool { return runWithFault(t, stateScenarios()[name], n, m) })
			})
		}
	}
}
