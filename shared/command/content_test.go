package command_test

import (
	"os/exec"
	"strings"
	"testing"

	"aftercare/shared/command"
)

// Scripts that would run as something else, or not at all, are refused; others
// are sent as want says, or as they are. (rules 8, 9, 10, 11, 12, 13, 14, 15,
// 16, 17, 18, 23)
func TestAScriptRunsAsItsAuthorMeantOrIsRefused(t *testing.T) {
	sh, ps, bat := command.RunShellScript, command.RunPowerShellScript, command.RunBatScript
	for _, c := range []struct {
		name, commandType, content string
		refused                    string // a part of the reason; empty: sent
		at                         int
		want                       string // empty: the content
	}{
		{"plain", sh, "echo a", "", 0, ""},
		{"tabs and line ends", sh, "cat <<-E\n\ta\n\tE\n", "", 0, ""},
		{"the service's own marks", sh, "echo {{ACS::InstanceId}} {{name}} ${x:-}", "", 0, ""},
		{"other languages", sh, "#!/usr/bin/env python3\nprint('日志 🚀')\n", "", 0, ""},
		{"the replacement character itself", sh, "echo \ufffd", "", 0, ""},

		{"nothing", sh, "", "is empty", 0, ""},
		{"blanks", sh, " \n\t\r\n", "is empty", 0, ""},
		{"a byte order mark alone", sh, "\ufeff\n", "is empty", 0, ""},
		{"not UTF-8", sh, "echo \xc8\xd5", "is not UTF-8 at byte 6", 5, ""},
		{"a NUL", sh, "echo a\x00b", "control character at byte 7", 6, ""},
		{"an escape", sh, "echo \x1b[1m", "control character at byte 6", 5, ""},
		{"a delete", sh, "echo \x7f", "control character", 5, ""},
		{"a C1 control", sh, "echo \u009b", "control character", 5, ""},
		{"a form feed", bat, "echo \f", "control character", 5, ""},

		{"a byte order mark", sh, "\ufeff#!/bin/bash\necho a\n", "", 0, "#!/bin/bash\necho a\n"},
		{"a byte order mark on Windows", ps, "\ufeffWrite-Output 1\r\n", "", 0, "Write-Output 1\n"},
		{"two byte order marks", sh, "\ufeff\ufeffecho a", "byte order mark (U+FEFF) at byte 4", 3, ""},
		{"a byte order mark inside", sh, "echo a\n\ufeffecho b\n", "byte order mark (U+FEFF) at byte 8", 7, ""},

		{"CR LF", sh, "#!/bin/bash\r\necho a\r\n", "", 0, "#!/bin/bash\necho a\n"},
		{"CR LF without a #! line", sh, "echo a\r\necho b", "", 0, "echo a\necho b"},
		{"CR LF in a here-document", sh, "cat <<E\r\na\r\nE\r\n", "", 0, "cat <<E\na\nE\n"},
		{"both kinds of line ends", sh, "echo a\r\necho b\n", "", 0, "echo a\necho b\n"},
		{"the line ends of an old Mac", sh, "#!/bin/sh\recho a\r", "carriage return that ends no line, at byte 10", 9, ""},
		{"CR CR LF", sh, "echo a\r\r\n", "carriage return", 6, ""},
		{"CR at the end", ps, "Write-Output 1\r", "carriage return", 14, ""},

		{"a #! line that names nothing", sh, "#!\necho a", "", 0, ""},
		{"blanks in a #! line", sh, "#! /bin/bash \necho a", "", 0, ""},
		{"a #! line behind a line end", sh, "\n#!/bin/bash\necho a", "not the first", 0, ""},
		{"a #! line behind a blank", sh, " #!/bin/bash\necho a", "not the first", 0, ""},
		{"a #! line behind comments", sh, "# ours\n\n#!/bin/bash\necho a", "not the first", 0, ""},
		{"a #! line with a blank behind a line end", sh, "\n#! /bin/bash\necho a", "not the first", 0, ""},
		{"a #! line behind an invisible character", sh, "\u200b#!/bin/bash\necho a", "not the first", 0, ""},
		{"a #! line behind a wide blank", sh, "\u3000#!/bin/bash\necho a", "not the first", 0, ""},
		{"a #! line with a hard blank at its end", sh, "#!/bin/bash\u00a0\necho a", "invisible character at byte 12", 0, ""},
		{"a #! line with a hard blank inside", sh, "#!\u00a0/bin/bash\necho a", "invisible character at byte 3", 0, ""},
		{"a blank inside of #!", sh, "# !/bin/bash\necho a", "begins with # !/", 0, ""},
		{"#! the other way round", sh, "!#/bin/bash\necho a", "begins with !#/", 0, ""},
		{"#! without its !", sh, "#/bin/bash\necho a", "begins with #/", 0, ""},
		{"env without the !", sh, "#/usr/bin/env bash\necho a", "begins with #/", 0, ""},
		{"a comment about a folder", sh, "#/usr/local holds it\necho a", "", 0, ""},
		{"a comment with a !", sh, "# ! mind the gap\necho a", "", 0, ""},
		{"a #! line in a here-document", sh, "cat >x <<'E'\n#!/bin/bash\nE\n", "", 0, ""},
		{"a relative interpreter", sh, "#!bash\necho a", "relative path", 0, ""},
		{"an interpreter beside", sh, "#!./bash\necho a", "relative path", 0, ""},
		{"a #! line of 127 bytes", sh, "#!/" + strings.Repeat("x", 124) + "\n", "", 0, ""},
		{"a #! line of 128 bytes", sh, "#!/" + strings.Repeat("x", 125) + "\n", "of 128 bytes", 0, ""},
		{"one argument", sh, "#!/bin/bash -eu\n:", "", 0, ""},
		{"an argument that switches off", sh, "#!/bin/bash +h\n:", "", 0, ""},
		{"a long option", sh, "#!/bin/bash --posix\n:", "", 0, ""},
		{"a comment as argument", sh, "#!/bin/bash #ours\n:", "keeps the shell from running", 0, ""},
		{"the option -c", sh, "#!/bin/sh -c\n:", "keeps the shell from running", 0, ""},
		{"the option -s among others", sh, "#!/bin/bash -es\n:", "keeps the shell from running", 0, ""},
		{"another program's argument", sh, "#!/bin/busybox sh\n:", "", 0, ""},
		{"two arguments", sh, "#!/bin/bash -e -u\n:", "several arguments", 0, ""},
		{"two arguments of perl", sh, "#!/usr/bin/perl -w -T\n1;", "", 0, ""},
		{"env", sh, "#!/usr/bin/env bash\n:", "", 0, ""},
		{"env with an argument", sh, "#!/usr/bin/env bash -e\n:", "write env -S", 0, ""},
		{"env -S", sh, "#!/usr/bin/env -S bash -e -u\n:", "", 0, ""},
		{"env alone", sh, "#!/usr/bin/env\n:", "no program", 0, ""},
		{"env -S alone", sh, "#!/usr/bin/env -S\n:", "no program", 0, ""},
		{"env that only sets", sh, "#!/usr/bin/env -S A=1\n:", "no program", 0, ""},

		{"a shell script as PowerShell", ps, "#!/bin/bash\necho a", "Windows ignores that line", 0, ""},
		{"a shell script as a batch file", bat, "#!/bin/sh\necho a", "Windows ignores that line", 0, ""},
		{"PowerShell for everywhere", ps, "#!/usr/bin/env pwsh\nWrite-Output 1", "", 0, ""},
		{"PowerShell's name in a batch file", bat, "#!/usr/bin/env pwsh\nWrite-Output 1", "Windows ignores that line", 0, ""},
		{"a comment of PowerShell", ps, "#requires -Version 5\n", "", 0, ""},
		{"Chinese on Windows", ps, "Write-Output '升级 补丁'", "", 0, ""},
		{"an emoji on Windows", ps, "Write-Output '🚀'", "character at byte 15 that GBK lacks", 14, ""},
		{"a check mark on Windows", bat, "echo ✓", "GBK lacks", 5, ""},
		{"an emoji on Linux", sh, "echo 🚀", "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command.Run{Name: "any", Type: c.commandType, Content: c.content}
			got := r.Check()
			if c.refused != "" {
				if len(got) != 1 || got[0].Field != "content" || got[0].At != c.at || !strings.Contains(got[0].Text, c.refused) {
					t.Errorf("got %+v, want %q at %d", got, c.refused, c.at)
				}
				return
			}
			if len(got) > 0 {
				t.Errorf("got %v, want it to be sent", got)
			}
			if want := c.want; r.Text() != c.content && want == "" || want != "" && r.Text() != want {
				t.Errorf("sent as %q, want %q", r.Text(), want)
			}
		})
	}
}

