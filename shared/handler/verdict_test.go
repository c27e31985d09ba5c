package handler_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"aftercare/shared/flowfile"
	"aftercare/shared/handler"
	"aftercare/shared/yamlfile"

	"pgregory.net/rapid"
)

// lint matches what only flows validate finds: shell syntax, unset variables
// and parameters that a script does not mention.
var lint = regexp.MustCompile(`the script's syntax|sh cannot read this|nested too deep|cannot be read: write it|nothing sets the variable|never mentions the parameter`)

// TestBothDoorsHaveOneVerdict gives random commands to submit-task and to
// flows.yaml: both take a command, or neither does.
func TestBothDoorsHaveOneVerdict(t *testing.T) {
	accepted, refused := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		for range 8 {
			kind, command := drawRun(r)
			if rapid.IntRange(0, 3).Draw(r, "kind") == 0 {
				kind, command = drawInvoke(r)
			}
			text, err := json.Marshal(command)
			if err != nil {
				r.Fatal(err)
			}
			bySubmission := handler.MistakesIn(fmt.Appendf(nil, `{"instanceId":"i-1",%q:%s}`, kind, text))
			_, byFlows := flowfile.Read("flows.yaml", fmt.Appendf(nil,
				"version: 1\nflows: [{name: f, on: first-heartbeat, steps: [{id: s, %s: %s}]}]\n", kind, yaml(command)))
			var found yamlfile.Mistakes
			if byFlows != nil && !errors.As(byFlows, &found) {
				r.Fatal(byFlows)
			}
			wrong := 0
			for _, f := range found {
				if !lint.MatchString(f.Text) {
					wrong++
				}
			}
			if (bySubmission != nil) != (wrong > 0) {
				r.Errorf("the submission of %s says %v, flows.yaml %v", text, bySubmission, byFlows)
			}
			if bySubmission == nil {
				accepted++
			} else {
				refused++
			}
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d commands were accepted and %d refused, want some of each", accepted, refused)
	}
}

// some draws one of the good values four times out of five, else an odd one.
func some(r *rapid.T, label string, good []string, odd ...string) string {
	if rapid.IntRange(0, 4).Draw(r, label+" is odd") > 0 {
		return rapid.SampledFrom(good).Draw(r, label)
	}
	text := rapid.OneOf(rapid.SampledFrom(odd), rapid.String()).Draw(r, label)
	return strings.ReplaceAll(text, "${{", "$ {{") // has a meaning in flows only
}

func drawRun(r *rapid.T) (string, map[string]any) {
	return "run", with(r, map[string]any{
		"name":    some(r, "name", []string{"job", "升级 补丁 (KB5031356).ps1", strings.Repeat("检", 128), "a/b [0123456789abcdef0123456789abcdef]"}, "", " a", "a\n", "a\u0085b", strings.Repeat("n", 129), "a.0123456789abcdef0123456789abcdef"),
		"type":    some(r, "type", []string{"RunShellScript", "RunShellScript", "RunPowerShellScript", "RunBatScript"}, "", "Shell", "RunPythonScript"),
		"content": some(r, "content", []string{"true", "#!/bin/bash\r\necho a\r\n", "\ufeffecho a", "#!/usr/bin/env python3\nprint(1)", strings.Repeat("x", 18_432)}, "", " \n", "a\x00", "a\rb", "#!bash\n", "\n#!/bin/sh\n", "#!/bin/bash -e -u\n", "#!/usr/bin/env bash -e\n", "echo 🚀", "echo \x1b", "param($x)", strings.Repeat("x", 18_433), strings.Repeat("x", 18_000)),
		"parameters": parameterNames(r, []string{"a", "host", "A"}, []string{"1", "", "$(x)", "日志", "a\nb"},
			"PATH", "https_proxy", "a-b", "", "1a", strings.Repeat("n", 65), "a b"),
		"workingDir": some(r, "workingDir", []string{"", "/opt", `C:\Users`, "/" + strings.Repeat("夹", 199)}, "opt", " /opt", "/a\x00", "/"+strings.Repeat("d", 200), "~", `\\host\x`),
	})
}

func drawInvoke(r *rapid.T) (string, map[string]any) {
	return "invoke", with(r, map[string]any{
		"commandId": some(r, "commandId", []string{"c-hz01abc"}, "", "hello!", "c-", "c-"+strings.Repeat("a", 63), "c-a b"),
		"parameters": parameterNames(r, []string{"a", "host", "a-b"}, []string{"1", "", "aZ09_.:/@=+,-", strings.Repeat("v", 6_000)},
			"A", "", "a.b", strings.Repeat("n", 65), "acs::x"),
	})
}

// with adds what both kinds of command have.
func with(r *rapid.T, command map[string]any) map[string]any {
	command["username"] = some(r, "username", []string{"", "root", "web-1", "System"}, "a b", "a;b", "-x", "管理员", strings.Repeat("u", 256))
	command["timeout"] = some(r, "timeout", []string{"60s", "10s", "24h", "1h30m", "90.0s"}, "", "0", "0s", "0h0m", "9s", "24h1s", "10.5s", "60", "60000ms", "+60s", "-60s", "1d", ".5h", "5.h", "1m.5s", "m")
	return command
}

func parameterNames(r *rapid.T, names, values []string, odd ...string) map[string]string {
	params := map[string]string{}
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(r, "parameters") {
		params[some(r, "parameter", names, odd...)] = some(r, "value", values, "it's", "a;b", "a\x00b", "{{oos-secret:x}}")
	}
	return params
}

// yaml writes texts and mappings of them as YAML, which knows JSON's escapes
// but for surrogate pairs.
func yaml(v any) string {
	var members []string
	switch v := v.(type) {
	case string:
		var b strings.Builder
		for _, c := range v {
			if c >= ' ' && c <= '~' && c != '"' && c != '\\' {
				b.WriteRune(c)
			} else {
				fmt.Fprintf(&b, `\U%08x`, c)
			}
		}
		return `"` + b.String() + `"`
	case map[string]any:
		for key, value := range v {
			members = append(members, yaml(key)+": "+yaml(value))
		}
	case map[string]string:
		for key, value := range v {
			members = append(members, yaml(key)+": "+yaml(value))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// FuzzSubmission looks for payloads that end the process, or whose reason
// quotes a value. Fuzz it with -fuzzminimizetime=10x, or Go spends the time
// making inputs smaller.
func FuzzSubmission(f *testing.F) {
	f.Add(encode(request()))
	f.Add(saved("timeout", "90s"))
	f.Add(encode(request().with("run", nil).with("cancel", object{"taskId": strings.Repeat("a", 32)})))
	for _, c := range mistakenSubmissions() {
		if len(c.payload) < 1<<10 {
			f.Add(c.payload)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		err := handler.MistakesIn(payload)
		if err == nil && !json.Valid([]byte(strings.TrimPrefix(string(payload), "\ufeff"))) {
			t.Error("accepted what is not JSON")
		}
		if err != nil && strings.Contains(err.Error(), secret) && !strings.Contains(string(payload), secret+`":`) {
			t.Errorf("a value is repeated: %v", err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x00\x07\x1b\r") {
			t.Errorf("the reason %q could break a screen", err)
		}
	})
}
