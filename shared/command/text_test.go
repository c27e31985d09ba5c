package command_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"aftercare/shared/command"

	"pgregory.net/rapid"
)

// hostile are values that would do harm, or be changed, if any of their
// characters were read as code or lost on the way.
var hostile = map[string]string{
	"empty":                      "",
	"one space":                  " ",
	"single quotes":              `it's 'quoted' ''`,
	"double quotes":              `say "hi" \"again\"`,
	"command substitution":       `$(touch pwned) $((1+1)) ${HOME} $HOME`,
	"backticks":                  "`touch pwned`",
	"an end of the assignment":   `'; touch pwned; '`,
	"an end of both quotes":      `'"; touch pwned; "'`,
	"leading newline":            "\nx",
	"trailing newline":           "x\n",
	"only newlines":              "\n\n\n",
	"carriage returns":           "a\r\nb\r\n",
	"a dot at the end":           "x.",
	"dots and newlines":          ".\n.\n",
	"built-in of the service":    "{{ACS::InstanceId}}",
	"secret of the service":      "{{oos-secret:x}} {{ oos:y }} {{name}}",
	"expression":                 "${{ event.instanceId }}",
	"unicode":                    "héllo 日本語 🚀 \u202e\u00a0",
	"leading dashes":             "-n -e --help",
	"backslashes":                `\n \0 \x41 %s %d \\`,
	"globs":                      "* ? [a-z] ~ !! #comment",
	"operators":                  "; & | && || > pwned < /etc/passwd",
	"four kilobytes":             strings.Repeat("0123456789abcde\n", 256),
	"a here-document's end":      "EOF\nx\nEOF\n",
	"control characters":         "\x01\x07\x1b[31m\x7f",
	"a string like its encoding": base64.StdEncoding.EncodeToString([]byte("x")),
}

// interpreters are the shells that a script without PowerShell can run in,
// with the first lines that lead there.
var interpreters = []struct{ name, shell, head string }{
	{"sh without a shebang line", "sh", ""},
	{"sh", "", "#!/bin/sh\n"},
	{"strict sh", "", "#!/bin/sh -eu\n"},
	{"bash", "", "#!/bin/bash\n"},
	{"bash through env", "", "#!/usr/bin/env bash\n"},
	{"strict bash through env", "", "#!/usr/bin/env -S bash -e -u -o pipefail\n"},
}

// execute runs a script as an agent would: as a file by its shebang line, or
// by sh if it has none, in an empty folder with an almost empty environment.
func execute(t testing.TB, shell, text string) (stdout []byte, folder string, err error) {
	t.Helper()
	folder = t.TempDir()
	file := filepath.Join(t.TempDir(), "script")
	// A process that starts meanwhile would have a copy of the open file.
	syscall.ForkLock.RLock()
	err = os.WriteFile(file, []byte(text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file)
	if shell != "" {
		cmd = exec.Command(shell, file)
	}
	cmd.Dir = folder
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + folder}
	stdout, err = cmd.Output()
	return stdout, folder, err
}

// checked is the text of a script that must be good.
func checked(t interface{ Fatal(...any) }, commandType, content string, params map[string]string) string {
	run := command.Run{Name: "any", Type: commandType, Content: content, Parameters: params}
	if mistakes := run.Check(); len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return run.Text()
}

// mistakesOf are what is wrong with a script.
func mistakesOf(commandType, content string, params map[string]string) []command.Mistake {
	return command.Run{Name: "any", Type: commandType, Content: content, Parameters: params}.Check()
}

func TestHostileValuesReachTheScriptByteForByte(t *testing.T) {
	for _, in := range interpreters {
		for names := range slices.Chunk(slices.Sorted(maps.Keys(hostile)), command.MaxParameters-1) {
			params, words, want := map[string]string{"another": "$v0"}, "", ""
			for i, name := range names {
				variable := fmt.Sprint("v", i)
				params[variable] = hostile[name]
				words += ` "$` + variable + `"`
				want += hostile[name] + "\x00"
			}
			t.Run(in.name+"/"+names[0]+" and others", func(t *testing.T) {
				// A child process sees the variables too, so they are exported.
				text := checked(t, command.RunShellScript, in.head+`printf '%s\0'`+words+`; sh -c 'printf "%s\0"`+words+"'\n", params)
				got, folder, err := execute(t, in.shell, text)
				if err != nil {
					t.Fatalf("the script failed: %v", err)
				}
				if string(got) != want+want {
					t.Errorf("got %q, want %q twice", got, want)
				}
				if left, _ := os.ReadDir(folder); len(left) > 0 {
					t.Errorf("a value was run: it left %s", left[0].Name())
				}
				for _, name := range names {
					if value := hostile[name]; strings.Contains(text, "{{") || len(value) > 4 && strings.Contains(text, value) {
						t.Errorf("%s stands in the script as it is:\n%s", name, text)
					}
				}
			})
		}
	}
}

