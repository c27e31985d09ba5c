package command_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
)

// (rule 5)
func TestTheDefaultUserIsNotNamed(t *testing.T) {
	for _, c := range []struct{ commandType, name, want string }{
		{command.RunShellScript, "root", ""}, {command.RunShellScript, "System", "System"}, {command.RunShellScript, "web", "web"},
		{command.RunPowerShellScript, "SYSTEM", ""}, {command.RunPowerShellScript, "root", "root"},
		{"saved", "root", ""}, {"saved", "System", ""}, {"saved", "web", "web"},
	} {
		got := command.Run{Type: c.commandType, Username: c.name}.User()
		if c.commandType == "saved" {
			got = command.Invoke{Username: c.name}.User()
		}
		if got != c.want {
			t.Errorf("%s: the service is sent the user %q for %q, want %q", c.commandType, got, c.name, c.want)
		}
	}
}

// (rule 22)
func TestSavedCommands(t *testing.T) {
	with := func(name, value string) command.Invoke {
		return command.Invoke{CommandID: "c-1", Parameters: map[string]string{name: value}}
	}
	many := func(n int) command.Invoke {
		i := with("p", "v")
		for len(i.Parameters) < n {
			i.Parameters["p"+strconv.Itoa(len(i.Parameters))] = "v"
		}
		return i
	}
	long := strings.Repeat("n", 65)
	for field, invokes := range map[string][]command.Invoke{
		"": {
			{CommandID: "c-" + strings.Repeat("a", 62)}, {CommandID: "c-1", Username: "web"}, many(10),
			with(long[1:], ""), with("a", "aZ09_.:/@=+,-"), with("a", strings.Repeat("v", 18_431)),
		},
		"commandId":  {{}, {CommandID: "hello!"}, {CommandID: "c-a/b"}, {CommandID: "c-" + strings.Repeat("a", 63)}},
		"username":   {{CommandID: "c-1", Username: "a b"}},
		"timeout":    {{CommandID: "c-1", Timeout: 1}},
		"parameters": {many(11), with("a", strings.Repeat("v", 18_432))},
		"parameters.a": {
			{CommandID: "c-1", Parameters: map[string]string{"a": "1", "A": "2"}}, with("a", "x y"), with("a", "{{oos-secret:x}}"), with("a", "é"),
		},
		"parameters.":        {with("", "1")},
		"parameters.a.b":     {with("a.b", "1")},
		"parameters." + long: {with(long, "")},
	} {
		for _, invoke := range invokes {
			if got := invoke.Check(); field == "" && len(got) > 0 || field != "" && (len(got) != 1 || got[0].Field != field) {
				t.Errorf("%.100v: got %v, want a mistake of %q", invoke, got, field)
			}
		}
	}
}

func TestEveryMistakeIsFoundAtOnceAndQuotesNoValue(t *testing.T) {
	const secret = "Pa55word"
	got := command.Run{
		Name: secret + "\n", Type: secret, Content: secret + "\x00", Timeout: 1, WorkingDir: secret, Username: secret + "!",
		Parameters: map[string]string{"PATH": secret, "\x1b[31m": secret, "a": secret + "\x00"},
	}.Check()
	fields := map[string]int{}
	for _, m := range got {
		fields[m.Field]++
		if text := m.String(); strings.Contains(text, secret) || strings.ContainsAny(text, "\x1b\n") {
			t.Errorf("%q quotes a value, or harms a screen", text)
		}
	}
	want := map[string]int{
		"name": 2, "type": 1, "content": 1, "timeout": 1, "workingDir": 1, "username": 1,
		"parameters.PATH": 1, "parameters.\x1b[31m": 1, "parameters.a": 1,
	}
	if !reflect.DeepEqual(fields, want) {
		t.Errorf("got mistakes of %v, want %v:\n%v", fields, want, got)
	}
}

// The tags describe the limits to people and editors.
func TestTheTagsSayTheLimits(t *testing.T) {
	for field, want := range map[string]string{
		"Name": "1 128", "WorkingDir": "0 200", "Username": "0 255", "Timeout": "10s 24h",
	} {
		f, _ := reflect.TypeFor[command.Run]().FieldByName(field)
		if got := f.Tag.Get("range"); got != want {
			t.Errorf("the range of %s is %q, want %q", field, got, want)
		}
	}
	if got := []any{command.MaxName, command.MaxWorkingDir, command.MaxUsername, command.MinTimeout, command.MaxTimeout}; !reflect.DeepEqual(got, []any{128, 200, 255, 10 * time.Second, 24 * time.Hour}) {
		t.Errorf("the limits are %v", got)
	}
}
