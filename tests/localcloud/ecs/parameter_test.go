package ecs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"aftercare/tests/localcloud/ecs"
)

func parameters(values map[string]string) string {
	body, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestParameters(t *testing.T) {
	for _, test := range []struct {
		name    string
		content string
		more    args
		status  string
		code    string
		output  string
	}{
		{"names are compared without case, and space around them is left out",
			"echo {{Name}} {{ NAME\n}} {{other-1}}",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"name": "Jack", "OTHER-1": "x"})},
			"Success", "", "Jack Jack x\n"},
		{"a missing one is empty", "echo [{{a}}]", args{"EnableParameter": "true"}, "Success", "", "[]\n"},
		{"while they are disabled the content stays as it is", "echo '{{a}} {{ACS::RegionId}}'", nil,
			"Success", "", "{{a}} {{ACS::RegionId}}\n"},
		{"the built-in ones", "echo {{ACS::RegionId}} {{ACS::AccountId}} {{ ACS::InstanceId }} {{ACS::InstanceName}}",
			args{"EnableParameter": "true"}, "Success", "", region + " " + account + " " + one + " first\n"},
		{"an unknown built-in one", "echo {{ACS::Password}}", args{"EnableParameter": "true"},
			"Invalid", "InvalidSystemBuiltInParameter", ""},
		{"a value is not quoted", "echo {{a}}",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"a": "1; echo injected"})},
			"Success", "", "1\ninjected\n"},
		{"a value is not substituted again by another value", "echo '{{a}}'",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"a": "{{a}}"})},
			"Success", "", "{{a}}\n"},
		{"a value pulls a built-in parameter in", "echo '{{a}}'",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"a": "{{ACS::InstanceId}}"})},
			"Success", "", one + "\n"},
		{"two values make a built-in parameter together", "echo '{{a}}{{b}}'",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"a": "{{ACS::Inst", "b": "anceId}}"})},
			"Success", "", one + "\n"},
		{"a value that reaches for a stored secret", "echo '{{a}}'",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"a": "{{oos-secret:root}}"})},
			"Invalid", "InvalidCommandText", ""},
		{"a value with $1 is not a reference", "printf '%s\\n' '{{a}}'",
			args{"EnableParameter": "true", "Parameters": parameters(map[string]string{"a": "$1 ${2} \\1 <&>"})},
			"Success", "", "$1 ${2} \\1 <&>\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := ready(t, nil)
			r := c.end(c.run(shell(test.content).with(test.more)))
			check(t, "status", r["InvocationStatus"], any(test.status))
			check(t, "code", r["ErrorCode"], any(test.code))
			check(t, "output", r["Output"], any(test.output))
		})
	}
}

func TestBuiltInIdsOfAnInvocation(t *testing.T) {
	c := ready(t, nil)
	out := c.must("RunCommand", shell("echo {{ACS::InvokeId}} {{ACS::CommandId}}").with(args{"EnableParameter": "true"}))
	want := out["InvokeId"].(string) + " " + out["CommandId"].(string) + "\n"
	check(t, "output", c.end(out["InvokeId"].(string))["Output"], any(want))
}

func TestASavedCommandRunsWithItsParameters(t *testing.T) {
	c := ready(t, nil)
	id := c.must("CreateCommand", args{
		"Name": "greet", "Type": "RunShellScript", "EnableParameter": "true", "Timeout": "77",
		"CommandContent": base64Of("echo hello {{who}}; pwd | xargs basename"), "WorkingDir": "/srv",
	})["CommandId"].(string)
	run := func(more args) map[string]any {
		asked := args{"CommandId": id, "InstanceId.1": one, "Parameters": `{"who":"you"}`}.with(more)
		return c.end(c.must("InvokeCommand", asked)["InvokeId"].(string))
	}
	check(t, "code without the directory", run(nil)["ErrorCode"], any("DirectoryNotExists"))
	c.end(c.run(shell("mkdir ../srv ../tmp")))
	check(t, "output", run(nil)["Output"], any("hello you\nsrv\n"))
	check(t, "output elsewhere", run(args{"WorkingDir": "/tmp"})["Output"], any("hello you\ntmp\n"))
	inv := c.invocations(args{"CommandId": id})[0]
	check(t, "timeout", dig(inv, "Timeout"), any(77.0))
	check(t, "name", dig(inv, "CommandName"), any("greet"))
	check(t, "parameters", dig(inv, "Parameters"), any(`{"who":"you"}`))

	kept := c.must("RunCommand", shell("echo kept").with(args{"KeepCommand": "true"}))["CommandId"].(string)
	again := c.must("InvokeCommand", args{"CommandId": kept, "InstanceId.1": one})
	check(t, "output of a kept command", c.end(again["InvokeId"].(string))["Output"], any("kept\n"))
	passed := c.must("RunCommand", shell("echo passed"))["CommandId"].(string)
	_, err := c.call("InvokeCommand", args{"CommandId": passed, "InstanceId.1": one})
	check(t, "a command that was not kept", fault(err), "InvalidCmdId.NotFound 404")
}

// What a script is sent must reach the interpreter byte for byte.
func TestContentsReachTheInterpreterUntouched(t *testing.T) {
	var dir string
	c := ready(t, func(o *ecs.Options) { dir = o.Dir })
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 40, 200).Filter(func(s string) bool {
			// dash drops a byte behind the first letters of the here-document's end.
			return !strings.ContainsAny(s, "\x00") && !strings.Contains("\n"+s, "\n_")
		}).Draw(t, "value")
		r := c.end(c.run(shell("cat > copy <<'_END'\n" + value + "\n_END\n")))
		if r["InvocationStatus"] != "Success" {
			t.Fatalf("result %v", r)
		}
		got, err := os.ReadFile(filepath.Join(dir, one, "root", "copy"))
		if err != nil || string(got) != value+"\n" {
			t.Fatalf("the script got %q, %v", got, err)
		}
	})
}
