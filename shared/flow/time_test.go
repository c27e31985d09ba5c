package flow_test

import (
	"testing"
	"time"

	"aftercare/shared/flow"
)

// [43] [60]
func TestARunWhoseTimeIsOverStopsItsCommandAndWaitsForItsEnd(t *testing.T) {
	d := definition(onFailure(runStep("a"), flow.FailureContinue), runStep("no"))
	d.Timeout = hours(1)
	d.OnFailure = []flow.Step{alertStep("b", "${{ steps.a.status }}")}
	d.Finally = []flow.Step{runStep("c")}
	p := begin(t, d).wants("run a 1").wantDue(time.Hour)
	p.advance(time.Hour - 1).wants().wantDue(time.Hour)
	p.advance(time.Hour).wants("cancel a 1").wantNotDue()
	p.advance(2 * time.Hour).wants().wantNotDue()
	p.end(3*time.Hour, "a", 1, stopped).wants("alert b: timed_out", "run c 1").wantDue(4 * time.Hour)
	p.end(4*time.Hour, "c", 1, success).wantSteps("a timed_out", "b succeeded", "c succeeded").
		wantEnd(flow.ResultTimedOut, "the run timed out")
}

// [60]
func TestOnFailureAndFinallyHaveTheirOwnTime(t *testing.T) {
	d := definition(runStep("a"))
	d.Timeout = hours(1)
	d.OnFailure = []flow.Step{runStep("b"), runStep("no")}
	d.Finally = []flow.Step{runStep("c"), runStep("neither")}
	p := begin(t, d).end(50*time.Minute, "a", 1, failure).wants("run a 1", "run b 1").wantDue(110 * time.Minute)
	p.advance(110*time.Minute).wants("cancel b 1").end(111*time.Minute, "b", 1, stopped).wants("run c 1").wantDue(171 * time.Minute)
	p.advance(171*time.Minute).wants("cancel c 1").end(172*time.Minute, "c", 1, stopped).wants().
		wantSteps("a failed", "b timed_out", "c timed_out").wantEnd(flow.ResultFailed, "step a ended as failed")
}

// [60]
func TestATimeOutThatRacesTheEnd(t *testing.T) {
	const late = 61 * time.Minute
	one := definition(runStep("a"))
	two := definition(runStep("a"), runStep("b"))
	one.Timeout, two.Timeout = hours(1), hours(1)
	t.Run("the last step succeeded, and nobody had asked it to stop", func(t *testing.T) {
		begin(t, one).end(late, "a", 1, success).wants("run a 1").wantEnd(flow.ResultSucceeded, "every step ended")
	})
	t.Run("the last step failed, and nobody had asked it to stop", func(t *testing.T) {
		begin(t, one).end(late, "a", 1, failure).wantSteps("a failed").wantEnd(flow.ResultFailed, "step a ended as failed")
	})
	t.Run("a step is left", func(t *testing.T) {
		begin(t, two).end(late, "a", 1, success).wants("run a 1").wantSteps("a succeeded").wantEnd(flow.ResultTimedOut, "the run timed out")
	})
	t.Run("the last step succeeded although it was asked to stop", func(t *testing.T) {
		begin(t, one).advance(time.Hour).end(late, "a", 1, success).wantSteps("a succeeded").wantEnd(flow.ResultTimedOut, "the run timed out")
	})
	t.Run("the task was cancelled before it was sent", func(t *testing.T) {
		begin(t, one).advance(time.Hour).end(late, "a", 1, cancelled).wantSteps("a timed_out").wantEnd(flow.ResultTimedOut, "the run timed out")
	})
}

// [60]
func TestARunsTimeIsOverInAWait(t *testing.T) {
	for _, wait := range []string{"2h", flow.WaitNextBoot} {
		d := definition(onFailure(waitStep("a", wait), flow.FailureContinue), runStep("no"))
		d.Timeout = hours(1)
		begin(t, d).wantDue(time.Hour).advance(time.Hour).wants().wantSteps("a timed_out").
			wantEnd(flow.ResultTimedOut, "the run timed out")
	}
}

// [61]
func TestAStepsTimeIsOver(t *testing.T) {
	t.Run("its command is stopped, and its end waited for", func(t *testing.T) {
		p := begin(t, definition(onFailure(timeout(runStep("a"), 60), flow.FailureContinue), runStep("b"))).wants("run a 1").wantDue(time.Minute)
		p.advance(time.Minute).wants("cancel a 1").wantNotDue().advance(2 * time.Minute).wants()
		p.end(3*time.Minute, "a", 1, stopped).wants("run b 1").wantSteps("a timed_out", "b")
		if got, want := p.record("a").Reason, "the step timed out, and the command ended as terminated"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("the command succeeded before it could be stopped", func(t *testing.T) {
		begin(t, definition(timeout(runStep("a"), 60))).advance(time.Minute).end(2*time.Minute, "a", 1, success).
			wantSteps("a succeeded").wantEnd(flow.ResultSucceeded, "every step ended")
	})
	t.Run("the command fails late, and nobody had asked it to stop", func(t *testing.T) {
		begin(t, definition(timeout(runStep("a"), 60))).end(2*time.Minute, "a", 1, failure).wants("run a 1").wantSteps("a failed")
	})
	t.Run("a wait that is over at the same moment succeeded", func(t *testing.T) {
		begin(t, definition(timeout(waitStep("a", "60s"), 60))).advance(time.Minute).wantSteps("a succeeded")
	})
}

// [60] [61]
func TestAStepsTimeAndTheRunsAreOverTogether(t *testing.T) {
	d := definition(onFailure(timeout(runStep("a"), 3600), flow.FailureContinue))
	d.Timeout = hours(1)
	want := func(t *testing.T, p *player) {
		t.Helper()
		p.wants("run a 1", "cancel a 1").wantSteps("a timed_out").wantEnd(flow.ResultTimedOut, "the run timed out")
	}
	t.Run("at the same moment", func(t *testing.T) {
		want(t, begin(t, d).advance(time.Hour).end(time.Hour+1, "a", 1, stopped))
	})
	d.Steps[0].Timeout = seconds(3500)
	t.Run("the run's while the step's command is being stopped", func(t *testing.T) {
		want(t, begin(t, d).advance(3500*time.Second).advance(time.Hour).end(time.Hour+1, "a", 1, stopped))
	})
	t.Run("the run's when the step's command has been stopped", func(t *testing.T) {
		want(t, begin(t, d).advance(3500*time.Second).end(time.Hour, "a", 1, stopped))
	})
	t.Run("not the run's", func(t *testing.T) {
		begin(t, d).advance(3500*time.Second).end(time.Hour-1, "a", 1, stopped).wantEnd(flow.ResultSucceeded, "every step ended")
	})
}
