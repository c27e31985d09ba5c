package script

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// CheckInterpreter says why a script of this type and content can take no
// parameters; nil if it can. Shell scripts can if they have no shebang line or
// one that names sh or bash, PowerShell scripts if they begin with neither a
// param block nor a using statement, batch files never.
func CheckInterpreter(commandType, content string) error {
	switch commandType {
	case RunShellScript:
		name := Interpreter(content)
		if name != "sh" && name != "bash" {
			return fmt.Errorf("a script for the interpreter %q takes no parameters: only sh, bash and PowerShell do", name)
		}
	case RunPowerShellScript:
		if word := mustComeFirst(content); word != "" {
			return fmt.Errorf("a PowerShell script that begins with %q takes no parameters, because nothing may precede that line: read $env:NAME without it", word)
		}
	case RunBatScript:
		return errors.New("a batch file takes no parameters: only sh, bash and PowerShell do")
	default:
		return CheckType(commandType)
	}
	return nil
}

// Interpreter is the program that a shell script's shebang line names, without
// its folder; sh if there is no such line.
func Interpreter(content string) string {
	line, _, _ := strings.Cut(content, "\n")
	line, ok := strings.CutPrefix(line, "#!")
	if !ok {
		return "sh"
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 {
		return ""
	}
	if path.Base(words[0]) != "env" {
		return path.Base(words[0])
	}
	for _, word := range words[1:] {
		if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			return path.Base(word)
		}
	}
	return "env"
}

// mustComeFirst returns the statement at a PowerShell script's begin that no
// other may precede; empty if there is none.
func mustComeFirst(content string) string {
	rest := strings.TrimPrefix(content, "\ufeff")
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		switch {
		case strings.HasPrefix(rest, "<#"):
			_, after, closed := strings.Cut(rest, "#>")
			if !closed {
				return ""
			}
			rest = after
			continue
		case strings.HasPrefix(rest, "#"):
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		break
	}
	lower := strings.ToLower(rest)
	for _, word := range []string{"param", "using", "[cmdletbinding"} {
		after, ok := strings.CutPrefix(lower, word)
		if ok && strings.IndexAny(after, " \t\r\n(") == 0 {
			return strings.TrimPrefix(word, "[")
		}
	}
	return ""
}
