package command_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
)

func run(change func(*command.Run)) command.Run {
	r := command.Run{Name: "any", Type: command.RunShellScript, Content: "true"}
	change(&r)
	return r
}

// (rules 4, 5, 6, 7, 24)
func TestUsersFoldersAndTimeouts(t *testing.T) {
	windows := func(r *command.Run) { r.Type = command.RunPowerShellScript }
	for name, c := range map[string]struct {
		run   command.Run
		field string // empty: good
		user  string
	}{
		"nobody":                    {run(func(r *command.Run) {}), "", ""},
		"root":                      {run(func(r *command.Run) { r.Username = "root" }), "", ""},
		"another user":              {run(func(r *command.Run) { r.Username = "web-1.app_x" }), "", "web-1.app_x"},
		"root on Windows":           {run(func(r *command.Run) { windows(r); r.Username = "root" }), "username", "root"},
		"System on Windows":         {run(func(r *command.Run) { windows(r); r.Username = "SYSTEM" }), "", ""},
		"System on Linux":           {run(func(r *command.Run) { r.Username = "System" }), "", "System"},
		"a user that is a command":  {run(func(r *command.Run) { r.Username = "a;reboot" }), "username", "a;reboot"},
		"a user that is an option":  {run(func(r *command.Run) { r.Username = "-g" }), "username", "-g"},
		"a user with a blank":       {run(func(r *command.Run) { r.Username = "a b" }), "username", "a b"},
		"a user beyond ASCII":       {run(func(r *command.Run) { r.Username = "管理员" }), "username", "管理员"},
		"a user with a line end":    {run(func(r *command.Run) { r.Username = "a\n" }), "username", "a\n"},
		"the longest user":          {run(func(r *command.Run) { r.Username = strings.Repeat("u", 255) }), "", strings.Repeat("u", 255)},
		"too long a user":           {run(func(r *command.Run) { r.Username = strings.Repeat("u", 256) }), "username", strings.Repeat("u", 256)},
		"a folder":                  {run(func(r *command.Run) { r.WorkingDir = "/数据/my app" }), "", ""},
		"the longest folder":        {run(func(r *command.Run) { r.WorkingDir = "/" + strings.Repeat("夹", 199) }), "", ""},
		"too long a folder":         {run(func(r *command.Run) { r.WorkingDir = "/" + strings.Repeat("夹", 200) }), "workingDir", ""},
		"a relative folder":         {run(func(r *command.Run) { r.WorkingDir = "opt/app" }), "workingDir", ""},
		"a home folder by its sign": {run(func(r *command.Run) { r.WorkingDir = "~/app" }), "workingDir", ""},
		"a Windows folder on Linux": {run(func(r *command.Run) { r.WorkingDir = `C:\app` }), "workingDir", ""},
		"a Windows folder":          {run(func(r *command.Run) { windows(r); r.WorkingDir = `C:\我的 app` }), "", ""},
		"a Windows share":           {run(func(r *command.Run) { windows(r); r.WorkingDir = `\\host\share` }), "", ""},
		"a drive's own folder":      {run(func(r *command.Run) { windows(r); r.WorkingDir = `C:app` }), "workingDir", ""},
		"a folder with a NUL":       {run(func(r *command.Run) { r.WorkingDir = "/a\x00" }), "workingDir", ""},
		"a folder with a line end":  {run(func(r *command.Run) { r.WorkingDir = "/a\nb" }), "workingDir", ""},
		"the shortest timeout":      {run(func(r *command.Run) { r.Timeout = command.Duration(10 * time.Second) }), "", ""},
		"the longest timeout":       {run(func(r *command.Run) { r.Timeout = command.Duration(24 * time.Hour) }), "", ""},
		"too short a timeout":       {run(func(r *command.Run) { r.Timeout = command.Duration(9 * time.Second) }), "timeout", ""},
		"too long a timeout":        {run(func(r *command.Run) { r.Timeout = command.Duration(24*time.Hour + time.Second) }), "timeout", ""},
		"half a second":             {run(func(r *command.Run) { r.Timeout = command.Duration(10500 * time.Millisecond) }), "timeout", ""},
		"a negative timeout":        {run(func(r *command.Run) { r.Timeout = -1 }), "timeout", ""},
		"no type":                   {run(func(r *command.Run) { r.Type = "" }), "type", ""},
		"another type":              {run(func(r *command.Run) { r.Type = "runshellscript" }), "type", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.run.Check()
			if c.field == "" && len(got) > 0 || c.field != "" && (len(got) == 0 || got[0].Field != c.field) {
				t.Errorf("got %v, want a mistake of %q", got, c.field)
			}
			if c.run.User() != c.user {
				t.Errorf("the service is sent the user %q, want %q", c.run.User(), c.user)
			}
		})
	}
}

