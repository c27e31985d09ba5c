package flow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What a rehearsal says with the outputs that were assumed is what a run does when
// its commands succeed and print them.
//
// [56] [90]
func TestARehearsalSaysWhatTheRunDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := anyThresholds(rt)
		outputs := anyOutputs(rt, d)
		said, done := rehearse(d, outputs), play(rt, d, outputs)
		if got, want := plannedSteps(said), done.steps; !cmp.Equal(got, want) {
			rt.Fatalf("%s\nthe rehearsal and the run differ (-run +rehearsal):\n%s", asJSON(rt, d), cmp.Diff(want, got))
		}
		if said.Result != done.result || said.Reason != done.reason {
			rt.Fatalf("%s\nthe rehearsal ends as %s (%s), the run as %s (%s)", asJSON(rt, d), said.Result, said.Reason, done.result, done.reason)
		}
		if diff := cmp.Diff(done.asked, asked(said.Actions)); diff != "" {
			rt.Fatalf("%s\nthe rehearsal and the run ask for different things (-run +rehearsal):\n%s", asJSON(rt, d), diff)
		}
	})
}

// Without the outputs, a rehearsal says nothing that is wrong for any of them, and
// names the steps whose outputs decide.
//
// [90] [91] [92] [93]
func TestARehearsalIsTrueOfEveryOutput(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := anyThresholds(rt)
		said := rehearse(d, nil)
		steps := map[string]flow.StepRecord{}
		for _, s := range said.Steps {
			steps[s.ID] = s
		}
		outputs := anyOutputs(rt, d)
		one := play(rt, d, outputs)
		one.keeps(rt, d, said, steps)
		// Another output of one step changes only what was said to depend on it.
		if len(outputs) == 0 {
			return
		}
		changed := rapid.SampledFrom(slices.Sorted(keys(outputs))).Draw(rt, "changed")
		outputs[changed] = anyOutput(rt)
		other := play(rt, d, outputs)
		other.keeps(rt, d, said, steps)
		for _, s := range allSteps(d) {
			if a, b := one.status(s.ID), other.status(s.ID); a != b && !slices.Contains(steps[s.ID].Depends, changed) {
				rt.Fatalf("%s\nstep %s is %q or %q by what %s prints, but was said to be %+v", asJSON(rt, d), s.ID, a, b, changed, steps[s.ID])
			}
		}
		if one.result != other.result && !slices.Contains(said.Depends, changed) {
			rt.Fatalf("%s\nthe result is %s or %s by what %s prints, but was said to be %s, %s", asJSON(rt, d), one.result, other.result, changed, said.Result, said.Reason)
		}
	})
}

// performance is what a run did.
type performance struct {
	steps          map[string]string // status and reason
	result, reason string
	asked          map[string]string
}

func (p performance) status(id string) string {
	status, _, _ := strings.Cut(p.steps[id], ":")
	if status == flow.StepSkipped {
		return "" // it did not run
	}
	return status
}

// keeps checks that a run does what was said.
func (p performance) keeps(rt *rapid.T, d flow.Definition, said flow.Rehearsal, steps map[string]flow.StepRecord) {
	for _, s := range allSteps(d) {
		want := map[string]string{flow.StepPlanned: flow.StepPlanned, flow.StepSkipped: "", "": "", flow.StepInvalid: flow.StepInvalid, flow.StepTimedOut: flow.StepTimedOut}
		status, known := want[steps[s.ID].Status]
		switch got := p.status(s.ID); {
		case known && got != status:
			rt.Fatalf("%s\nstep %s was said to be %q, and is %q", asJSON(rt, d), s.ID, status, got)
		case !known && (steps[s.ID].Status != flow.StepMaybe || steps[s.ID].Depends == nil || steps[s.ID].Reason == ""):
			rt.Fatalf("%s\nstep %s: %+v", asJSON(rt, d), s.ID, steps[s.ID])
		}
	}
	if said.Result != flow.StepMaybe && said.Result != p.result {
		rt.Fatalf("%s\nthe result was said to be %s, and is %s", asJSON(rt, d), said.Result, p.result)
	}
	texts := asked(said.Actions)
	for name, text := range p.asked {
		if said, ok := texts[name]; !ok && !strings.Contains(said, "depends on") || ok && !strings.Contains(said, "depends on what ") && said != text {
			if strings.Contains(asJSON(rt, steps), "too many courses") {
				continue
			}
			rt.Fatalf("%s\n%s was said to be %q, and is %q", asJSON(rt, d), name, said, text)
		}
	}
}

