package flow_test

import (
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// [20]
func TestStepsRunInOrderOneAtATime(t *testing.T) {
	p := begin(t, definition(runStep("a"), alertStep("b", "hello"), invokeStep("c", "x", "1"))).
		wants("run a 1").wantSteps("a")
	p.end(time.Second, "a", 1, success).wants("alert b: hello", "invoke c 1 x=1").wantSteps("a succeeded", "b succeeded", "c")
	p.end(2*time.Second, "c", 1, success).wants().wantSteps("a succeeded", "b succeeded", "c succeeded").
		wantEnd(flow.ResultSucceeded, "every step ended")
}

// [20]
func TestAStepWhoseWhenIsFalseIsSkippedWithTheClause(t *testing.T) {
	p := begin(t, definition(
		runStep("a"),
		when(runStep("b"), `event.exitCode == 3 && steps.a.exitCode > 0`),
		when(runStep("c"), `steps.b.status == "skipped"`),
	)).wants("run a 1")
	p.end(time.Second, "a", 1, success).wants("run c 1")
	if got, want := p.record("b").Reason, "when was false: steps.a.exitCode > 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := p.record("b"); got.Attempts != 0 || got.EndedAt != begun.Add(time.Second) {
		t.Errorf("a skipped step has %d attempts and ended at %v", got.Attempts, got.EndedAt)
	}
}

// [20] [41] [43]
func TestARunWhoseEveryWhenIsFalseSucceeds(t *testing.T) {
	d := definition(when(runStep("a"), "false"), when(waitStep("b", "1h"), "false"), when(stopStep("c", flow.ResultFailed), "false"))
	d.OnFailure = []flow.Step{alertStep("d", "not this one")}
	d.Finally = []flow.Step{when(alertStep("e", "nor this one"), "false")}
	begin(t, d).wants().wantSteps("a skipped", "b skipped", "c skipped", "e skipped").
		wantEnd(flow.ResultSucceeded, "every step ended").wantNotDue()
}

// [14] [21]
func TestParametersAreEvaluatedAnewForEveryAttempt(t *testing.T) {
	p := begin(t, definition(retry(runStep("a", "n", "${{ run.attempt }} of ${{ run.startedAt }} on ${{ instance.agentVersion }}"), 1, "Failed"))).
		wants("run a 1 n=1 of 2026-03-02T09:00:00Z on 2.2.3")
	m := at(time.Minute)
	m.Instance.AgentVersion = "2.2.4"
	p.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded("a", 1, failure, m) }).
		wants("run a 2 n=2 of 2026-03-02T09:00:00Z on 2.2.4")
}

// [22]
func TestAStepEndsAsItsTaskDoes(t *testing.T) {
	for _, status := range flow.StepStatuses[:8] {
		p := begin(t, definition(onFailure(runStep("a"), flow.FailureContinue), when(alertStep("b", "seen"), `steps.a.status == "`+status+`"`)))
		p.end(time.Second, "a", 1, flow.StepEnd{Status: status, Reason: "why"}).
			wantSteps("a "+status, "b succeeded").wantEnd(flow.ResultSucceeded, "every step ended")
		if got := p.record("a"); got.Reason != "why" || got.EndedBy != "input at 1s" || got.Cause != "input at 0s" {
			t.Errorf("%s: the record is %+v", status, got)
		}
	}
}

