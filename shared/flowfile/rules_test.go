package flowfile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// oneFlow is a file of one flow on heartbeats, from its further lines.
func oneFlow(lines string) []byte {
	return []byte("version: 1\nflows:\n- name: one\n  on: first-heartbeat\n" + lines)
}

// steps is a list of steps of n alerts or waits.
func steps(key, id, action string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s:\n", key)
	for i := range n {
		fmt.Fprintf(&b, "  - {id: %s%d, %s}\n", id, i, action)
	}
	return b.String()
}

// [1]
func TestAFileIsOneDocumentOfPlainYAMLInVersionOne(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"another version":     {"version: 2\nflows: []\n", "write version: 1"},
		"no version":          {"flows: []\n", "needs the key version"},
		"no flows":            {"version: 1\n", "needs the key flows"},
		"a tag":               {"version: 1\nflows: !!seq []\n", "the tag"},
		"a merge key":         {"version: 1\nflows:\n- <<: {name: x}\n", "merge keys"},
		"a second document":   {"version: 1\nflows: []\n---\nversion: 1\n", "a second document"},
		"a directive":         {"%YAML 1.2\n---\nversion: 1\nflows: []\n", "directives"},
		"a key of many parts": {"version: 1\n? flows\n: []\n", "keys that begin with ?"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mistakesOf(t, []byte(c.src)).Error(); !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %q", got, c.want)
			}
		})
	}
	if flows := good(t, []byte("version: 1\ndefaults: {}\nflows: []\n")); len(flows) != 0 {
		t.Errorf("got %d flows, want none", len(flows))
	}
}

// [2]
func TestNamesAndIdsAreShortPlainAndThereOnce(t *testing.T) {
	file := func(name, id string) []byte {
		return fmt.Appendf(nil, "version: 1\nflows:\n- name: %q\n  on: first-heartbeat\n  steps:\n  - {id: %q, alert: x}\n  - {id: other, alert: x}\n", name, id)
	}
	for name, fine := range map[string]bool{
		"a": true, "a-b-0": true, "0": true, strings.Repeat("x", 63): true, "a-": true,
		"": false, "-a": false, "A": false, "a_b": false, "a b": false, "é": false, strings.Repeat("x", 64): false,
	} {
		for _, src := range [][]byte{file(name, "id"), file("name", name)} {
			if fine {
				good(t, src)
			} else if got := mistakesOf(t, src).Error(); !strings.Contains(got, "must consist of") {
				t.Errorf("%q: got %s", name, got)
			}
		}
	}
	wantMistake(t, file("one", "other"), 7, 10, "unique: other is already in line 6")
	good(t, []byte("version: 1\nflows:\n- {name: a, on: first-heartbeat, steps: [{id: x, alert: x}]}\n- {name: b, on: first-heartbeat, steps: [{id: x, alert: x}]}\n"))
	wantMistake(t, []byte("version: 1\nflows:\n- {name: a, on: first-heartbeat, steps: [{id: x, alert: x}]}\n- {name: a, on: first-heartbeat, steps: [{id: x, alert: x}]}\n"), 4, 10, "unique: a is already in line 3")
}

// [3]
func TestOnIsAWordOrAListOfWords(t *testing.T) {
	for on, want := range map[string][]string{
		"task-completed":                    {flow.TaskCompleted},
		"[first-heartbeat]":                 {flow.FirstHeartbeat},
		"[first-heartbeat, task-completed]": {flow.FirstHeartbeat, flow.TaskCompleted},
	} {
		flows := good(t, []byte("version: 1\nflows:\n- name: one\n  when: run.depth == 0\n  on: "+on+"\n  steps: [{id: x, alert: x}]\n"))
		if diff := cmp.Diff(want, flows[0].On); diff != "" {
			t.Errorf("%s (-want +got):\n%s", on, diff)
		}
	}
}

// [4]
func TestModeIsLiveOrDryRun(t *testing.T) {
	for lines, want := range map[string]string{"": flow.ModeLive, "  mode: live\n": flow.ModeLive, "  mode: dry-run\n": flow.ModeDryRun} {
		if got := good(t, oneFlow(lines+steps("steps", "a", "alert: x", 1)))[0].Mode; got != want {
			t.Errorf("%q: got %s, want %s", lines, got, want)
		}
	}
	wantMistake(t, oneFlow("  mode: test\n"+steps("steps", "a", "alert: x", 1)), 5, 9, "write live or dry-run")
}