// (rules 5, 22)
func TestSavedCommands(t *testing.T) {
	with := func(params map[string]string) command.Invoke {
		return command.Invoke{CommandID: "c-1", Parameters: params}
	}
	ten := map[string]string{}
	for i := range 10 {
		ten["p"+strconv.Itoa(i)] = "v"
	}
	for name, c := range map[string]struct {
		invoke command.Invoke
		field  string // empty: good
	}{
		"no id":                  {command.Invoke{}, "commandId"},
		"another id":             {command.Invoke{CommandID: "hello!"}, "commandId"},
		"an id with a slash":     {command.Invoke{CommandID: "c-a/b"}, "commandId"},
		"the longest id":         {command.Invoke{CommandID: "c-" + strings.Repeat("a", 62)}, ""},
		"too long an id":         {command.Invoke{CommandID: "c-" + strings.Repeat("a", 63)}, "commandId"},
		"a user":                 {command.Invoke{CommandID: "c-1", Username: "web"}, ""},
		"a user with a blank":    {command.Invoke{CommandID: "c-1", Username: "a b"}, "username"},
		"a short timeout":        {command.Invoke{CommandID: "c-1", Timeout: 1}, "timeout"},
		"ten parameters":         {with(ten), ""},
		"names by their case":    {with(map[string]string{"a": "1", "A": "2"}), "parameters.a"},
		"an empty name":          {with(map[string]string{"": "1"}), "parameters."},
		"a name with a dot":      {with(map[string]string{"a.b": "1"}), "parameters.a.b"},
		"the longest name":       {with(map[string]string{strings.Repeat("n", 64): ""}), ""},
		"too long a name":        {with(map[string]string{strings.Repeat("n", 65): ""}), "parameters." + strings.Repeat("n", 65)},
		"a plain value":          {with(map[string]string{"a": "aZ09_.:/@=+,-"}), ""},
		"18,432 bytes":           {with(map[string]string{"a": strings.Repeat("v", 18_431)}), ""},
		"18,433 bytes":           {with(map[string]string{"a": strings.Repeat("v", 18_432)}), "parameters"},
		"a value with a blank":   {with(map[string]string{"a": "x y"}), "parameters.a"},
		"a value of the second":  {with(map[string]string{"a": "{{oos-secret:x}}"}), "parameters.a"},
		"a value that is a word": {with(map[string]string{"a": "é"}), "parameters.a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.invoke.Check(); c.field == "" && len(got) > 0 || c.field != "" && (len(got) != 1 || got[0].Field != c.field) {
				t.Errorf("got %v, want a mistake of %q", got, c.field)
			}
		})
	}
	ten["p10"] = "v"
	if got := with(ten).Check(); len(got) != 1 || got[0].Field != "parameters" {
		t.Errorf("eleven parameters: got %v", got)
	}
	for name, want := range map[string]string{"root": "", "System": "", "web": "web"} {
		if got := (command.Invoke{Username: name}).User(); got != want {
			t.Errorf("the service is sent the user %q for %q, want %q", got, name, want)
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
