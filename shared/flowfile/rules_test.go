package flowfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