// [5] Each key of the defaults is taken whole, and only by flows that do not
// have it.
func TestDefaultsHoldForWhoeverDoesNotSayOtherwise(t *testing.T) {
	const src = `
version: 1
defaults:
  mode: dry-run
  timeout: 2h
  whenBusy: drop
  windows: {timeZone: UTC, outside: drop, open: [{from: "00:00", to: "01:00"}]}
  limits:
    perInstance: {max: 1, window: 1m}
    fleet: {maxFailures: 1, window: 1m, resumeAfter: 1m}
  onFailure: [{id: failed, alert: failed}]
  finally: [{id: last, run: {content: echo}}]
  step: {retry: {max: 7, on: [Failed]}, timeout: 15m, onFailure: continue, capture: true}
  run: {type: RunShellScript, timeout: 30s, workingDir: /opt, username: agent}
flows:
  - name: silent
    on: first-heartbeat
    steps:
      - {id: run, run: {content: echo}}
      - {id: invoke, invoke: {commandId: c-1}}
      - {id: alert, alert: x}
  - name: outspoken
    on: first-heartbeat
    mode: live
    timeout: 3h
    whenBusy: queue
    windows: {timeZone: Asia/Tokyo, open: [{from: "02:00", to: "03:00"}]}
    limits:
      fleet: {maxFailures: 9, window: 9m, resumeAfter: 9m}
    onFailure: [{id: own, alert: x}]
    finally: [{id: own-too, alert: x}]
    steps:
      - id: run
        run: {type: RunBatScript, content: dir, timeout: 40s, workingDir: "C:/", username: System}
        retry: {max: 1}
        timeout: 1m
        onFailure: stop
        capture: false
`
	flows := good(t, []byte(src))
	tell, alert := flow.Step{ID: "failed", Alert: "failed", OnFailure: "stop"}, flow.Step{ID: "alert", Alert: "x", OnFailure: "stop"}
	retry := func() *flow.Retry {
		return &flow.Retry{Max: 7, On: []string{"Failed"}, Backoff: flow.Duration(10 * time.Second), Factor: 2, MaxBackoff: flow.Duration(5 * time.Minute)}
	}
	run := func(name string) *command.Run {
		return &command.Run{Name: "silent/" + name, Type: "RunShellScript", Content: "echo", Timeout: flow.Duration(30 * time.Second), WorkingDir: "/opt", Username: "agent"}
	}
	quarter := flow.Duration(15 * time.Minute)
	want := flow.Definition{
		Name: "silent", On: []string{flow.FirstHeartbeat}, Mode: flow.ModeDryRun, Timeout: flow.Duration(2 * time.Hour), WhenBusy: flow.BusyDrop,
		Windows: &flow.Windows{TimeZone: "UTC", Outside: flow.OutsideDrop, Open: []flow.Window{{From: "00:00", To: "01:00"}}},
		Limits: flow.Limits{
			PerInstance: flow.InstanceLimit{Max: 1, Window: flow.Duration(time.Minute)},
			Fleet:       &flow.FleetLimit{MaxFailures: 1, Window: flow.Duration(time.Minute), ResumeAfter: flow.Duration(time.Minute)},
		},
		Steps: []flow.Step{
			{ID: "run", Run: run("run"), Retry: retry(), Timeout: quarter, OnFailure: "continue", Capture: true},
			{ID: "invoke", Invoke: &command.Invoke{CommandID: "c-1"}, Retry: retry(), Timeout: quarter, OnFailure: "continue", Capture: true},
			alert,
		},
		OnFailure: []flow.Step{tell},
		Finally:   []flow.Step{{ID: "last", Run: run("last"), Retry: retry(), Timeout: quarter, OnFailure: "continue", Capture: true}},
	}
	if diff := cmp.Diff(want, flows[0]); diff != "" {
		t.Errorf("the flow that says nothing (-want +got):\n%s", diff)
	}
	once := retry()
	once.Max, once.On = 1, notStarted
	minute := flow.Duration(time.Minute)
	want = flow.Definition{
		Name: "outspoken", On: []string{flow.FirstHeartbeat}, Mode: flow.ModeLive, Timeout: flow.Duration(3 * time.Hour), WhenBusy: flow.BusyQueue,
		Windows: &flow.Windows{TimeZone: "Asia/Tokyo", Outside: flow.OutsideWait, Open: []flow.Window{{From: "02:00", To: "03:00"}}},
		Limits: flow.Limits{
			PerInstance: flow.InstanceLimit{Max: 1, Window: minute},
			Fleet:       &flow.FleetLimit{MaxFailures: 9, Window: 9 * minute, ResumeAfter: 9 * minute},
		},
		Steps: []flow.Step{{
			ID: "run", Retry: once, Timeout: minute, OnFailure: "stop",
			Run: &command.Run{Name: "outspoken/run", Type: "RunBatScript", Content: "dir", Timeout: flow.Duration(40 * time.Second), WorkingDir: "C:/", Username: "System"},
		}},
		OnFailure: []flow.Step{{ID: "own", Alert: "x", OnFailure: "stop"}},
		Finally:   []flow.Step{{ID: "own-too", Alert: "x", OnFailure: "continue"}},
	}
	if diff := cmp.Diff(want, flows[1]); diff != "" {
		t.Errorf("the flow that says everything (-want +got):\n%s", diff)
	}
}

