package flowfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/flowfile"
	"aftercare/shared/yamlfile"

	"pgregory.net/rapid"
)

// oneStep is a file with one flow of one step, from the lines of its run.
func oneStep(run string) []byte {
	return []byte("version: 1\nflows:\n- name: one\n  on: task-completed\n  when: run.depth == 0\n  steps:\n  - id: one\n    run:\n" + run)
}

// mistakesOf reads a file that must be bad.
func mistakesOf(t *testing.T, src []byte) yamlfile.Mistakes {
	t.Helper()
	flows, err := flowfile.ReadIn(os.DirFS(filepath.Join(fixtures, "bad")), "flows.yaml", src)
	var mistakes yamlfile.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("got %v, %v, want mistakes", flows, err)
	}
	return mistakes
}

func wantMistake(t *testing.T, src []byte, line, column int, text string) {
	t.Helper()
	mistakes := mistakesOf(t, src)
	for _, f := range mistakes {
		if f.Line == line && f.Column == column && strings.Contains(f.Text, text) {
			return
		}
	}
	t.Errorf("got\n%s\nwant a mistake at %d:%d with %q", mistakes, line, column, text)
}

// [84] A script is measured with what its parameters add.
func TestScriptsFitWithTheirParametersOrAreRefused(t *testing.T) {
	const whole = command.MaxEncoded / 4 * 3 // bytes
	run := func(size int, parameters string) []byte {
		return oneStep("      type: RunShellScript\n" + parameters + "      content: echo $a " + strings.Repeat("x", size-len("echo $a ")) + "\n")
	}
	const static = "      parameters: {a: b}\n"
	const dynamic = "      parameters: {a: \"${{ event.exitCode }}\"}\n"
	prelude := func(value string) int {
		return len(command.Run{Type: command.RunShellScript, Parameters: map[string]string{"a": value}}.Text())
	}
	room := 2048 / 4 * 3
	for _, c := range []struct {
		name       string
		parameters string
		largest    int
		line       int
	}{
		{"a value that is known counts", static, whole - prelude("b"), 11},
		{"a value that is not known gets room", dynamic, whole - prelude("${{ event.exitCode }}") - room, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			good(t, run(c.largest, c.parameters))
			wantMistake(t, run(c.largest+1, c.parameters), c.line, 16, "characters as base64")
		})
	}
}

// The file counts.yaml has one more of each. [7]
func TestAFlowMayHave30StepsWith5AlertsAnd5Captures(t *testing.T) {
	steps := func(id, action string, n int) (list string) {
		for i := range n {
			list += fmt.Sprintf("{id: %s%d, %s},", id, i, action)
		}
		return list
	}
	good(t, fmt.Appendf(nil, "version: 1\nflows: [{name: f, on: first-heartbeat, steps: [%s], onFailure: [%s], finally: [%s]}]\n",
		steps("a", "wait: 1m", 20), steps("b", "alert: x", 5), steps("c", "invoke: {commandId: c-1}, capture: true", 5)))
}

