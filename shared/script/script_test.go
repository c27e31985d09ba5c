package script_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aftercare/shared/script"

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
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
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

func TestHostileValuesReachTheScriptByteForByte(t *testing.T) {
	for _, in := range interpreters {
		for name, value := range hostile {
			t.Run(in.name+"/"+name, func(t *testing.T) {
				// A child process sees the variable too, so it is exported.
				text, err := script.WithParameters(script.RunShellScript,
					in.head+"printf %s \"$value\"; printf '|'; sh -c 'printf %s \"$value\"'\n",
					map[string]string{"value": value, "another": "$value"})
				if err != nil {
					t.Fatal(err)
				}
				got, folder, err := execute(t, in.shell, text)
				if err != nil {
					t.Fatalf("the script failed: %v", err)
				}
				if want := value + "|" + value; string(got) != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if left, _ := os.ReadDir(folder); len(left) > 0 {
					t.Errorf("the value was run: it left %s", left[0].Name())
				}
				if strings.Contains(text, "{{") || value != "" && len(value) > 4 && strings.Contains(text, value) {
					t.Errorf("the value stands in the script as it is:\n%s", text)
				}
			})
		}
	}
}

func TestAnyTextReachesTheScriptByteForByte(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		value := strings.ReplaceAll(rapid.String().Draw(r, "value"), "\x00", "")
		text, err := script.WithParameters(script.RunShellScript, "printf %s \"$v\"", map[string]string{"v": value})
		if err != nil {
			r.Fatal(err)
		}
		cmd := exec.Command("sh")
		cmd.Stdin = strings.NewReader(text)
		got, err := cmd.Output()
		if err != nil || string(got) != value {
			r.Fatalf("got %q, %v, want %q", got, err, value)
		}
	})
}

func TestAScriptThatCannotDecodeAParameterDoesNotStart(t *testing.T) {
	text, err := script.WithParameters(script.RunShellScript, "touch started\n", map[string]string{"v": "x"})
	if err != nil {
		t.Fatal(err)
	}
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
		{"without a shebang line they come first", script.RunShellScript, "echo $a", lines + "echo $a"},
		{"with one they come after it", script.RunShellScript, "#!/bin/bash -e\necho $a\n", "#!/bin/bash -e\n" + lines + "echo $a\n"},
		{"a shebang line alone gets its line break", script.RunShellScript, "#!/bin/sh", "#!/bin/sh\n" + lines},
		{
			"PowerShell sets them by .NET", script.RunPowerShellScript, "echo $env:a\r\n",
			`$env:_c = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String(''))
$env:a = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('MQ=='))
$env:b = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('Mg=='))
` + "echo $env:a\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := script.WithParameters(c.commandType, c.content, params)
			if err != nil || got != c.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, c.want)
			}
			if n := script.EncodedLenWith(c.commandType, c.content, params); n != script.EncodedLen(got) {
				t.Errorf("encoded length %d, want %d", n, script.EncodedLen(got))
			}
		})
	}
}

func TestScriptsWithoutParametersAreLeftAsTheyAre(t *testing.T) {
	for _, commandType := range []string{script.RunShellScript, script.RunBatScript, script.RunPowerShellScript} {
		const content = "#!/usr/bin/python3\r\nparam($x)\n"
		for _, params := range []map[string]string{nil, {}} {
			if got, err := script.WithParameters(commandType, content, params); err != nil || got != content {
				t.Errorf("%s: got %q, %v, want the content", commandType, got, err)
			}
		}
	}
}

func TestInterpretersThatTakeNoParametersAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, commandType, content string
		want                       string // empty: taken
	}{
		{"no shebang line", script.RunShellScript, "echo", ""},
		{"a comment", script.RunShellScript, "# !/usr/bin/python3", ""},
		{"sh with a space", script.RunShellScript, "#! /bin/sh -e", ""},
		{"bash in another folder", script.RunShellScript, "#!/usr/local/bin/bash\n", ""},
		{"bash with variables through env", script.RunShellScript, "#!/usr/bin/env -S A=1 bash -e\n", ""},
		{"python", script.RunShellScript, "#!/usr/bin/python3\n", `"python3"`},
		{"python through env", script.RunShellScript, "#!/usr/bin/env python3\n", `"python3"`},
		{"zsh", script.RunShellScript, "#!/bin/zsh\n", `"zsh"`},
		{"an empty shebang line", script.RunShellScript, "#!\n", `""`},
		{"env alone", script.RunShellScript, "#!/usr/bin/env\n", `"env"`},
		{"Windows line ends", script.RunShellScript, "#!/bin/sh\r\n", `"sh\r"`},
		{"a batch file", script.RunBatScript, "echo", "batch file"},
		{"PowerShell", script.RunPowerShellScript, "Write-Output $env:a", ""},
		{"PowerShell with a function named like param", script.RunPowerShellScript, "parameters", ""},
		{"PowerShell with requires", script.RunPowerShellScript, "#requires -Version 5\nWrite-Output 1", ""},
		{"a param block", script.RunPowerShellScript, "param($x)", `"param"`},
		{"a param block after comments", script.RunPowerShellScript, "\ufeff<# what\n it does #>\r\n# x\n\n  Param (\n$x)", `"param"`},
		{"an attribute of a param block", script.RunPowerShellScript, "[CmdletBinding()]\nparam()", `"cmdletbinding"`},
		{"a using statement", script.RunPowerShellScript, "using namespace System", `"using"`},
		{"an unclosed comment", script.RunPowerShellScript, "<# param(", ""},
		{"an unknown type", "RunPythonScript", "echo", "unknown type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := script.WithParameters(c.commandType, c.content, map[string]string{"a": "1"})
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want an error with %s", err, c.want)
			}
		})
	}
}

func TestNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	sh, ps := script.RunShellScript, script.RunPowerShellScript
	for _, c := range []struct {
		commandType, name string
		ok                bool
	}{
		{sh, "host", true}, {sh, "_x1", true}, {sh, "path", true}, {sh, "HOST_NAME", true}, {sh, "GIT_BRANCH", true},
		{sh, strings.Repeat("a", 64), true}, {sh, strings.Repeat("a", 65), false},
		{sh, "", false}, {sh, "1a", false}, {sh, "a-b", false}, {sh, "a b", false}, {sh, "a\n", false}, {sh, "é", false},
		{sh, "a;b", false}, {sh, "a=b", false}, {sh, "a[0]", false}, {sh, "_", false},
		{sh, "PATH", false}, {sh, "LD_PRELOAD", false}, {sh, "LD_LIBRARY_PATH", false}, {sh, "LD_AUDIT", false},
		{sh, "BASH_ENV", false}, {sh, "BASH_FUNC_ls", false}, {sh, "ENV", false}, {sh, "IFS", false}, {sh, "PS4", false},
		{sh, "SHELLOPTS", false}, {sh, "UID", false}, {sh, "RANDOM", false}, {sh, "LC_ALL", false}, {sh, "PYTHONSTARTUP", false},
		{ps, "path", false}, {ps, "Path", false}, {ps, "PSModulePath", false}, {ps, "Cor_Enable_Profiling", false}, {ps, "host", true}, {ps, "lines", true}, {sh, "lines", true}, {sh, "LINES", false},
	} {
		err := script.CheckName(c.commandType, c.name)
		if (err == nil) != c.ok {
			t.Errorf("%s %q: got %v, want ok %v", c.commandType, c.name, err, c.ok)
		}
		if _, with := script.WithParameters(c.commandType, "x", map[string]string{c.name: "v"}); (with == nil) != c.ok {
			t.Errorf("%s %q: WithParameters says %v, want ok %v", c.commandType, c.name, with, c.ok)
		}
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
		if script.CheckName(script.RunShellScript, name) != nil {
			continue
		}
		accepted++
		for _, head := range []string{"#!/bin/sh\n", "#!/bin/bash\n"} {
			text, err := script.WithParameters(script.RunShellScript, head+"/bin/true; printf %s \"$"+name+"\"", map[string]string{name: "a b\n"})
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := execute(t, "", text); err != nil || string(got) != "a b\n" {
				t.Errorf("%s in %q: got %q, %v", name, head, got, err)
			}
		}
	}
	if accepted == 0 {
		t.Error("no variable of bash was tried")
	}
}

func TestWhatCannotBeAValueIsRefusedAndNotQuoted(t *testing.T) {
	for _, value := range []string{"secret\x00", "secret\xff", "\xc3secret"} {
		_, err := script.WithParameters(script.RunShellScript, "x", map[string]string{"v": value})
		if err == nil || !strings.Contains(err.Error(), "parameter v") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want an error that names the parameter only", value, err)
		}
	}
}

func TestParametersThatDifferOnlyByCaseAreRefusedOnWindows(t *testing.T) {
	params := map[string]string{"host": "1", "Host": "2"}
	if _, err := script.WithParameters(script.RunPowerShellScript, "x", params); err == nil {
		t.Error("PowerShell: got no error")
	}
	if _, err := script.WithParameters(script.RunShellScript, "x", params); err != nil {
		t.Errorf("shell: got %v, want none", err)
	}
}

func TestTheLimitsCountWhatIsSent(t *testing.T) {
	full := strings.Repeat("x", script.MaxEncoded/4*3)
	if _, err := script.WithParameters(script.RunBatScript, full, nil); err != nil {
		t.Errorf("a script of exactly 24 KB as base64: got %v", err)
	}
	if _, err := script.WithParameters(script.RunBatScript, full+"x", nil); err == nil {
		t.Error("one byte more: got no error")
	}
	half := full[:len(full)/2]
	if _, err := script.WithParameters(script.RunShellScript, half, map[string]string{"v": half}); err == nil {
		t.Error("a value that grows over the limit as base64: got no error")
	}
	params := map[string]string{}
	for i := range script.MaxParameters + 1 {
		params["p"+strings.Repeat("x", i)] = ""
		_, err := script.WithParameters(script.RunShellScript, "x", params)
		if ok := len(params) <= script.MaxParameters; (err == nil) != ok {
			t.Errorf("%d parameters: got %v", len(params), err)
		}
	}
}