func rehearse(d flow.Definition, outputs map[string]string) flow.Rehearsal {
	return flow.Rehearse(d, ended(), instance, 0, begun, flow.Succeeds(outputs))
}

func plannedSteps(r flow.Rehearsal) map[string]string {
	out := map[string]string{}
	for _, s := range r.Steps {
		out[s.ID] = s.Status + ": " + s.Reason
	}
	return out
}

// asked are the texts of what is asked for.
func asked(actions []flow.Action) map[string]string {
	out := map[string]string{}
	for _, a := range actions {
		var parameters map[string]string
		if a.Run != nil {
			parameters = a.Run.Parameters
		} else if a.Invoke != nil {
			parameters = a.Invoke.Parameters
		}
		out[fmt.Sprint(a.Step, " ", a.Attempt)] = a.Announced()
		for name, value := range parameters {
			out[fmt.Sprint(a.Step, " ", a.Attempt, " ", name)] = value
		}
	}
	return out
}

// play lets a run go through, with its commands succeeding with these outputs.
func play(rt *rapid.T, d flow.Definition, outputs map[string]string) performance {
	r := flow.NewRun("run-1", d, ended(), 0)
	m := at(0)
	out := performance{steps: map[string]string{}}
	var all []flow.Action
	todo := r.Begin(m)
	for range 1000 {
		switch {
		case len(todo) > 0:
			a := todo[0]
			todo = todo[1:]
			all = append(all, a)
			if a.Alert == "" {
				end := flow.StepEnd{Status: flow.StepSucceeded, InvocationStatus: "Success", ExitCode: new(int64)}
				if captures(d, a.Step) {
					end.Output = outputs[a.Step]
				}
				todo = append(todo, r.CommandEnded(a.Step, a.Attempt, end, m)...)
			}
		case r.Ended:
			for _, s := range r.Steps {
				status, reason := s.Status, s.Reason
				if status == flow.StepSucceeded {
					status, reason = flow.StepPlanned, ""
				}
				out.steps[s.ID] = status + ": " + reason
			}
			out.result, out.reason, out.asked = r.Result, r.Reason, asked(all)
			return out
		case r.Pending.State == flow.PendingBoot:
			m.Instance.BootSeq++
			m.Instance.BootTime = m.Now
			todo = r.Advance(m)
		default:
			m.Now = r.Due()
			todo = r.Advance(m)
		}
	}
	rt.Fatalf("the run does not end: %s", asJSON(rt, r))
	return out
}

func captures(d flow.Definition, id string) bool {
	return slices.ContainsFunc(allSteps(d), func(s flow.Step) bool { return s.ID == id && s.Capture })
}

func allSteps(d flow.Definition) []flow.Step { return slices.Concat(d.Steps, d.OnFailure, d.Finally) }

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

func anyOutputs(rt *rapid.T, d flow.Definition) map[string]string {
	out := map[string]string{}
	for _, s := range allSteps(d) {
		if s.Capture {
			out[s.ID] = anyOutput(rt)
		}
	}
	return out
}

func anyOutput(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"", "5", "2", "x", "5 x", "yes\n", "1.5", "-1"}).Draw(rt, "output")
}