// What a hostile or broken file could cost is bounded before it is parsed.
func TestFilesThatExplodeAreRefused(t *testing.T) {
	bomb := "version: 1\nflows:\n- name: a0\n  on: task-completed\n  steps: &s\n"
	for i := range 15 {
		bomb += fmt.Sprintf("  - id: s%d\n    run: &r%d\n      type: RunShellScript\n      content: echo\n      parameters: {a: b, b: c, c: d}\n", i, i)
	}
	for i := range 1500 {
		bomb += fmt.Sprintf("- {name: b%d, on: task-completed, steps: *s}\n", i)
	}
	var wide strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&wide, "k%d: 1\n", i)
	}
	for name, c := range map[string]struct {
		src  string
		want string
	}{
		"more than 1 MB":               {"# " + strings.Repeat("x", 1<<20), "bytes: at most"},
		"aliases that expand":          {bomb, "aliases of this file expand to too much"},
		"brackets in brackets":         {"version: " + strings.Repeat("[", 20_000), "nested too deep"},
		"mappings in mappings":         {strings.Repeat("{a: ", 10_000), "nested too deep"},
		"lists in lists on one line":   {strings.Repeat("- ", 20_000), "nested too deep"},
		"anchors without end":          {strings.Repeat("&a ", 10_000), "too many anchors"},
		"a mapping without end":        {wide.String(), "too large"},
		"an alias of itself":           {"version: 1\nflows: &a [*a]\n", "a list"},
		"an alias of nothing":          {"version: 1\nflows: *a\n", "no anchor"},
		"an anchor on nothing":         {"version: 1\nflows: &a\n", "flows"},
		"hundreds of mistakes are cut": {"version: 1\nflows:\n" + strings.Repeat("- x\n", 400), "301 more mistakes"},
		"a literal NUL":                {"version: 1\nflows: \x00", "not allowed"},
		"a lone carriage return":       {"version: 1\rflows: []", "not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			mistakes := mistakesOf(t, []byte(c.src))
			if !strings.Contains(mistakes.Error(), c.want) || len(mistakes) > 100 {
				t.Errorf("got %d mistakes: %.500s, want at most 100 with %q", len(mistakes), mistakes, c.want)
			}
		})
	}
}

// A script that would cost its parser more than it is worth is refused, and
// one that the parser gives up on is no reason to stop.
func TestScriptsThatExplodeAreRefused(t *testing.T) {
	for _, part := range []string{"(", "((", "$(", "$((", "{ ", "[[ (", "${a:-", "a[", "\"$("} {
		for _, shebang := range []string{"", "#!/bin/bash\n"} {
			content := shebang + strings.Repeat(part, 9000/len(part))
			src := oneStep(fmt.Sprintf("      type: RunShellScript\n      content: %q\n", content))
			if got := mistakesOf(t, src); len(got) != 1 || !strings.Contains(got[0].Text, "nested too deep") {
				t.Errorf("%q without end: got %.200s", part, got)
			}
		}
	}
	for _, part := range []string{"if ", "while ", "<<a\n", "! ", "x | ", "case x in a) "} {
		src := oneStep(fmt.Sprintf("      type: RunShellScript\n      content: %q\n", strings.Repeat(part, 9000/len(part))))
		if got := mistakesOf(t, src); !strings.Contains(got.Error(), "the script's syntax") {
			t.Errorf("%q without end: got %.200s", part, got)
		}
	}
}

// [37] What is no address of a page would be shown as text at best. Go's parser is
// another way to read one.
func TestARunbookIsTheAddressOfAPage(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`(https?|ftp|HTTPS)://[a-z日%@:\[\]{}.0-9 -]{0,9}[/?#a%2 \\"]{0,9}`),
			rapid.StringMatching(`https?://[a-z.]{1,9}(:[0-9]{1,4})?/[!-~日]{0,20}`),
		).Draw(t, "runbook")
		src, err := json.Marshal(map[string]any{"version": 1, "flows": []any{map[string]any{
			"name": "a", "on": "first-heartbeat", "runbook": text, "steps": []any{map[string]any{"id": "b", "wait": "5m"}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := flowfile.Read("f", src); err != nil {
			return
		}
		accepted++
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(text) > 300 {
			t.Errorf("%q passes: %v", text, err)
		}
	})
	if accepted == 0 {
		t.Error("no address passed")
	}
}

// [86]
func TestARouteMustBeInAlertsYAML(t *testing.T) {
	src := []byte("version: 1\ndefaults: {finally: [{id: c, alert: a, route: datebase}]}\nflows:\n- name: one\n  on: first-heartbeat\n  steps:\n" +
		"  - {id: a, alert: a, route: default}\n  - {id: b, alert: a, route: people}\n  - {id: d, alert: a}\n")
	found := flowfile.Inspect(nil, "f", src, []string{"database", "default"}, time.Time{}).Mistakes
	want := "f:2:47: there is no route \"datebase\" in alerts.yaml, did you mean \"database\"?\n" +
		"f:8:30: there is no route \"people\" in alerts.yaml: its routes are database, default"
	if found.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", found, want)
	}
	good(t, src) // where the routes are not known
}