func TestAnyTextReachesTheScriptByteForByte(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		value := strings.ReplaceAll(rapid.String().Draw(r, "value"), "\x00", "")
		text := checked(r, command.RunShellScript, "printf %s \"$v\"", map[string]string{"v": value})
		cmd := exec.Command("sh")
		cmd.Stdin = strings.NewReader(text)
		got, err := cmd.Output()
		if err != nil || string(got) != value {
			r.Fatalf("got %q, %v, want %q", got, err, value)
		}
	})
}

func TestAScriptThatCannotDecodeAParameterDoesNotStart(t *testing.T) {
	text := checked(t, command.RunShellScript, "touch started\n", map[string]string{"v": "x"})
	_, folder, err := execute(t, "sh", "base64() { return 1; }\n"+text)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 125 {
		t.Errorf("got %v, want exit code 125", err)
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Error("the script started without its parameter")
	}
}

func TestParametersStandAfterTheShebangLineInTheOrderOfTheirNames(t *testing.T) {
	params := map[string]string{"b": "2", "a": "1", "_c": ""}
	const lines = `_c="$(printf %s '' | base64 -d && printf .)" || exit 125
export _c="${_c%.}"
a="$(printf %s 'MQ==' | base64 -d && printf .)" || exit 125
export a="${a%.}"
b="$(printf %s 'Mg==' | base64 -d && printf .)" || exit 125
export b="${b%.}"
`
	for _, c := range []struct{ name, commandType, content, want string }{
		{"without a shebang line they come first", command.RunShellScript, "echo $a", lines + "echo $a"},
		{"with one they come after it", command.RunShellScript, "#!/bin/bash -e\necho $a\n", "#!/bin/bash -e\n" + lines + "echo $a\n"},
		{"a shebang line alone gets its line break", command.RunShellScript, "#!/bin/sh", "#!/bin/sh\n" + lines},
		{
			"PowerShell sets them by .NET", command.RunPowerShellScript, "echo $env:a\n",
			`$env:_c = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String(''))
$env:a = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('MQ=='))
$env:b = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('Mg=='))
` + "echo $env:a\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := checked(t, c.commandType, c.content, params); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What a shell accepts as a parameter's name must hold the value that is
// given to it: this finds names that a shell treats in its own way.
func TestAcceptedNamesKeepTheirValues(t *testing.T) {
	names, err := exec.Command("bash", "-c", "compgen -v").Output()
	if err != nil {
		t.Skip("no bash")
	}
	accepted := 0
	for name := range bytes.Lines(names) {
		name := strings.TrimSpace(string(name))
		if len(mistakesOf(command.RunShellScript, "x", map[string]string{name: "v"})) > 0 {
			continue
		}
		accepted++
		for _, head := range []string{"#!/bin/sh\n", "#!/bin/bash\n"} {
			text := checked(t, command.RunShellScript, head+"/bin/true; printf %s \"$"+name+"\"", map[string]string{name: "a b\n"})
			if got, _, err := execute(t, "", text); err != nil || string(got) != "a b\n" {
				t.Errorf("%s in %q: got %q, %v", name, head, got, err)
			}
		}
	}
	if accepted == 0 {
		t.Error("no variable of bash was tried")
	}
}

func TestParametersThatDifferOnlyByCaseAreRefusedOnWindows(t *testing.T) {
	params := map[string]string{"host": "1", "Host": "2"}
	if got := mistakesOf(command.RunPowerShellScript, "x", params); len(got) != 1 || got[0].Field != "parameters.host" {
		t.Errorf("PowerShell: got %v, want the second of them", got)
	}
	checked(t, command.RunShellScript, "x", params)
}

// (rule 19)
func TestTheLimitsCountWhatIsSent(t *testing.T) {
	full := strings.Repeat("x", command.MaxEncoded/4*3)
	half := full[:len(full)/2]
	for _, c := range []struct {
		commandType, content string
		params               map[string]string
		ok                   bool
	}{
		{command.RunBatScript, full, nil, true},
		{command.RunBatScript, full + "x", nil, false},
		{command.RunShellScript, half, map[string]string{"v": half}, false}, // it grows as base64
		{command.RunShellScript, "\ufeff" + strings.Replace(full, "xx", "\r\nx", 1), nil, true},
	} {
		got := mistakesOf(c.commandType, c.content, c.params)
		if (len(got) == 0) != c.ok || !c.ok && !strings.Contains(got[0].String(), "characters as base64") {
			t.Errorf("%d bytes and %d parameters: got %v, want ok %v", len(c.content), len(c.params), got, c.ok)
		}
	}
	params := map[string]string{}
	for i := range command.MaxParameters + 1 {
		params["p"+strings.Repeat("x", i)] = ""
		if got := mistakesOf(command.RunShellScript, "x", params); (len(got) == 0) != (len(params) <= command.MaxParameters) {
			t.Errorf("%d parameters: got %v", len(params), got)
		}
	}
}
