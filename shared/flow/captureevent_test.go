package flow_test

import (
	"strings"
	"testing"

	"aftercare/shared/flow"
)

// [45]
func TestWhatTheEventsCommandPrintedIsWantedLast(t *testing.T) {
	d := definition(runStep("a", "x", "${{ event.output }}"))
	d.CaptureEvent, d.When = true, `int(event.output) > 90 && event.commandName == "install-agent"`
	printed := func(text, problem string) flow.Event {
		ev := ended()
		ev.Captured, ev.Output, ev.OutputError = true, text, problem
		return ev
	}
	other := ended()
	other.CommandName = "other"
	late := flow.Definition(d)
	late.When = ""
	tests := []struct {
		name    string
		of      flow.Definition
		ev      flow.Event
		matched bool
		wants   bool
		why     string
	}{
		{"another clause rules it out", d, other, false, false, `when was false: event.commandName == "install-agent"`},
		{"it is not known", d, ended(), false, true, `it depends on what the starting command prints: int(event.output) > 90`},
		{"it is right", d, printed("91\r\n", ""), true, false, ""},
		{"it is wrong", d, printed("90\n", ""), false, false, "when was false: int(event.output) > 90"},
		{"it could not be fetched", d, printed("", "it is gone"), false, false, "what the command printed could not be fetched: it is gone"},
		{"only a step reads it, and it is not known", late, ended(), true, true, ""},
		{"only a step reads it, and it could not be fetched", late, printed("", "it is gone"), false, false, "what the command printed could not be fetched: it is gone"},
	}
	for _, test := range tests {
		for _, set := range []*flow.Set{flow.NewSet([]flow.Definition{test.of}), load(t, stored(t, []flow.Definition{test.of}))} {
			o := set.Match(test.ev, instance, 0)[0]
			if o.Matched != test.matched || o.Wants != test.wants || o.Reason != test.why || o.Failed != (test.ev.OutputError != "") {
				t.Errorf("%s: got %+v", test.name, o)
			}
		}
	}
}

// [45] [91]
func TestARehearsalKnowsWhatTheEventsCommandPrintedOnlyIfItIsGiven(t *testing.T) {
	d := definition(when(runStep("a", "x", "${{ event.output }}"), `event.output contains "full"`))
	d.CaptureEvent = true
	ev := ended()
	h := flow.Rehearse(d, ev, instance, 0, begun, flow.Succeeds(nil))
	if got := h.Steps[0]; got.Status != flow.StepMaybe || !strings.Contains(got.Reason, "depends on what the starting command prints") {
		t.Errorf("got %+v", got)
	}
	ev.Captured, ev.Output = true, "it is full"
	h = flow.Rehearse(d, ev, instance, 0, begun, flow.Succeeds(nil))
	if got := h.Actions[0].Run.Parameters["x"]; h.Steps[0].Status != flow.StepPlanned || got != "it is full" {
		t.Errorf("got %+v with %q", h.Steps[0], got)
	}
}

// [45] [72]
func TestARunKeepsWhatItsEventPrintedWhileItLives(t *testing.T) {
	d := definition(runStep("a", "x", "${{ event.output }}"))
	d.CaptureEvent = true
	ev := ended()
	ev.Output = "91\n"
	r := flow.NewRun("run-1", d, ev, 0)
	if a := r.Begin(at(0)); a[0].Run.Parameters["x"] != "91" {
		t.Errorf("got %+v", a)
	}
	if r.Forget(); r.Event.Output != "" {
		t.Errorf("it still has %q", r.Event.Output)
	}
}
