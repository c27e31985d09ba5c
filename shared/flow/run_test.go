package flow_test

import (
	"slices"
	"strings"
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

// [24]
func TestAnInvokesValuesMustBePlain(t *testing.T) {
	tests := []struct {
		value string
		plain bool
	}{
		{"", true},
		{"AZaz09_.:/@=+,-", true},
		{"a b", false}, {"a;b", false}, {"$(id)", false}, {"'", false}, {"a\nb", false}, {"é", false}, {"a\x00", false}, {"*", false}, {`\`, false},
	}
	for _, test := range tests {
		if err := flow.CheckPlain(test.value); (err == nil) != test.plain {
			t.Errorf("%q: got %v, want plain to be %t", test.value, err, test.plain)
		}
		d := definition(onFailure(invokeStep("a", "x", `${{ trimPrefix("`+"^"+`" + event.errorDesc, "^") }}`), flow.FailureContinue))
		ev := ended()
		ev.ErrorDesc = test.value
		r := flow.NewRun("run-1", d, ev, 0)
		got := r.Begin(at(0))
		if sent := len(got) == 1; sent != test.plain {
			t.Errorf("%q: the actions are %v, want one to be %t", test.value, got, test.plain)
		}
		if !test.plain && (r.Steps[0].Status != flow.StepInvalid || r.Steps[0].Attempts != 0) {
			t.Errorf("%q: the record is %+v, want it to be invalid without an attempt", test.value, r.Steps[0])
		}
	}
	// An event's text can stand in a parameter many times.
	ev := ended()
	ev.ErrorDesc = strings.Repeat("a", 10_000)
	r := flow.NewRun("run-1", definition(invokeStep("a", "x", strings.Repeat("${{ event.errorDesc }}", 3))), ev, 0)
	if got := r.Begin(at(0)); len(got) > 0 || r.Steps[0].Status != flow.StepInvalid {
		t.Errorf("30,000 characters: the actions are %v and the record is %+v, want none and invalid", got, r.Steps[0])
	}
}

// [19]
func TestAStepThatCannotBeEvaluatedIsInvalid(t *testing.T) {
	tests := []struct {
		name string
		step flow.Step
		want string
	}{
		{"its when fails", when(runStep("a"), `secondsBetween(event.startTime, event.errorDesc) > 0`), "when could not be evaluated: secondsBetween takes times such as event.startTime"},
		{"its when names a step behind it", when(runStep("a"), `steps.b.exitCode == 0`), "when could not be evaluated: there is no step before this one"},
		{"a parameter fails", runStep("a", "b", "1", "x", `${{ split(event.id, "-")[7] }}`), "parameter x could not be evaluated: index out of range: 7 (array length is 2)"},
		{"its text fails", alertStep("a", `${{ 1 % event.repeats }} ${{ 1 % (event.repeats - 1) }}`), "its text could not be evaluated: runtime error: integer divide by zero"},
		{"its script becomes too large", runStep("a", "x", strings.Repeat("x", 24<<10)), "the script is too large: "},
		{"its duration cannot be read", waitStep("a", "soon"), "its duration cannot be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := begin(t, definition(test.step, runStep("b"))).wants().wantSteps("a invalid").
				wantEnd(flow.ResultFailed, "step a ended as invalid")
			if got := p.record("a").Reason; !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A record outlives what was captured. [19] [72]
func TestAnExpressionThatFailsQuotesNoOutput(t *testing.T) {
	a := runStep("a")
	a.Capture = true
	end := success
	end.Output = "printed"
	for _, text := range []string{
		`int(steps.a.output) > 0`, `float(steps.a.output) > 0`, `["b", 3][steps.a.attempts][steps.a.output] == 1`,
	} {
		p := begin(t, definition(a, when(runStep("b"), text))).wants("run a 1")
		p.end(time.Second, "a", 1, end).wantSteps("a succeeded", "b invalid")
		if got := p.record("b").Reason; !strings.HasPrefix(got, "when could not be evaluated: ") || strings.Contains(got, "printed") {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// [19] [30]
func TestARetryWhoseParametersFailIsNotSent(t *testing.T) {
	p := begin(t, definition(retry(runStep("a", "x", `${{ ["", "one"][run.attempt] }}`), 3, "Failed"))).wants("run a 1 x=one")
	p.end(time.Second, "a", 1, failure).wants().wantSteps("a invalid")
	if got := p.record("a"); got.Attempts != 1 || got.MayHaveRunTwice || len(got.Tasks) != 1 {
		t.Errorf("the record is %+v, want one attempt", got)
	}
}

// [26]
func TestAnAlertsTextIsBoundedAndNeverEmpty(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"as it stands", "exit code ${{ event.exitCode }}", "exit code 3"},
		{"of 1,000 characters", strings.Repeat("é", 1000), strings.Repeat("é", 1000)},
		{"of more", strings.Repeat("é", 1001), strings.Repeat("é", 999) + "…"},
		{"that turns out to be empty", `${{ trimPrefix(event.id, "event-1") }}`, "(the text of this alert is empty)"},
		{"of blanks", " ${{ trim(\" \") }}\n", "(the text of this alert is empty)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			begin(t, definition(alertStep("a", test.text), runStep("b"))).wants("alert a: "+test.want, "run b 1").wantSteps("a succeeded", "b")
		})
	}
}

// [27]
func TestAWaitHoldsTheRun(t *testing.T) {
	p := begin(t, definition(waitStep("a", "90s"), runStep("b"))).wants().wantDue(90 * time.Second)
	p.advance(90*time.Second - 1).wants().wantSteps("a").wantDue(90 * time.Second)
	p.advance(90*time.Second).wants("run b 1").wantSteps("a succeeded", "b")
}

// [28]
func TestNextBootCountsFromTheStepBefore(t *testing.T) {
	reboot := definition(runStep("reboot"), waitStep("boot", flow.WaitNextBoot), runStep("check"))
	t.Run("a boot after the command's end", func(t *testing.T) {
		p := begin(t, reboot).end(time.Second, "reboot", 1, success).wants("run reboot 1").wantDue(24 * time.Hour)
		p.boot(time.Minute, 4).wants()
		p.boot(2*time.Minute, 5).wants("run check 1").wantSteps("reboot succeeded", "boot succeeded", "check")
	})
	t.Run("a boot that is told before the command's end", func(t *testing.T) {
		p := begin(t, reboot).boot(time.Minute, 5).wants("run reboot 1")
		m := at(2 * time.Minute)
		m.Instance.BootSeq, m.Instance.BootTime = 5, m.Now
		p.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded("reboot", 1, success, m) }).wants("run check 1")
	})
	t.Run("a boot since the run began if there is no step before", func(t *testing.T) {
		p := begin(t, definition(waitStep("boot", flow.WaitNextBoot), runStep("check"))).wants()
		p.boot(time.Minute, 4).wants()
		p.boot(time.Minute, 5).wants("run check 1")
	})
	t.Run("skipped steps are no steps before", func(t *testing.T) {
		p := begin(t, definition(runStep("reboot"), when(alertStep("no", "no"), "false"), waitStep("boot", flow.WaitNextBoot), runStep("check")))
		m := at(time.Minute)
		m.Instance.BootSeq, m.Instance.BootTime = 5, m.Now
		p.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded("reboot", 1, success, m) }).wants("run reboot 1", "run check 1")
	})
	t.Run("a step before that saw the boot", func(t *testing.T) {
		p := begin(t, definition(runStep("reboot"), alertStep("seen", "seen"), waitStep("boot", flow.WaitNextBoot), runStep("check")))
		m := at(time.Minute)
		m.Instance.BootSeq, m.Instance.BootTime = 5, m.Now
		p.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded("reboot", 1, success, m) }).wants("run reboot 1", "alert seen: seen")
		p.boot(2*time.Minute, 6).wants("run check 1")
	})
	t.Run("two in a row wait for two boots", func(t *testing.T) {
		p := begin(t, definition(waitStep("one", flow.WaitNextBoot), waitStep("two", flow.WaitNextBoot), runStep("check")))
		p.boot(time.Minute, 5).wants().wantSteps("one succeeded", "two")
		p.boot(2*time.Minute, 6).wants("run check 1")
	})
	t.Run("its time is over", func(t *testing.T) {
		p := begin(t, definition(timeout(waitStep("boot", flow.WaitNextBoot), 60))).wantDue(time.Minute)
		p.advance(time.Minute).wantSteps("boot timed_out").wantEnd(flow.ResultFailed, "step boot ended as timed_out")
	})
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
		if got, want := p.record("b").Reason, "step a did not succeed, and the run goes on at d"; got != want {
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
			wantEnd(flow.ResultFailed, "step b names no later step to go on at")
	})
	t.Run("a wait that was not over in time", func(t *testing.T) {
		begin(t, definition(onFailure(timeout(waitStep("a", flow.WaitNextBoot), 30), flow.FailureContinue), runStep("b"))).
			advance(30 * time.Second).wants("run b 1")
	})
}

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
		wantEnd(flow.ResultTimedOut, "the run's time was over")
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
		begin(t, two).end(late, "a", 1, success).wants("run a 1").wantSteps("a succeeded").wantEnd(flow.ResultTimedOut, "the run's time was over")
	})
	t.Run("the last step succeeded although it was asked to stop", func(t *testing.T) {
		begin(t, one).advance(time.Hour).end(late, "a", 1, success).wantSteps("a succeeded").wantEnd(flow.ResultTimedOut, "the run's time was over")
	})
	t.Run("the task was cancelled before it was sent", func(t *testing.T) {
		begin(t, one).advance(time.Hour).end(late, "a", 1, cancelled).wantSteps("a timed_out").wantEnd(flow.ResultTimedOut, "the run's time was over")
	})
}

// [60]
func TestARunsTimeIsOverInAWait(t *testing.T) {
	for _, wait := range []string{"2h", flow.WaitNextBoot} {
		d := definition(onFailure(waitStep("a", wait), flow.FailureContinue), runStep("no"))
		d.Timeout = hours(1)
		begin(t, d).wantDue(time.Hour).advance(time.Hour).wants().wantSteps("a timed_out").
			wantEnd(flow.ResultTimedOut, "the run's time was over")
	}
}

// [61]
func TestAStepsTimeIsOver(t *testing.T) {
	t.Run("its command is stopped, and its end waited for", func(t *testing.T) {
		p := begin(t, definition(onFailure(timeout(runStep("a"), 60), flow.FailureContinue), runStep("b"))).wants("run a 1").wantDue(time.Minute)
		p.advance(time.Minute).wants("cancel a 1").wantNotDue().advance(2 * time.Minute).wants()
		p.end(3*time.Minute, "a", 1, stopped).wants("run b 1").wantSteps("a timed_out", "b")
		if got, want := p.record("a").Reason, "the step's time was over, and the command ended as terminated"; got != want {
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
		p.wants("run a 1", "cancel a 1").wantSteps("a timed_out").wantEnd(flow.ResultTimedOut, "the run's time was over")
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

// [43]
func TestResultsAreTheWordsOfTheRecord(t *testing.T) {
	got := []string{flow.ResultSucceeded, flow.ResultFailed, flow.ResultTimedOut, flow.ResultRefused, flow.ResultDropped, flow.ResultDryRun}
	if want := []string{"succeeded", "failed", "timed_out", "refused", "dropped", "dry-run"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
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
