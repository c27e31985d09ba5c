package flow_test

import (
	"testing"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// failedWith is the end of a command with an exit code.
func failedWith(code int64, output string) flow.StepEnd {
	return flow.StepEnd{
		Status: flow.StepFailed, InvocationStatus: "Failed", ErrorCode: "ExitCodeNonzero", ExitCode: &code, Reason: "its execution ended as Failed", Output: output,
	}
}

// [39] An alert knows what went wrong before it; what goes wrong later is not its
// matter.
func TestAnAlertKnowsWhatWentWrong(t *testing.T) {
	capture := runStep("look")
	capture.Capture, capture.OnFailure = true, flow.FailureContinue
	fix := runStep("fix")
	d := definition(alertStep("begin", "it begins"), capture, alertStep("middle", "it goes on"), fix)
	d.OnFailure = []flow.Step{alertStep("tell", "it is down")}
	d.Finally = []flow.Step{alertStep("end", "it is over")}
	r := flow.NewRun("run-1", d, ended(), 0)
	var alerts []flow.Trouble
	add := func(actions []flow.Action) {
		for _, a := range actions {
			if a.Alert != "" {
				alerts = append(alerts, a.Trouble)
			} else {
				r.SetTask("task-" + a.Step)
			}
		}
	}
	add(r.Begin(at(0)))
	add(r.CommandEnded("look", 1, failedWith(3, "no space"), at(1)))
	add(r.CommandEnded("fix", 1, flow.StepEnd{Status: flow.StepAborted, ErrorCode: "AccountNotExists", Reason: "its execution ended as Aborted"}, at(2)))
	want := []flow.Trouble{
		{},
		{Step: "look", Why: "step look ended as failed: exit code 3", Task: "task-look", Output: "no space"},
		{Step: "fix", Why: "step fix ended as aborted: AccountNotExists", Task: "task-fix"},
		{Step: "fix", Why: "step fix ended as aborted: AccountNotExists", Task: "task-fix"},
	}
	if diff := cmp.Diff(want, alerts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.FailedStep != "fix" || r.Reason != want[2].Why || !r.Ended {
		t.Errorf("the run is %+v", r)
	}
}

// [39]
func TestARunIsToldByTheStepAtWhichItFailedOrWhatFollows(t *testing.T) {
	for name, c := range map[string]struct {
		alerted, after bool
		want           bool
	}{
		"by nobody":               {},
		"by the command's end":    {alerted: true, want: true},
		"by a step of finally":    {after: true, want: true},
		"by both, which is twice": {alerted: true, after: true, want: true},
	} {
		d := definition(alertStep("begin", "it begins"), runStep("fix"))
		if c.after {
			d.Finally = []flow.Step{alertStep("end", "it is over")}
		}
		r := flow.NewRun("run-1", d, ended(), 0)
		r.Begin(at(0))
		end := failedWith(3, "")
		end.Alerted = c.alerted
		r.CommandEnded("fix", 1, end, at(1))
		if got := r.Told(); got != c.want {
			t.Errorf("told %s: %v, want %v", name, got, c.want)
		}
	}
}
