package flow_test

import (
	"strings"
	"testing"

	"aftercare/shared/flow"
)

// first begins a run of this step, and returns what it asks for and the step's
// record.
func first(t testing.TB, s flow.Step, ev flow.Event) (asked flow.Action, rec flow.StepRecord) {
	t.Helper()
	d := definition(onFailure(s, flow.FailureContinue))
	d.On = []string{ev.Kind}
	r := flow.NewRun("run-1", d, ev, 2)
	actions := r.Begin(at(0))
	if sent := len(actions) == 1; sent == (r.Steps[0].Status == flow.StepInvalid) || len(actions) > 1 {
		t.Fatalf("the actions are %v, and the record is %+v", actions, r.Steps[0])
	}
	if len(actions) == 0 {
		return flow.Action{}, r.Steps[0]
	}
	return actions[0], r.Steps[0]
}

// [24]
func TestAnInvokesValuesMustBePlain(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "AZaz09_.:/@=+,-": "", "a b": "may have", "a;b": "may have", "$(id)": "may have", "'": "may have", "a\nb": "may have",
		"é": "may have", "a\x00": "may have", "*": "may have", `\`: "may have", strings.Repeat("a", 9000): "parameters has",
	} {
		ev := ended()
		ev.ErrorDesc = value
		text := "${{ event.errorDesc }}" // which can stand there many times
		if _, rec := first(t, invokeStep("a", "x", text+text+text), ev); !strings.Contains(rec.Reason, want) || (rec.Reason == "") != (want == "") {
			t.Errorf("%.20q: got %q, want %q in it", value, rec.Reason, want)
		}
	}
}

// [19]
func TestAScriptThatBecomesTooLargeIsNotSent(t *testing.T) {
	if _, rec := first(t, runStep("a", "x", strings.Repeat("x", 24<<10)), ended()); !strings.HasPrefix(rec.Reason, "content has ") || rec.Attempts != 0 {
		t.Errorf("the record is %+v", rec)
	}
}

// [26]
func TestAnAlertsTextIsBoundedAndNeverEmpty(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("é", 1000):                strings.Repeat("é", 1000),
		strings.Repeat("é", 1001):                strings.Repeat("é", 999) + "…",
		`${{ trimPrefix(event.id, "event-1") }}`: "(the text of this alert is empty)",
		" ${{ trim(\" \") }}\n":                  "(the text of this alert is empty)",
	} {
		if got, _ := first(t, alertStep("a", text), ended()); got.Alert != want {
			t.Errorf("%q: got %q, want %q", text, got.Alert, want)
		}
	}
}

// [72]
func TestWhatOnlyALiveRunNeedsIsForgotten(t *testing.T) {
	s := runStep("a")
	s.Capture = true
	r := flow.NewRun("run-1", definition(s), ended(), 0)
	r.Begin(at(0))
	r.CommandEnded("a", 1, flow.StepEnd{Status: flow.StepSucceeded, Output: "out"}, at(1))
	kept := r.Clone()
	kept.Forget()
	if kept.Definition.Name != "repair" || kept.Event.ID != ended().ID || kept.Seed != "" || kept.Steps[0].Output != "" || kept.Steps[0].OutputBytes != 3 {
		t.Errorf("what is left is %+v", kept)
	}
	if r.Steps[0].Output == "" {
		t.Error("a clone's forgetting changed the run")
	}
}

func TestClonesOfARunShareNoTasks(t *testing.T) {
	r := flow.NewRun("run-1", definition(runStep("a")), ended(), 0)
	r.Begin(at(0))
	for range 5 { // some of them leave room behind the last
		one, other := r.Clone(), r.Clone()
		one.SetTask("one")
		other.SetTask("other")
		if tasks := one.Steps[0].Tasks; tasks[len(tasks)-1] != "one" {
			t.Errorf("a clone's task became %q", tasks[len(tasks)-1])
		}
		r.SetTask("more")
	}
}

func TestARunThatHasNotBegunAsksForNothing(t *testing.T) {
	r := flow.NewRun("run-1", definition(runStep("a")), ended(), 2)
	if got := append(r.Advance(at(0)), r.CommandEnded("a", 1, flow.StepEnd{}, at(0))...); len(got) > 0 || !r.Due().IsZero() || len(r.Steps) > 0 {
		t.Errorf("got %v, due %v", got, r.Due())
	}
}

// A reason has the values that decided, but not what commands printed.
//
// [72] [94]
func TestAReasonHasItsValuesButNoOutput(t *testing.T) {
	look := runStep("look")
	look.Capture = true
	for text, want := range map[string]string{
		`steps.look.output == "x" && true`: `when was false: steps.look.output == "x"`,
		`steps.look.exitCode == 1`:         `when was false: steps.look.exitCode == 1 (steps.look.exitCode is 0)`,
		`steps.look.status == "failed" || steps.look.output + event.errorDesc == "x"`: `when was false: steps.look.status == "failed" || steps.look.output + event.errorDesc == "x" (steps.look.status is "succeeded")`,
		`instance.tags.role == "web" || instance.bootSeq > 9`:                         `when was false: instance.tags.role == "web" || instance.bootSeq > 9 (instance.tags.role is nil, instance.bootSeq is 4)`,
		`int(steps.look.output) > run.depth`:                                          `when could not be evaluated: int(steps.look.output) > run.depth (run.depth is 0): int got something that is not a whole number: trim removes white space around one`,
	} {
		ev := ended()
		ev.ErrorDesc = "secret"
		r := flow.NewRun("run-1", definition(look, runStep("other"), when(runStep("two"), text)), ev, 0)
		r.Begin(at(0))
		for _, step := range []string{"look", "other"} {
			r.CommandEnded(step, 1, flow.StepEnd{Status: flow.StepSucceeded, ExitCode: new(int64), Output: "secret"}, at(0))
		}
		if got := r.Steps[2].Reason; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	r := flow.NewRun("run-1", definition(when(stopStep("enough", flow.ResultFailed), "run.depth == 0 && instance.bootSeq == 4")), ended(), 0)
	r.Begin(at(0))
	if got, want := r.Reason, "step enough ends the run, because run.depth == 0 && instance.bootSeq == 4 (run.depth is 0, instance.bootSeq is 4)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