// [22]
func TestStaleEndsChangeNothing(t *testing.T) {
	p := begin(t, definition(retry(runStep("a"), 1, "Failed"), runStep("b"))).wants("run a 1")
	unchanged := func(what, step string, attempt int) {
		t.Helper()
		before := p.run.Clone()
		p.end(time.Minute, step, attempt, failure).wants()
		if diff := cmp.Diff(p.run, before); diff != "" {
			t.Errorf("%s changed the run (-got +want):\n%s", what, diff)
		}
	}
	unchanged("an end of another step", "b", 1)
	unchanged("an end of an attempt to come", "a", 2)
	p.end(time.Second, "a", 1, failure).wants("run a 2")
	unchanged("an end of the attempt before", "a", 1)
	p.end(2*time.Second, "a", 2, success).wants("run b 1")
	unchanged("an end of the step before", "a", 2)
	p.end(3*time.Second, "b", 1, success)
	unchanged("an end of a run that has ended", "b", 1)

	slow := runStep("a")
	slow.Retry = &flow.Retry{Max: 1, On: []string{"Failed"}, Backoff: hours(1), Factor: 1, MaxBackoff: hours(1)}
	p = begin(t, definition(slow)).end(1, "a", 1, failure).wants("run a 1")
	unchanged("the same end again, in the backoff", "a", 1)
	p = begin(t, definition(waitStep("w", "2h")))
	unchanged("an end of a wait", "w", 1)
}

// [29]
func TestStopEndsTheRunWithItsResult(t *testing.T) {
	for _, result := range []string{flow.ResultSucceeded, flow.ResultFailed} {
		d := definition(stopStep("enough", result), runStep("no"))
		d.OnFailure = []flow.Step{runStep("neither")}
		d.Finally = []flow.Step{alertStep("last", "bye")}
		begin(t, d).wants("alert last: bye").wantSteps("enough succeeded", "last succeeded").
			wantEnd(result, "step enough ends the run")
	}
}

// [29] [40]
func TestStopInOnFailureSaysWhatCameOfTheRun(t *testing.T) {
	d := definition(runStep("a"))
	d.OnFailure = []flow.Step{stopStep("repaired", flow.ResultSucceeded), runStep("no")}
	d.Finally = []flow.Step{alertStep("last", "bye")}
	begin(t, d).end(time.Second, "a", 1, failure).wants("run a 1", "alert last: bye").
		wantEnd(flow.ResultSucceeded, "step repaired ends the run")
}

// [29] [41]
func TestStopInFinallyKeepsTheResult(t *testing.T) {
	d := definition(alertStep("a", "hello"))
	d.Finally = []flow.Step{stopStep("enough", flow.ResultFailed), runStep("no")}
	begin(t, d).wants("alert a: hello").wantSteps("a succeeded", "enough succeeded").wantEnd(flow.ResultSucceeded, "every step ended")
}

// [40] [41]
func TestOnFailureAndFinallyRunAfterAFailure(t *testing.T) {
	d := definition(runStep("a"), runStep("no"))
	d.OnFailure = []flow.Step{runStep("b"), onFailure(runStep("c"), flow.FailureContinue), runStep("d"), runStep("no-more")}
	d.Finally = []flow.Step{runStep("e"), runStep("f"), when(alertStep("g", "all ${{ steps[\"no-more\"].status }}"), `steps.no.status == "skipped"`)}
	p := begin(t, d).end(1, "a", 1, failure).end(2, "b", 1, success).end(3, "c", 1, failure).end(4, "d", 1, failure)
	p.wants("run a 1", "run b 1", "run c 1", "run d 1", "run e 1")
	if p.run.Result != flow.ResultFailed || p.run.Ended {
		t.Errorf("the result is %q and ended is %t while finally runs", p.run.Result, p.run.Ended)
	}
	p.end(5, "e", 1, failure).end(6, "f", 1, failure).wants("run f 1", "alert g: all skipped").
		wantSteps("a failed", "b succeeded", "c failed", "d failed", "e failed", "f failed", "g succeeded").
		wantEnd(flow.ResultFailed, "step a ended as failed")
}

// [41]
func TestFinallyRunsAfterASuccess(t *testing.T) {
	d := definition(runStep("a"))
	d.OnFailure = []flow.Step{runStep("no")}
	d.Finally = []flow.Step{invokeStep("b")}
	begin(t, d).end(1, "a", 1, success).end(2, "b", 1, failure).wants("run a 1", "invoke b 1").
		wantEnd(flow.ResultSucceeded, "every step ended")
}

