package flowfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

const mendFlow = `version: 1
flows:
  - name: mend
    on: task-completed
    when: event.commandName == "check" && event.exitCode == 3
    steps:
      - id: fix
        run: {type: RunShellScript, content: "true"}
        retry: {max: 2, on: [Failed]}
        capture: true
      - id: back
        wait: next-boot
        timeout: 10m
      - id: tell
        when: run.depth > 0
        alert: mended ${{ steps.fix.output }}
    onFailure:
      - id: cry
        alert: ${{ event.instanceId }} ${{ steps.fix.status }}
  - name: other
    on: first-heartbeat
    steps:
      - id: look
        run: {type: RunShellScript, content: uptime}
`

func mend(t *testing.T) []flow.Definition {
	t.Helper()
	flows, err := flowfile.Read("flows.yaml", []byte(mendFlow))
	if err != nil {
		t.Fatal(err)
	}
	return flows
}

// oneCase is a case with this event and what follows it.
func oneCase(t *testing.T, text string) flowfile.Case {
	t.Helper()
	cases, err := flowfile.ReadCases("flows_test.yaml", []byte("version: 1\ncases:\n  - name: one\n    event: "+text))
	if err != nil {
		t.Fatal(err)
	}
	return cases[0]
}

func TestWhatACaseDoesNotTellGoesWithWhatItTells(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	task := func(change func(*flow.Event)) flow.Event {
		ev := flow.Event{
			Kind: flow.TaskCompleted, InstanceID: "i-test", InvocationStatus: "Success",
			RepeatMode: "Once", Time: noon, StartTime: noon, FinishTime: noon,
		}
		change(&ev)
		return ev
	}
	for name, c := range map[string]struct {
		event string
		want  flow.Event
	}{
		"a command went well":                 {"{kind: task-completed}", task(func(*flow.Event) {})},
		"an exit code is of one that failed":  {"{kind: task-completed, exitCode: 3}", task(func(e *flow.Event) { e.InvocationStatus, e.ExitCode = "Failed", 3 })},
		"one that failed has an exit code":    {"{kind: task-completed, invocationStatus: Failed}", task(func(e *flow.Event) { e.InvocationStatus, e.ExitCode = "Failed", 1 })},
		"one that was stopped has none":       {"{kind: task-completed, invocationStatus: Terminated}", task(func(e *flow.Event) { e.InvocationStatus, e.ExitCode = "Terminated", -1 })},
		"an error code is of one that failed": {"{kind: task-completed, errorCode: ClientNotOnline}", task(func(e *flow.Event) { e.InvocationStatus, e.ExitCode, e.ErrorCode = "Failed", -1, "ClientNotOnline" })},
		"what is given stays": {"{kind: task-completed, invocationStatus: Success, exitCode: -1, repeatMode: Period, finishTime: 2026-01-31T08:00:00+08:00}", task(func(e *flow.Event) {
			e.ExitCode, e.RepeatMode, e.FinishTime = -1, "Period", time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
		})},
		"a boot was a moment ago": {"{kind: first-heartbeat, instanceId: i-1}", flow.Event{Kind: flow.FirstHeartbeat, InstanceID: "i-1", Time: noon, Uptime: 30_000}},
	} {
		t.Run(name, func(t *testing.T) {
			got := oneCase(t, c.event+"\n    expect: {fires: []}\n")
			if diff := cmp.Diff(c.want, got.Event); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			want := flow.Instance{ID: c.want.InstanceID, State: "bootable", BootSeq: 1}
			if diff := cmp.Diff(want, got.Instance); diff != "" {
				t.Errorf("instance (-want +got):\n%s", diff)
			}
		})
	}
}

const checked = "{kind: task-completed, commandName: check, exitCode: 3}\n"

func TestACaseSaysInWordsHowItDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"it passes": {checked + "    expect: {fires: mend, plan: [fix, back], skipped: [tell], result: succeeded, alerts: 0}", nil},
		"attempts and alerts pass": {checked + `    steps: {fix: [{exitCode: 1, output: a}, {output: b}]}
    depth: 1
    expect: {fires: mend, plan: [fix, fix, back, tell], skipped: [], alerts: [mended b]}`, nil},
		"a boot that never comes": {checked + `    steps: {back: {hangs: true}}
    expect: {fires: mend, plan: [fix, back, cry], result: failed, alerts: [i-test succeeded]}`, nil},
		"a command that never ends": {checked + `    steps: {fix: {hangs: true}}
    expect: {fires: mend, plan: [fix, cry], result: timed_out}`, nil},
		"it does not fire": {"{kind: task-completed, commandName: check}\n    expect: {fires: mend, plan: [fix]}", []string{
			"fires: none, want mend",
			"mend: when was false: event.exitCode == 3 (event.exitCode is 0)",
		}},
		"it fires": {checked + "    expect: {fires: []}", []string{"fires: mend, want none"}},
		"a flow for other events": {checked + "    expect: {fires: [mend, other], flow: other, plan: [look]}", []string{
			"fires: mend, want mend, other",
			"other: it is not for task-completed events",
		}},
		"a flow that is not there": {checked + "    expect: {fires: [mend, othr], flow: mend}", []string{
			"fires: mend, want mend, othr",
			`othr: there is no such flow, did you mean "other"?`,
		}},
		"everything else is different": {checked + `    steps: {fix: {exitCode: 1}}
    expect: {fires: mend, plan: [fix, back], skipped: [cry], result: succeeded, alerts: [it is well]}`, []string{
			"plan: fix, fix, fix, cry, want fix, back",
			"skipped: none, want cry",
			"result: failed (step fix ended as failed), want succeeded",
			`alert 1: "i-test failed", want one that contains "it is well"`,
		}},
		"an alert too many": {checked + "    depth: 1\n    expect: {fires: mend, alerts: 0}", []string{"alerts: 1, want 0", `there is the alert "mended "`}},
		"an alert too few":  {checked + "    expect: {fires: mend, alerts: [a, b]}", []string{"alerts: 0, want 2"}},
		"a step that is not there": {checked + "    steps: {fixx: {exitCode: 1}}\n    expect: {fires: mend, result: succeeded}", []string{
			`steps: mend has no step "fixx" that a command or a boot ends, did you mean "fix"?`,
		}},
		"a boot with an exit code": {checked + "    steps: {back: {exitCode: 1}}\n    expect: {fires: mend, result: succeeded}", []string{
			"steps: back waits for a boot: only hangs: true is possible here",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := oneCase(t, c.text).Run(mend(t))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOutputThatNoStepCapturesIsADifference(t *testing.T) {
	flows := mend(t)
	flows[0].Steps[0].Capture = false
	got := oneCase(t, checked+"    depth: 1\n    steps: {fix: {output: b}}\n    expect: {fires: mend, alerts: [mended b]}").Run(flows)
	want := []string{
		"steps: fix has an output here, but does not capture it: the flow would not see it",
		`alert 1: "mended ", want one that contains "mended b"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

func TestMistakesOfCasesHaveTheirPlace(t *testing.T) {
	src := `version: 2
cases:
  - name: a
    evnt: {kind: task-completed}
    expect: {fire: mend}
  - name: a
    event: {kind: task-finished, exitCode: x}
    at: yesterday
    depth: 11
    steps: {fix: {status: Sucess, code: 1}, back: []}
    expect: {fires: [a, b], plan: [fix], result: well}
  - name: c
    event: {kind: first-heartbeat, exitCode: 3, commandNam: x}
    instance: {state: up}
    expect: {fires: [mend], flow: other, alerts: -1}
  - event: {}
    expect:
  - 5
more: 1
`
	_, err := flowfile.ReadCases("f_test.yaml", []byte(src))
	want := `f_test.yaml:1:10: this version is not known: write version: 1
f_test.yaml:4:5: a case has no key "evnt", did you mean "event"?
f_test.yaml:5:14: expect has no key "fire", did you mean "fires"?
f_test.yaml:6:11: a case's name must be unique: a is already in line 3
f_test.yaml:7:19: kind cannot be "task-finished": write task-completed or first-heartbeat
f_test.yaml:7:44: exitCode is a number, but here is text
f_test.yaml:8:9: at is a time such as 2026-01-31T08:00:00Z
f_test.yaml:9:12: depth must be from 0 to 10; this is 11
f_test.yaml:10:27: status cannot be "Sucess", did you mean "Success"?
f_test.yaml:10:35: the end of a command has no key "code": its keys are status, exitCode, errorCode, output, hangs
f_test.yaml:10:51: back is empty: write at least one, or remove the key
f_test.yaml:11:14: 2 flows fire here: say with the key flow which one plan, skipped, result and alerts are about
f_test.yaml:11:50: result cannot be "well": write succeeded, failed or timed_out
f_test.yaml:13:36: exitCode is not a field of first-heartbeat events: remove it
f_test.yaml:13:49: the event has no key "commandNam", did you mean "commandName"?
f_test.yaml:14:23: state cannot be "up": write unknown, waiting or bootable
f_test.yaml:15:35: flow names one of the flows of fires: add other there
f_test.yaml:15:50: alerts must be from 0 to 5; this is -1
f_test.yaml:16:5: a case needs the key name: say in a sentence what it shows
f_test.yaml:16:12: the event needs the key kind: write task-completed or first-heartbeat
f_test.yaml:17:5: expect has no value: list under fires the flows that start, [] for none
f_test.yaml:18:5: a case is a mapping of keys to values, but here is the number 5
f_test.yaml:19:1: a file of cases has no key "more": its keys are version, cases`
	if err == nil {
		t.Fatal("the cases have no mistakes")
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestAFileWithoutCasesSaysWhatToWrite(t *testing.T) {
	for src, want := range map[string]string{
		"":                         "f:1:1: the file is empty: begin with version: 1 and cases:",
		"version: 1":               "f:1:1: a file of cases needs the key cases: list at least one",
		"version: 1\ncases: ":      "f:2:1: cases has no value: list at least one",
		"version: 1\ncases: none":  "f:2:8: cases is a list, but here is text",
		"version: 1\ncases: []\n":  "f:2:8: cases is empty: list at least one",
		"cases: [{name: a}":        "f:1:8: this is not YAML: sequence end token ']' not found",
		"- name: a":                "f:1:1: a file of cases is a mapping of keys to values, but here is a list: begin with version: 1 and cases:",
		"version: 1\n---\ncases: ": "f:3:1: this is a second document: put all cases into one, without ---",
	} {
		_, err := flowfile.ReadCases("f", []byte(src))
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", src, err, want)
		}
	}
}

func FuzzReadCases(f *testing.F) {
	f.Add([]byte("version: 1\ncases:\n  - name: one\n    event: " + checked + "    expect: {fires: mend}\n"))
	f.Add([]byte("version: 1\ncases: [{name: &a x, event: {kind: *a}, steps: {fix: [{hangs: true}]}, expect: {fires: [], alerts: 1}}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		cases, err := flowfile.ReadCases("f", src)
		if err != nil {
			return
		}
		flows := mend(t)
		for _, c := range cases {
			c.Run(flows)
		}
	})
}
