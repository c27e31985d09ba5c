package flow_test

import (
	"encoding/json"
	"runtime"
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
			if got.Matched != again.Matched || got.Failed != again.Failed || got.Reason != again.Reason {
				t.Errorf("%q: two answers differ: %+v and %+v", text, got, again)
			}
			if strings.HasPrefix(got.Reason, "when cannot be compiled") && len(faults) == 0 {
				t.Errorf("%q: the checker says nothing, the flow %q", text, got.Reason)
			}
		}

		check(flowfile.NewChecker().Template(text, flow.Scope{On: both[:1], Steps: []string{"the-id"}}))
		_, dynamic := flow.Static(text)
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

// Whatever an expression reads: it takes no more than the budget, the same steps each
// time, and what it allocates is in proportion to them. [17]
func FuzzTheBoundOnWork(f *testing.F) {
	for _, text := range []string{
		`any(lines(event.errorDesc), # matches "a+b|c{3}")`, `int(match(event.errorDesc, "([0-9]+)%", 1)) > 90`, `fromJSON(event.errorDesc).a == 1`,
		`any(1..9999, event.errorDesc matches ".*a.*b")`, `len(filter(split(event.errorDesc, ","), # != "a")) > 1`, `string(fromJSON(event.errorDesc))`,
		`any(1..999, upper(event.errorDesc) + lower(event.errorDesc) == "")`, `event.errorDesc + event.errorDesc[1:] contains event.errorDesc`,
		`all(fromJSON(event.errorDesc), len(#) in 1..1000000000)`, `[1..9000, 1..9000]`, `last(fromJSON(event.errorDesc))?.a ?? [fromJSON(event.errorDesc)]`,
	} {
		for _, printed := range []string{"", "a,b,1%\n", `[[1],[{"a":[]}],{"a":{"b":2}}]`} {
			f.Add(text, printed, uint16(1))
			f.Add(text, printed, uint16(1000))
		}
	}
	f.Fuzz(func(t *testing.T, text, printed string, times uint16) {
		ev := ended()
		ev.ErrorDesc = strings.Repeat(printed, int(times))
		ev.ErrorDesc = ev.ErrorDesc[:min(len(ev.ErrorDesc), 24<<10)]
		if _, _, ok := flow.Work(text, ev); !ok { // it also compiles what is compiled once
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		steps, _, _ := flow.Work(text, ev)
		runtime.ReadMemStats(&after)
		if again, _, _ := flow.Work(text, ev); again != steps {
			t.Errorf("%q takes %d steps, then %d", text, steps, again)
		}
		const last = 4096 * 24 << 10 // what one operator may take before it is refused
		if steps > flow.MostWork+last {
			t.Errorf("%q takes %d steps", text, steps)
		}
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > uint64(1<<20+200*min(steps, flow.MostWork)) {
			t.Errorf("%q allocates %d bytes in %d steps", text, bytes, steps)
		}
	})
}