// [42]
func TestOnFailureOfAStepSaysWhatFollows(t *testing.T) {
	t.Run("stop", func(t *testing.T) {
		begin(t, definition(onFailure(runStep("a"), flow.FailureStop), runStep("b"))).end(1, "a", 1, failure).
			wants("run a 1").wantEnd(flow.ResultFailed, "step a ended as failed")
	})
	t.Run("continue", func(t *testing.T) {
		begin(t, definition(onFailure(runStep("a"), flow.FailureContinue), runStep("b"))).end(1, "a", 1, failure).
			wants("run a 1", "run b 1")
	})
	jump := definition(onFailure(runStep("a"), "d"), runStep("b"), stopStep("c", flow.ResultSucceeded), runStep("d"))
	t.Run("the id of a later step", func(t *testing.T) {
		p := begin(t, jump).end(1, "a", 1, failure).wants("run a 1", "run d 1").wantSteps("a failed", "b skipped", "c skipped", "d")
		if got, want := p.record("b").Reason, "step a did not succeed, and the run continues at d"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("the id of a later step, without a failure", func(t *testing.T) {
		begin(t, jump).end(1, "a", 1, success).end(2, "b", 1, success).wants("run a 1", "run b 1").
			wantSteps("a succeeded", "b succeeded", "c succeeded").wantEnd(flow.ResultSucceeded, "step c ends the run")
	})
	t.Run("the next step", func(t *testing.T) {
		begin(t, definition(onFailure(runStep("a"), "b"), runStep("b"))).end(1, "a", 1, failure).
			wants("run a 1", "run b 1").wantSteps("a failed", "b")
	})
	t.Run("a jump in onFailure and in finally", func(t *testing.T) {
		d := definition(stopStep("a", flow.ResultFailed))
		d.Finally = []flow.Step{onFailure(runStep("b"), "d"), runStep("c"), runStep("d")}
		begin(t, d).end(1, "b", 1, failure).wants("run b 1", "run d 1").wantSteps("a succeeded", "b failed", "c skipped", "d")
		d = definition(runStep("a"))
		d.OnFailure = []flow.Step{onFailure(runStep("b"), "d"), runStep("c"), runStep("d")}
		begin(t, d).end(1, "a", 1, failure).end(2, "b", 1, expired).wants("run a 1", "run b 1", "run d 1").
			wantSteps("a failed", "b expired", "c skipped", "d")
	})
	t.Run("an earlier step, which no file says", func(t *testing.T) {
		begin(t, definition(alertStep("a", "x"), onFailure(runStep("b"), "a"))).end(1, "b", 1, failure).
			wantEnd(flow.ResultFailed, "step b names no later step to continue at")
	})
	t.Run("the step itself, which no file says", func(t *testing.T) {
		begin(t, definition(onFailure(runStep("a"), "a"), runStep("b"))).end(1, "a", 1, failure).
			wantEnd(flow.ResultFailed, "step a names no later step to continue at")
	})
	t.Run("a wait that was not over in time", func(t *testing.T) {
		begin(t, definition(onFailure(timeout(waitStep("a", flow.WaitNextBoot), 30), flow.FailureContinue), runStep("b"))).
			advance(30 * time.Second).wants("run b 1")
	})
}

// [57]
func TestARunEndsByTheDefinitionThatItStored(t *testing.T) {
	d := definition(runStep("a", "x", "1"), when(runStep("b", "x", "${{ event.id }}"), `event.exitCode == 3`))
	flows := []flow.Definition{d}
	set := flow.NewSet(flows)
	o := set.Match(ended(), instance, 0)[0]
	r := roundTrip(t, flow.NewRun("run-1", *o.Definition, ended(), 0))
	flows[0].Steps[1] = alertStep("b", "changed")
	r.Begin(at(0))
	r = roundTrip(t, r)
	got := r.CommandEnded("a", 1, success, at(time.Second))
	if len(got) != 1 || words(got[0]) != "run b 1 x=event-1" {
		t.Errorf("got %+v, want the step as it was stored", got)
	}
}

// [72]
func TestWhatWasCapturedIsForgottenAtTheEnd(t *testing.T) {
	a := runStep("a")
	a.Capture = true
	p := begin(t, definition(a, alertStep("b", "${{ trim(steps.a.output) }}")))
	if !p.run.Captures() {
		t.Error("the output of a step that captures is not wanted")
	}
	end := success
	end.Output, end.Dropped = "two\xff\n", 7
	p.end(time.Second, "a", 1, end).wants("run a 1", "alert b: two\uFFFD")
	if p.run.Captures() {
		t.Error("an output is wanted although no command is under way")
	}
	r := p.run.Clone()
	r.Forget()
	if got := p.run.Steps[0].Output; got == "" {
		t.Error("a clone's forgetting changed the run")
	}
	r = roundTrip(t, r)
	a1 := r.Steps[0]
	if a1.Output != "" || a1.OutputBytes != 5 || a1.Dropped != 7 || r.Result != flow.ResultSucceeded || !r.Ended || r.Current() != nil || !r.Due().IsZero() {
		t.Errorf("what is left is %+v", r)
	}
	if r.Definition.Name != "" || r.Event.ID != "" {
		t.Errorf("the definition and the event are still there: %+v", r)
	}
}

func TestARunThatHasNotBegunAsksForNothing(t *testing.T) {
	r := roundTrip(t, flow.NewRun("run-1", definition(runStep("a")), ended(), 2))
	if got := r.Advance(at(0)); len(got) > 0 || !r.Due().IsZero() || r.Current() != nil || r.Captures() {
		t.Errorf("got %v, due %v", got, r.Due())
	}
	if got := r.CommandEnded("a", 1, success, at(0)); len(got) > 0 || len(r.Steps) > 0 {
		t.Errorf("an end made it ask for %v", got)
	}
}

func TestACloneSharesNothingThatChanges(t *testing.T) {
	p := begin(t, definition(retry(runStep("a"), 1, "Failed"), runStep("b")))
	before := roundTrip(t, p.run)
	c := p.run.Clone()
	c.SetTask("other")
	c.CommandEnded("a", 1, failure, at(time.Second))
	c.SetTask("another")
	c.CommandEnded("a", 2, success, at(time.Second))
	if diff := cmp.Diff(p.run, before); diff != "" {
		t.Errorf("the run changed with its clone (-got +want):\n%s", diff)
	}
	for range 5 { // some of them leave room behind the last
		one, other := c.Clone(), c.Clone()
		one.SetTask("one")
		other.SetTask("other")
		if tasks := one.Steps[len(one.Steps)-1].Tasks; tasks[len(tasks)-1] != "one" {
			t.Errorf("a clone's task became %q", tasks[len(tasks)-1])
		}
		c.SetTask("more")
	}
}

func TestARehearsalPlaysARunToItsEnd(t *testing.T) {
	d := definition(retry(runStep("a"), 1, "Failed"), waitStep("w", "1h"), waitStep("boot", flow.WaitNextBoot), timeout(runStep("hangs"), 60))
	d.OnFailure = []flow.Step{alertStep("say", "${{ steps.hangs.status }}")}
	d.Finally = []flow.Step{invokeStep("last")}
	got := flow.Rehearse(d, ended(), instance, 0, begun, func(step string, attempt int) flow.StepEnd {
		switch {
		case step == "hangs":
			return flow.StepEnd{}
		case step == "a" && attempt == 1:
			return failure
		}
		return success
	})
	var did []string
	for _, a := range got.Actions {
		did = append(did, words(a))
	}
	want := []string{"run a 1", "run a 2", "run hangs 1", "alert say: timed_out", "invoke last 1"}
	if diff := cmp.Diff(did, want); diff != "" {
		t.Errorf("the actions (-got +want):\n%s", diff)
	}
	if got.Result != flow.ResultFailed || got.Reason != "step hangs ended as timed_out" || got.Took != 61*time.Minute {
		t.Errorf("got %q because %q after %v", got.Result, got.Reason, got.Took)
	}
}
