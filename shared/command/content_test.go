package command_test

import (
	"os/exec"
	"strings"
	"testing"

	"aftercare/shared/command"
)

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