func TestFlowsDoNotShareTheirDefaults(t *testing.T) {
	src := "version: 1\ndefaults: {step: {retry: {on: [Failed]}}, finally: [{id: last, run: {type: RunShellScript, content: echo $a, parameters: {a: b}}}]}\nflows:\n"
	for _, name := range []string{"one", "two"} {
		src += "- {name: " + name + ", on: first-heartbeat, steps: [{id: a, invoke: {commandId: c-1}}]}\n"
	}
	flows, others := good(t, []byte(src)), good(t, []byte(src))
	last := flows[0].Finally[0]
	last.Run.Parameters["a"], last.Run.Timeout, last.Retry.Max, last.Retry.On[0] = "changed", 0, 99, "changed"
	flows[0].Steps[0].Retry.On[0] = "changed"
	if diff := cmp.Diff(others[1], flows[1]); diff != "" {
		t.Errorf("changing one flow changed another:\n%s", diff)
	}
}

var notStarted = []string{"ClientIsUpgrading", "ClientNotOnline", "ClientNotRunning", "DeliveryTimeout", "InstanceNotRunning", "TaskConcurrencyLimit"}

// [7]
func TestAFlowHasAtMostSoManySteps(t *testing.T) {
	for _, c := range []struct {
		name string
		src  string
		want string
	}{
		{"20 steps", steps("steps", "a", "wait: 1m", 20), ""},
		{"21 steps", steps("steps", "a", "wait: 1m", 21), "this is step 21: a flow has at most 20"},
		{"no step", "  steps: []\n", "list at least one step"},
		{"30 in all", steps("steps", "a", "wait: 1m", 20) + steps("onFailure", "b", "wait: 1m", 5) + steps("finally", "c", "wait: 1m", 5), ""},
		{"31 in all", steps("steps", "a", "wait: 1m", 10) + steps("onFailure", "b", "wait: 1m", 10) + steps("finally", "c", "wait: 1m", 11), "this is step 31 of the flow"},
		{"5 alerts", steps("steps", "a", "alert: x", 4) + steps("finally", "b", "alert: x", 1), ""},
		{"6 alerts", steps("steps", "a", "alert: x", 4) + steps("finally", "b", "alert: x", 2), "this is alert 6"},
		{"5 captures", steps("steps", "a", "invoke: {commandId: c-1}, capture: true", 5), ""},
		{"6 captures", steps("steps", "a", "invoke: {commandId: c-1}, capture: true", 6), "this is step 6 of the flow that captures"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				good(t, oneFlow(c.src))
			} else if got := mistakesOf(t, oneFlow(c.src)); len(got) != 1 || !strings.Contains(got[0].Text, c.want) {
				t.Errorf("got %s, want %q alone", got, c.want)
			}
		})
	}
}

// [30] [31] [32] [52] [54] [60] [62]
func TestWhatNobodySaysIsAsTheRulesSay(t *testing.T) {
	d := good(t, oneFlow(`  steps:
  - {id: run, run: {type: RunShellScript, content: echo}}
  - {id: some, invoke: {commandId: c-1}, retry: {backoff: 1m, factor: 1.5}}
  - {id: never, invoke: {commandId: c-1}, retry: {on: []}}
  - {id: hold, wait: 1m}
`))[0]
	if d.WhenBusy != flow.BusyQueue || d.Timeout.D() != 24*time.Hour || d.Limits.PerInstance.Max != 30 || d.Limits.PerInstance.Window.D() != time.Hour || d.Limits.Fleet != nil || d.Windows != nil {
		t.Errorf("the flow is %+v", d)
	}
	if got := d.Steps[0].Run.Timeout.D(); got != time.Minute {
		t.Errorf("a run's timeout is %s", got)
	}
	ten, five := flow.Duration(10*time.Second), flow.Duration(5*time.Minute)
	for i, want := range []*flow.Retry{
		{Max: 2, On: notStarted, Backoff: ten, Factor: 2, MaxBackoff: five},
		{Max: 2, On: notStarted, Backoff: flow.Duration(time.Minute), Factor: 1.5, MaxBackoff: five},
		{Max: 2, On: []string{}, Backoff: ten, Factor: 2, MaxBackoff: five},
		nil,
	} {
		if diff := cmp.Diff(want, d.Steps[i].Retry); diff != "" {
			t.Errorf("step %s (-want +got):\n%s", d.Steps[i].ID, diff)
		}
	}
}

