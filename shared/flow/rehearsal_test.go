package flow_test

import (
	"testing"
	"time"

	"aftercare/shared/flow"
)

func TestARehearsedBootNeverComesIfItsEndIsEmpty(t *testing.T) {
	d := flow.Definition{
		Name: "f", On: []string{flow.FirstHeartbeat}, Timeout: flow.Duration(time.Hour),
		Steps: []flow.Step{{ID: "back", Wait: flow.WaitNextBoot, Timeout: flow.Duration(10 * time.Minute)}},
	}
	for status, want := range map[string]string{flow.StepSucceeded: flow.ResultSucceeded, "": flow.ResultFailed} {
		got := flow.Rehearse(d, flow.Event{Kind: flow.FirstHeartbeat}, flow.Instance{BootSeq: 1}, 0, time.Unix(0, 0), func(string, int) flow.StepEnd {
			return flow.StepEnd{Status: status}
		})
		if got.Result != want {
			t.Errorf("with the end %q the run %s (%s), want %s", status, got.Result, got.Reason, want)
		}
	}
}