// anyThresholds is any flow whose steps read what others print.
func anyThresholds(rt *rapid.T) flow.Definition {
	var before []string
	d := definition()
	d.Timeout = flow.Duration(rapid.SampledFrom([]time.Duration{time.Minute, 90 * time.Second, time.Hour}).Draw(rt, "timeout"))
	steps := func(prefix string, least, most int) (list []flow.Step) {
		n := rapid.IntRange(least, most).Draw(rt, prefix+"s")
		for i := range n {
			id := fmt.Sprint(prefix, i)
			// %[1]s is a step before.
			when := rapid.SampledFrom([]string{
				"", "", "", "true", "false", "int(%[1]s.output) > 3", `%[1]s.output == "x"`, `%[1]s.output contains "5" && run.depth == 0`, `%[1]s.status == "skipped"`,
				`%[1]s.status == "succeeded" && %[2]s.output != ""`, `run.depth == 1 && int(%[1]s.output) > 3`, `int(%[1]s.output) > 3 && run.depth == 1`,
				`run.depth == 0 || int(%[1]s.output) > 3`, `%[1]s.output == "x" ? %[2]s.output == "x" : false`, `any(split(%[1]s.output, " "), # == "x")`,
				`len(trim(%[1]s.output)) + %[1]s.attempts > 1`, `%[1]s.exitCode == 0`, `(%[1]s.output == "5" ? "a" : "b") in ["a", "b", %[2]s.output]`,
				`int(match(%[1]s.output, "([0-9]+)", 1) ?? "0") > 3`, `match(%[1]s.output, "[0-9]+") != nil`, `lines(%[1]s.output)[0] == "x"`, `fromJSON(%[1]s.output) == 5`,
				`any(["x", "5"], # == %[1]s.output)`, `%[1]s == %[2]s`, `not (%[1]s.output startsWith "5") or %[2]s.status == "invalid"`, `%[1]s.output[0:1] == "5"`,
				`instance.bootSeq == 4`, `int(run.startedAt) == 1 && %[1]s.output == "x"`, `%[1]s.output == "x" && int(run.startedAt) == 1`,
				`(%[1]s.output == "x" || true) && (%[2]s.output == "x" && false || run.depth == 0)`, `(%[1]s.output ?? "x") == "x"`, `(%[1]s.output == "x") == (%[2]s.output == "x")`,
			}).Draw(rt, "when")
			text := rapid.SampledFrom([]string{"plain", "%[1]s.output", "int(%[1]s.output) + 1", "%[1]s.status", "1.5 / len(%[1]s.output)"}).Draw(rt, "text")
			fill := func(text string) string {
				if len(before) == 0 {
					return ""
				}
				a, b := rapid.SampledFrom(before).Draw(rt, "one before"), rapid.SampledFrom(before).Draw(rt, "another before")
				text = strings.ReplaceAll(text, "%[1]s", "steps."+a)
				return strings.ReplaceAll(text, "%[2]s", "steps."+b)
			}
			if text = fill(text); text != "plain" && text != "" {
				text = "it is ${{ " + text + " }}"
			}
			var s flow.Step
			switch rapid.IntRange(0, 8).Draw(rt, "kind") {
			case 0:
				s = invokeStep(id, "x", strings.TrimPrefix(text, "it is "))
			case 1:
				s = alertStep(id, text+".")
			case 2:
				s = waitStep(id, rapid.SampledFrom([]string{"30s", "45s", flow.WaitNextBoot}).Draw(rt, "wait"))
			case 3:
				s = stopStep(id, rapid.SampledFrom([]string{flow.ResultSucceeded, flow.ResultFailed}).Draw(rt, "stop"))
			case 4:
				s = runStep(id, "x", text)
			default:
				s = runStep(id)
				s.Capture = true
			}
			s.When = fill(when)
			s.OnFailure = rapid.SampledFrom([]string{"", "", flow.FailureContinue, fmt.Sprint(prefix, rapid.IntRange(i+1, max(i+1, n-1)).Draw(rt, "to"))}).Draw(rt, "next")
			if i == n-1 && s.OnFailure != flow.FailureContinue {
				s.OnFailure = ""
			}
			list, before = append(list, s), append(before, id)
		}
		return list
	}
	d.Steps = steps("step", 1, 7)
	d.OnFailure, d.Finally = steps("failure", 0, 3), steps("finally", 0, 3)
	return d
}

