package flow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

// Whatever is written as an expression: the checker and the functions agree
// on it, it gives the same answer twice, and places lie within it.
func FuzzExpressions(f *testing.F) {
	for _, text := range []string{
		"", `event.exitCode == 3`, `a && (b || c)`, `steps["the-id"].status in ["failed"]`, `any(split(event.id, ","), # == "x") and true`,
		"${{ event.id }} ${{ 1 + 2 }}", `${{ "}}" }}`, `event?.id ?? "x"`, `event.exitCode in 1..3`, `{"a": 1}.a == 1`, `event.id matches "("`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		length := len([]rune(text))
		check := func(mistakes []flow.Mistake) {
			t.Helper()
			for _, m := range mistakes {
				if m.Offset < 0 || m.Offset > length || m.Text == "" {
					t.Errorf("%q: %q stands at %d of %d", text, m.Text, m.Offset, length)
				}
			}
		}
		faults := flowfile.NewChecker().Condition(text, flow.Scope{On: both[:1], InFlow: true})
		check(faults)
		if text != "" {
			agree(t, flowfile.NewChecker(), text)
			d := definition(runStep("a"))
			d.When = text
			got := flow.NewSet([]flow.Definition{d}).Explain(ended(), instance, 0)[0]
			again := flow.NewSet([]flow.Definition{d}).Explain(ended(), instance, 0)[0]
			if got.Matched != again.Matched || got.Failed != again.Failed || got.Clause != again.Clause {
				t.Errorf("%q: two answers differ: %+v and %+v", text, got, again)
			}
			if strings.HasPrefix(got.Reason, "when cannot be compiled") && len(faults) == 0 {
				t.Errorf("%q: the checker says nothing, the flow %q", text, got.Reason)
			}
		}

		_, dynamic, faults := flowfile.NewChecker().Template(text, flow.Scope{On: both[:1], Steps: []string{"the-id"}})
		check(faults)
		r := flow.NewRun("run-1", definition(onFailure(runStep("the-id", "x", text), flow.FailureContinue), when(runStep("b", "x", text), text)), ended(), 0)
		for _, a := range append(r.Begin(at(0)), r.CommandEnded("the-id", 1, flow.StepEnd{Status: flow.StepSucceeded}, at(1))...) {
			if got := a.Run.Parameters["x"]; !dynamic && got != text {
				t.Errorf("%q became %q", text, got)
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}
