package flow_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"
)

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
		{"its script becomes too large", runStep("a", "x", strings.Repeat("x", 24<<10)), "content has "},
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
	t.Run("a boot that is reported before the command's end", func(t *testing.T) {
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
	t.Run("a boot that is reported late, from before the step before", func(t *testing.T) {
		p := begin(t, definition(runStep("a"), runStep("reboot"), waitStep("boot", flow.WaitNextBoot), runStep("check"))).
			end(time.Hour, "a", 1, success).end(2*time.Hour, "reboot", 1, success).wants("run a 1", "run reboot 1")
		m := at(3 * time.Hour)
		m.Instance.BootSeq, m.Instance.BootTime = 5, begun.Add(30*time.Minute)
		p.decide(func(r *flow.Run) []flow.Action { return r.Advance(m) }).wants()
		p.boot(4*time.Hour, 6).wants("run check 1")
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