// What is known beforehand is said to be known, and what is not names its reason.
//
// [90] [91] [92] [93]
func TestARehearsalSaysWhatItDependsOn(t *testing.T) {
	look := runStep("look")
	look.Capture = true
	weigh := func(text string) flow.Step { return when(runStep("two"), text) }
	last := runStep("last")
	many := []flow.Step{look}
	for i := range 9 {
		many = append(many, when(waitStep(fmt.Sprint("wait", i), fmt.Sprint(1<<i, "s")), `steps.look.output == "`+fmt.Sprint(i)+`"`))
	}
	const own, both = "depends on what look prints (%s)", "unless step two %s, which depends on what look prints"
	for name, c := range map[string]struct {
		steps, onFailure []flow.Step
		want             []string
	}{
		"a condition over text, which can always be evaluated": {
			[]flow.Step{look, weigh(`steps.look.output contains "x"`), last}, nil,
			[]string{"look planned", "two maybe: " + fmt.Sprintf(own, `steps.look.output contains "x"`), "last planned", "succeeded"},
		},
		"a number that may be none": {
			[]flow.Step{look, weigh(`int(steps.look.output) > 3`), last}, []flow.Step{alertStep("tell", "sorry")},
			[]string{
				"look planned", "two maybe: " + fmt.Sprintf(own, "int(steps.look.output) > 3"), "last maybe: " + fmt.Sprintf(both, "ends as invalid"),
				"tell maybe: only if step two ends as invalid, which depends on what look prints",
				"maybe: depends on what look prints: failed if step two ends as invalid, otherwise succeeded",
			},
		},
		"a stop": {
			[]flow.Step{look, when(stopStep("two", flow.ResultFailed), `steps.look.output == ""`), last}, nil,
			[]string{
				"look planned", "two maybe: " + fmt.Sprintf(own, `steps.look.output == ""`), "last maybe: " + fmt.Sprintf(both, "ends the run"),
				"maybe: depends on what look prints: failed if step two ends the run, otherwise succeeded",
			},
		},
		"a clause that is false whatever is printed": {
			[]flow.Step{look, weigh(`steps.look.output == "x" && run.depth == 9`), last}, nil,
			[]string{"look planned", "two skipped: when was false: run.depth == 9 (run.depth is 0)", "last planned", "succeeded"},
		},
		"a status that is not known": {
			[]flow.Step{look, weigh(`steps.look.output == "x"`), when(last, `steps.two.status == "succeeded"`)}, nil,
			[]string{
				"look planned", "two maybe: " + fmt.Sprintf(own, `steps.look.output == "x"`),
				`last maybe: depends on what look prints; it may be skipped, when was false: steps.two.status == "succeeded" (steps.two.status is "skipped")`, "succeeded",
			},
		},
		"a step that may be invalid, and is passed by": {
			[]flow.Step{look, onFailure(weigh(`int(steps.look.output) > 3`), "continue"), last}, nil,
			[]string{"look planned", "two maybe: " + fmt.Sprintf(own, "int(steps.look.output) > 3"), "last planned", "succeeded"},
		},
		"an invoke that takes few characters": {
			[]flow.Step{look, invokeStep("two", "x", "${{ steps.look.output }}"), last}, nil,
			[]string{
				"look planned", "two maybe: depends on what look prints (its parameters)", "last maybe: " + fmt.Sprintf(both, "ends as invalid"),
				"maybe: depends on what look prints: failed if step two ends as invalid, otherwise succeeded",
			},
		},
		"too many ways": {
			append(many, last), nil,
			[]string{
				"look planned", "wait0 maybe: depends on what look prints (steps.look.output == \"0\")", "wait5 maybe: depends on what look prints (steps.look.output == \"5\")",
				"wait6 maybe: depends on what look prints: the run can take too many courses",
				"last maybe: depends on what look prints: the run can take too many courses", "maybe: depends on what look prints: the run can take too many courses",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := definition(c.steps...)
			d.OnFailure = c.onFailure
			r := rehearse(d, nil)
			var got []string
			for _, s := range r.Steps {
				got = append(got, strings.TrimSuffix(s.ID+" "+s.Status+": "+s.Reason, ": "))
			}
			end := r.Result
			if end != flow.ResultSucceeded {
				end += ": " + r.Reason
			}
			got = append(got, end)
			at := 0
			for _, want := range c.want {
				found := slices.IndexFunc(got[at:], func(line string) bool {
					return line == want || name == "too many ways" && strings.HasPrefix(line, want)
				})
				if found < 0 || found > 0 && name != "too many ways" {
					t.Fatalf("%q is not where it should be in\n%s", want, strings.Join(got, "\n"))
				}
				at += found + 1
			}
			if at != len(got) {
				t.Errorf("more is said:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}
