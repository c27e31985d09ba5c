package handler_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"aftercare/shared/handler"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/rig"
)

// TestAnEventThatEventBridgeGivesUpComesBack: its rule's target names the bus for dead
// letters, whose rule invokes dead-letters. What is kept is recorded as the event would
// have been. What dead-letters fails on goes nowhere.
func TestAnEventThatEventBridgeGivesUpComesBack(t *testing.T) {
	r := rigWith(t, "i-1")
	kept := make(chan error, 1)
	failures := 2 // of dead-letters, before it works
	bus, err := eventbridge.Start(eventbridge.Options{
		Region: rig.Region, Account: rig.Account, Scale: 1e-6, Buses: []string{"aftercare-dead"},
		Rules: []eventbridge.Rule{
			{Name: "aftercare-task-completed-ecs", Pattern: `{"source":["acs.ecs"]}`, Targets: []eventbridge.TargetSpec{
				target("task-completed", "acs:eventbridge:"+rig.Region+":"+rig.Account+":eventbus/aftercare-dead"),
			}},
			{Name: "aftercare-dead-letters-events", Bus: "aftercare-dead", Pattern: `{}`, Targets: []eventbridge.TargetSpec{target("dead-letters", "")}},
		},
		Invoke: func(_ context.Context, in eventbridge.Invocation) error {
			if in.Function != "aftercare-dead-letters" {
				return errors.New("the function is broken")
			}
			if failures--; failures >= 0 {
				return errors.New("it fails, too")
			}
			_, err := r.DeadLetters(in.Payload)
			kept <- err
			return err
		},
	})
	must(t, err)
	t.Cleanup(func() { bus.Close() })
	must(t, bus.PutServiceEvent([]byte(letter("e-1"))))
	must(t, <-kept)
	why, payloads := quarantine(t, r)
	want := "rig: dead letter: CloudAssistant:TaskCompleted e-1, by the rule aftercare-task-completed-ecs, last error: the function is broken"
	if !slices.Equal(why, []string{want}) {
		t.Fatalf("in quarantine is %q, want %q", why, want)
	}
	if item := only(t)(r.TaskCompleted([]byte(payloads[0]))); item.Result != handler.ResultRecorded {
		t.Errorf("sent again, it is %+v", item)
	}
	if item := only(t)(r.TaskCompleted([]byte(letter("e-1")))); item.Result != handler.ResultDuplicate {
		t.Errorf("the event itself is then %+v, want a duplicate", item)
	}
}

// target is a function that gets whole events, with a place for what it does not take.
func target(function, dead string) eventbridge.TargetSpec {
	spec := eventbridge.TargetSpec{
		ID: "1", Type: "acs.fc.function", Endpoint: "acs:fc:" + rig.Region + ":" + rig.Account + ":functions/aftercare-" + function,
		PushRetryStrategy: eventbridge.BackoffRetry, ErrorsTolerance: "ALL",
	}
	if dead != "" {
		spec.DeadLetterQueue = &eventbridge.DeadLetterQueue{Arn: dead}
	}
	return spec
}