// [80] [81] [82] [83] [84] [85] The fixtures tell where and how; here is that
// each rule's smallest breach is found.
func TestMistakesAreFoundBeforeDeploying(t *testing.T) {
	shell := func(script, more string) string {
		return fmt.Sprintf("  steps:\n  - id: a\n    run: {type: RunShellScript, content: %q%s}\n", script, more)
	}
	for rule, c := range map[string]struct{ lines, want string }{
		"80":               {"  steps: [{id: a, stop: failed}, {id: b, alert: x}]\n", "no run reaches this step"},
		"82 sh":            {shell("if true", ""), "the script's syntax"},
		"82 bash":          {shell("#!/bin/bash\nif [[ a ]]", ""), "the script's syntax"},
		"83 unused":        {shell("echo", ", parameters: {a: b}"), "never mentions the parameter a"},
		"83 unset":         {shell("echo $a", ""), "nothing sets the variable a"},
		"84 content":       {shell(strings.Repeat("x", 19_000), ""), "at most 24576 are allowed"},
		"84 name":          {shell("echo", ", name: "+strings.Repeat("x", 129)), "name has 129 characters, at most 128"},
		"84 workingDir":    {shell("echo", ", workingDir: /"+strings.Repeat("x", 200)), "workingDir has 201 characters, at most 200"},
		"84 username":      {shell("echo", ", username: "+strings.Repeat("x", 256)), "username has 256 characters, at most 255"},
		"85 state":         {"  when: instance.state == \"up\"\n" + steps("steps", "a", "alert: x", 1), "instance.state is never"},
		"85 a step before": {"  steps: [{id: a, wait: 1m}, {id: b, when: steps.a.status == \"ok\", alert: x}]\n", "steps.a.status is never"},
	} {
		t.Run(rule, func(t *testing.T) {
			if got := mistakesOf(t, oneFlow(c.lines)); len(got) != 1 || !strings.Contains(got[0].Text, c.want) {
				t.Errorf("got %s, want %q alone", got, c.want)
			}
		})
	}
	cycle := "version: 1\nflows:\n- {name: a, on: task-completed, when: event.commandName == \"b/x\", steps: [{id: x, run: {type: RunShellScript, content: echo}}]}\n"
	other := "- {name: b, on: task-completed, when: event.commandName == \"a/x\"%s, steps: [{id: x, run: {type: RunShellScript, content: echo}}]}\n"
	wantMistake(t, []byte(cycle+fmt.Sprintf(other, "")), 3, 39, "a -> b -> a")
	good(t, []byte(cycle+fmt.Sprintf(other, " && run.depth == 0")))
}

// [5] [84] A default that is good by itself, and does not fit a run that it
// holds for, is a mistake of that run.
func TestADefaultThatDoesNotFitARunIsFoundThere(t *testing.T) {
	file := func(more string) []byte {
		return []byte("version: 1\ndefaults:\n  run: {workingDir: /opt, username: web}\nflows:\n- name: a\n  on: first-heartbeat\n  steps:\n" +
			"  - id: linux\n    run: {type: RunShellScript, content: echo}\n  - id: windows\n    run: {type: RunPowerShellScript, content: echo" + more + "}\n")
	}
	for _, want := range []string{"workingDir is relative", "username must be left out"} {
		wantMistake(t, file(""), 11, 11, want)
	}
	good(t, file(`, workingDir: 'C:\app', username: System`))
}

func TestLineEndsOfWindowsMeanTheSame(t *testing.T) {
	windows := func(src []byte) []byte { return []byte("\ufeff" + strings.ReplaceAll(string(src), "\n", "\r\n")) }
	for _, file := range append(fixture(t, "good"), shippedFile) {
		src := read(t, file)
		if diff := cmp.Diff(good(t, src), good(t, windows(src))); diff != "" {
			t.Errorf("%s (-with line feeds +with carriage returns):\n%s", file, diff)
		}
	}
	for _, file := range fixture(t, "bad") {
		src := read(t, file)
		if diff := cmp.Diff(mistakesOf(t, src), mistakesOf(t, windows(src))); diff != "" {
			t.Errorf("%s (-with line feeds +with carriage returns):\n%s", file, diff)
		}
	}
}