// What the kernel and sh make of a script that is sent is what bash, called by
// name, makes of the author's lines.
func TestCorrectedScriptsRun(t *testing.T) {
	for _, content := range []string{
		"#!/bin/bash\r\n[[ a == a ]] && exit 3\r\n", "\ufeff#!/bin/bash\n[[ a == a ]] && exit 3\n", "\ufeff#!/usr/bin/env -S bash -e\r\n[[ a == a ]]\r\nexit 3",
		"if true\r\nthen\r\nexit 3\r\nfi\r\n", "#!\r\nexit 3\r\n",
	} {
		text := checked(t, command.RunShellScript, content, map[string]string{"a": "1"})
		shell := ""
		if !strings.HasPrefix(text, "#!/") {
			shell = "sh"
		}
		_, _, err := execute(t, shell, text)
		var exit *exec.ExitError
		if !asExit(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%q ended with %v, want exit code 3", content, err)
		}
	}
}

func asExit(err error, exit **exec.ExitError) (ok bool) {
	*exit, ok = err.(*exec.ExitError)
	return ok
}

func TestAPlaceInTheCorrectedScriptIsFoundInTheContent(t *testing.T) {
	for _, content := range []string{"a\nb", "a\r\nb\r\nc", "\ufeffa\r\n\r\nb", "\ufeff\r\nx"} {
		r := command.Run{Content: content}
		text := r.Text()
		for at := range text {
			if got := r.OffsetIn(at); text[at] != '\n' && content[got] != text[at] {
				t.Errorf("%q: byte %d of the corrected text is at %d", content, at, got)
			}
		}
	}
}
