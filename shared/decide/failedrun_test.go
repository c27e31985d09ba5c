package decide_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/flow/flowtest"

	"github.com/cockroachdb/datadriven"
)

// failing are the ways in which a run can fail or time out: a flow's keys, and what
// happens after its command began; and all alerts about it, each with its step and
// why.
var failing = []struct {
	name, flow, happens string
	want                []string
}{
	// Nothing is sent.
	{"a when", `steps: [{id: a, when: int(event.errorDesc) > 3, run: {}}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: when could not be evaluated: int(event.errorDesc) > 3: int got something that is not a whole number: trim removes white space around one"}},
	{"a parameter", `steps: [{id: a, run: {content: echo $x, parameters: {x: "${{ int(event.errorDesc) }}"}}}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: parameter x could not be evaluated: int(event.errorDesc): int got something that is not a whole number: trim removes white space around one"}},
	{"a value that a saved command must not get", `steps: [{id: a, invoke: {commandId: c-1, parameters: {x: a b}}}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: parameters.x may have letters"}},
	{"the text of an alert", `steps: [{id: a, alert: "${{ int(event.errorDesc) }}"}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: its text could not be evaluated"}},
	{"a wait that is none", `steps: [{id: a, wait: soon}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: its duration cannot be read"}},
	{"a jump to nowhere", `steps: [{id: a, run: {}, onFailure: none}]`, `end f/a Terminated`,
		[]string{"flow-failed a: step a names no later step to continue at"}},

	// A command ends.
	{"an exit code", `steps: [{id: a, run: {}}]`, `end f/a Failed code=ExitCodeNonzero exit=3`,
		[]string{"execution a: Failed 3 ExitCodeNonzero"}},
	{"a timeout of the command", `steps: [{id: a, run: {}}]`, `end f/a Timeout`, []string{"execution a: Timeout"}},
	{"a command that never started", `steps: [{id: a, run: {}, retry: {max: 1, on: []}}]`, `end f/a Aborted code=ClientNotRunning`,
		[]string{"execution a: Aborted ClientNotRunning"}},
	{"a status that alerts nobody", `steps: [{id: a, run: {}}]`, `end f/a Invalid code=InvalidCommandText`,
		[]string{"flow-failed a: step a ended as invalid: InvalidCommandText"}},
	{"a command that somebody stopped", `steps: [{id: a, run: {}}]`, `end f/a Terminated`,
		[]string{"flow-failed a: step a ended as terminated: its execution ended as Terminated"}},
	{"a command that was cancelled before it was sent", `steps: [{id: a, run: {}}]`, "result f/a=down\ncancel f/a by=ann",
		[]string{"flow-failed a: step a ended as cancelled: cancelled by ann"}},
	{"a status that nobody knows", `steps: [{id: a, run: {}}]`, `end f/a Exploded`, []string{"execution a: Exploded"}},
	{"an end that comes too late to be told", `steps: [{id: a, run: {timeout: 1m}}]`, "end f/a Failed after=24h finished=2025-02-01T05:00",
		[]string{"flow-failed a: step a ended as failed: its execution ended as Failed"}},

	// A command has no end.
	{"a refusal", `steps: [{id: a, run: {}}]`, `result f/a=invalid reason=InvalidParameter`, []string{"task-invalid a: InvalidParameter"}},
	{"a text that is gone", `steps: [{id: a, run: {}}]`, "result f/a=down\nwake after=2m no-text=f/a", []string{"task-invalid a: no_text"}},
	{"an expiry", `steps: [{id: a, run: {}}], timeout: 336h`, "result f/a=down\nwake after=8d", []string{"task-expired a:"}},
	{"a command that is lost", `steps: [{id: a, run: {}}]`, "result f/a=done\nwake at=05:04 t-f/a=gone\nwake at=06:04 t-f/a=gone\nwake at=07:04 t-f/a=gone",
		[]string{"outcome-unknown a: outcome_unknown"}},
	{"a command that may have run", `steps: [{id: a, run: {}}]`, "result f/a=given_up", []string{"outcome-unknown a: outcome_unknown"}},
	{"an instance that is deleted", `steps: [{id: a, run: {}}]`, "result f/a=down\nstate Deleted after=1m", []string{"task-expired a:"}},

	// Time is over.
	{"a step that waits for a boot", `steps: [{id: a, wait: next-boot, timeout: 10m}]`, `wake after=11m`,
		[]string{"flow-failed a: step a ended as timed_out: it timed out"}},
	{"a step whose command is stopped", `steps: [{id: a, run: {}, timeout: 10m}]`, "result f/a=done\nwake after=11m t-f/a=Running\nend f/a Terminated",
		[]string{"flow-failed a: step a ended as timed_out: the step timed out, and the command ended as terminated"}},
	{"a step between two attempts", `steps: [{id: a, run: {}, timeout: 10m, retry: {max: 1, on: [Failed], backoff: 1h, maxBackoff: 1h, factor: 1}}]`, "end f/a Failed exit=3\nwake after=11m",
		[]string{"execution a: Failed 3"}},
	{"a run that waits", `steps: [{id: a, wait: 1h}], timeout: 10m`, `wake after=11m`, []string{"flow-failed a: the run timed out in step a"}},
	{"a run whose command is stopped", `steps: [{id: a, run: {}}], timeout: 10m`, "result f/a=done\nwake after=11m t-f/a=Running\nend f/a Terminated",
		[]string{"flow-failed a: the run timed out in step a"}},
	{"a run whose command is not stopped in time", `steps: [{id: a, run: {}}], timeout: 10m`, "result f/a=done\nwake after=11m t-f/a=Running\nend f/a Failed exit=3",
		[]string{"execution a: Failed 3"}},
	{"a run whose command succeeds before it is stopped", `steps: [{id: a, run: {}}, {id: b, run: {}}], timeout: 10m`, "result f/a=done\nwake after=11m t-f/a=Running\nend f/a Success",
		[]string{"flow-failed a: the run timed out in step a"}},
	{"a run that is held before a step", `steps: [{id: a, run: {}}, {id: b, run: {}}], timeout: 10m`, "result f/a=done\nstop flow=f\nend f/a Success\nwake after=11m",
		[]string{"flow-failed b: the run timed out before step b"}},

	// What follows says it, or not.
	{"a step of onFailure alerts", `steps: [{id: a, when: int(event.errorDesc) > 3, run: {}}], onFailure: [{id: tell, alert: it is down}]`, ``,
		[]string{"flow tell: step a ended as invalid: when could not be evaluated"}},
	{"a step of finally alerts", `steps: [{id: a, when: int(event.errorDesc) > 3, run: {}}], finally: [{id: tell, alert: it is over}]`, ``,
		[]string{"flow tell: step a ended as invalid: when could not be evaluated"}},
	{"a step of onFailure is skipped", `steps: [{id: a, when: int(event.errorDesc) > 3, run: {}}], onFailure: [{id: tell, when: event.exitCode == 9, alert: it is down}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: when could not be evaluated"}},
	{"the alert of onFailure fails, too", `steps: [{id: a, when: int(event.errorDesc) > 3, run: {}}], onFailure: [{id: tell, alert: "${{ int(event.errorDesc) }}"}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: when could not be evaluated"}},
	{"a command of onFailure fails, too", `steps: [{id: a, when: int(event.errorDesc) > 3, run: {}}], onFailure: [{id: b, run: {}}]`, `end f/b Failed exit=4`,
		[]string{"execution b: Failed 4", "flow-failed a: step a ended as invalid: when could not be evaluated"}},
	{"an alert before the failure", `steps: [{id: tell, alert: it begins}, {id: a, when: int(event.errorDesc) > 3, run: {}}]`, ``,
		[]string{"flow tell:", "flow-failed a: step a ended as invalid: when could not be evaluated"}},
	{"a stop", `steps: [{id: a, stop: failed}]`, ``, []string{"flow-failed a: step a ends the run"}},
	{"a stop after an alert", `steps: [{id: tell, alert: it is bad}, {id: a, stop: failed}]`, ``, []string{"flow tell:"}},
	{"a stop after a failure", `steps: [{id: a, run: {}, onFailure: continue}, {id: b, stop: failed}]`, `end f/a Failed exit=3`, []string{"execution a: Failed 3"}},
	{"a stop after a failure that alerts nobody", `steps: [{id: a, run: {}, onFailure: continue}, {id: b, stop: failed}]`, `end f/a Terminated`,
		[]string{"flow-failed a: step b ends the run; step a ended as terminated: its execution ended as Terminated"}},
	{"a stop in onFailure", `steps: [{id: a, wait: soon}], onFailure: [{id: b, stop: failed}]`, ``,
		[]string{"flow-failed a: step a ended as invalid: its duration cannot be read; step b ends the run"}},

	// A command is tried again.
	{"the last try", `steps: [{id: a, run: {}, retry: {max: 1, on: [Failed], backoff: 1s, maxBackoff: 1s, factor: 1}}]`, "end f/a Failed exit=3\nwake after=2s\nend f/a.2 Failed exit=4",
		[]string{"execution a: Failed 4"}},
	{"alertOnRetry", `alertOnRetry: true, steps: [{id: a, run: {}, retry: {max: 1, on: [Failed], backoff: 1s, maxBackoff: 1s, factor: 1}}]`,
		"end f/a Failed exit=3\nwake after=2s\nend f/a.2 Failed exit=4", []string{"execution a: Failed 4"}},
	{"a try whose parameter is wrong", `steps: [{id: a, run: {content: echo $x, parameters: {x: "${{ 1 / (2 - run.attempt) }}"}}, retry: {max: 1, on: [Failed], backoff: 1s, maxBackoff: 1s, factor: 1}}]`,
		"end f/a Failed exit=3\nwake after=2s", []string{"execution a: Failed 3"}},
}

// However a run fails or times out, one alert says so, and why. What is told by the
// alert of the step's command, or by a step of the flow, is not told again.
// (flow rule 39)
func TestEachRunThatFailsIsToldOnce(t *testing.T) {
	for _, c := range failing {
		t.Run(c.name, func(t *testing.T) {
			s := &story{t: t}
			s.policy.Flows = flowtest.Set(t, `[{name: f, when: event.commandName == "check", `+c.flow+`}]`, 1, 0)
			s.begin(decide.BootBootable)
			s.before(&datadriven.TestData{Input: "stranger s-1 Success name=check\n" + c.happens})
			for _, r := range s.runs {
				if len(s.state.Runs) > 0 || r.Result != flow.ResultFailed && r.Result != flow.ResultTimedOut {
					t.Fatalf("the run did not fail: %+v", r)
				}
			}
			if len(s.runs) != 1 {
				t.Fatalf("%d runs ended, want 1", len(s.runs))
			}
			alerts := map[string]decide.Message{} // the newest version of each
			for _, m := range s.state.Messages {
				if m.Alert != nil && !m.Alert.Recovered && m.Rev > alerts[m.Key].Rev {
					alerts[m.Key] = m
				}
			}
			var got []string
			for _, m := range alerts {
				got = append(got, gist(*m.Alert))
			}
			slices.Sort(got)
			if len(got) != len(c.want) || slices.ContainsFunc(c.want, func(want string) bool {
				return !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, want) })
			}) {
				t.Errorf("it is told by\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// gist is what an alert is about, and why.
func gist(a decide.Alert) string {
	text := fmt.Sprintf("%s %s:", a.Kind, a.Step)
	if a.Kind == decide.AlertExecution {
		text += " " + a.Status
	}
	if a.ExitCode != nil {
		text += fmt.Sprint(" ", *a.ExitCode)
	}
	for _, more := range []string{a.ErrorCode, a.ErrorDesc} {
		if more != "" {
			text += " " + more
		}
	}
	return text
}

// An alert has the end of what the command printed, if the flow captured that, from
// the beginning of a line on: both that of the command's bad end, and that of a step
// that follows. (flow rule 39)
func TestAnAlertHasTheLastLinesOfACapturedOutput(t *testing.T) {
	long := strings.Repeat("0123456789 abcdefgh\n", 200) // 4,000 bytes
	for _, c := range []struct{ name, output, want string }{
		{"a short one is whole", "one\ntwo\n", "one\ntwo"},
		{"a long one is cut at a line", "first" + long, "…\n" + strings.TrimSuffix(long[:2000], "\n")},
		{"a line that is too long, at a word", strings.Repeat("0123456 ", 1000), "…\n" + strings.TrimSuffix(strings.Repeat("0123456 ", 250), " ")},
		{"a word that is too long is left out", strings.Repeat("x", 3000), "…"},
		{"what is no text stays readable", "a\xffb", "a\ufffdb"},
		{"a secret is masked before anything is cut", "password=" + strings.Repeat("h", 1995) + "\nend", "password=[masked]\nend"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &story{t: t}
			s.policy.Flows = flowtest.Set(t, `[{name: f, when: event.commandName == "check", steps: [{id: a, capture: true, run: {}}], onFailure: [{id: tell, alert: it is down}]}]`, 1, 0)
			s.begin(decide.BootBootable)
			s.before(&datadriven.TestData{Input: "stranger s-1 Success name=check"})
			s.tell(t, &datadriven.TestData{Cmd: "end", CmdArgs: []datadriven.CmdArg{
				{Key: "f/a"}, {Key: "Failed"}, {Key: "exit", Vals: []string{"3"}}, {Key: "output", Vals: []string{c.output}},
			}})
			if len(s.state.Messages) < 2 {
				t.Fatalf("there are the alerts %v, want two", s.state.Messages)
			}
			for _, m := range s.state.Messages {
				if m.Alert != nil && m.Alert.Output != c.want {
					t.Errorf("the alert %s has the output %.80q, want %.80q", m.Alert.Kind, m.Alert.Output, c.want)
				}
			}
		})
	}
}
