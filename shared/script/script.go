// Package script puts parameters into a command's content: each becomes an
// environment variable, set by lines that are placed before the script. The
// values travel as base64, so nothing in a value is ever read as code, by the
// shell or by Cloud Assistant.
//
// It is pure and imports no other package of Aftercare. It does not parse
// scripts: it reads the first line to know the interpreter, and of PowerShell
// as much as is needed to refuse scripts that must begin with a param block
// or a using statement, which no line may precede.
package script

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The types of command that Cloud Assistant knows.
const (
	RunShellScript      = "RunShellScript"
	RunBatScript        = "RunBatScript"
	RunPowerShellScript = "RunPowerShellScript"
)

const (
	// MaxEncoded is the most characters that a script may have as base64,
	// parameters included: Cloud Assistant's limit of 24 KB for a command that
	// it does not keep.
	MaxEncoded = 24 << 10
	// MaxParameters is the most parameters that a command may have.
	MaxParameters = 20
)

// undecoded is the exit code of a shell script that could not decode a
// parameter. It ends before its first line then: a script must not run with
// an empty value where it expects another.
const undecoded = 125

// WithParameters returns the text to send for a script with parameters:
// content itself if there are none, else content after the lines that set
// them, in the order of their names. In a shell every value arrives byte for
// byte, trailing newlines included; in PowerShell too, except that an empty
// value leaves the variable unset, because Windows knows no empty ones.
//
// The error says what is wrong with commandType, a parameter's name or value,
// the interpreter or the size, and never quotes a value or the content.
func WithParameters(commandType, content string, params map[string]string) (string, error) {
	if err := CheckType(commandType); err != nil {
		return "", err
	}
	text := content
	if len(params) > 0 {
		if err := checkAll(commandType, content, params); err != nil {
			return "", err
		}
		text = prepend(commandType, content, params)
	}
	if n := EncodedLen(text); n > MaxEncoded {
		return "", fmt.Errorf("the script is too large: %d characters as base64 with its parameters, at most %d are allowed", n, MaxEncoded)
	}
	return text, nil
}

func checkAll(commandType, content string, params map[string]string) error {
	if err := CheckInterpreter(commandType, content); err != nil {
		return err
	}
	if len(params) > MaxParameters {
		return fmt.Errorf("%d parameters: at most %d are allowed", len(params), MaxParameters)
	}
	folded := make(map[string]string, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if err := CheckName(commandType, name); err != nil {
			return err
		}
		if err := CheckValue(params[name]); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		key := FoldName(commandType, name)
		if other, ok := folded[key]; ok {
			return fmt.Errorf("parameters %s and %s are the same environment variable on Windows: rename one", other, name)
		}
		folded[key] = name
	}
	return nil
}

func prepend(commandType, content string, params map[string]string) string {
	first, rest := "", content
	if commandType == RunShellScript && strings.HasPrefix(content, "#!") {
		line, after, _ := strings.Cut(content, "\n")
		first, rest = line+"\n", after
	}
	var b strings.Builder
	b.WriteString(first)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		encoded := base64.StdEncoding.EncodeToString([]byte(params[name]))
		if commandType == RunPowerShellScript {
			fmt.Fprintf(&b, "$env:%s = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('%s'))\n", name, encoded)
			continue
		}
		// A command substitution drops trailing newlines, hence the dot,
		// which is no part of a longer character in any encoding.
		fmt.Fprintf(&b, "%[1]s=\"$(printf %%s '%[2]s' | base64 -d && printf .)\" || exit %[3]d\nexport %[1]s=\"${%[1]s%%.}\"\n",
			name, encoded, undecoded)
	}
	b.WriteString(rest)
	return b.String()
}

// EncodedLen returns how many characters text has as base64, which is what
// MaxEncoded bounds.
func EncodedLen(text string) int {
	return base64.StdEncoding.EncodedLen(len(text))
}

// EncodedLenWith returns how many characters a script has as base64 with
// parameters. It checks nothing.
func EncodedLenWith(commandType, content string, params map[string]string) int {
	return EncodedLen(prepend(commandType, content, params))
}

// CheckType says what is wrong with a type of command; nil if it is one of
// the three.
func CheckType(commandType string) error {
	switch commandType {
	case RunShellScript, RunBatScript, RunPowerShellScript:
		return nil
	}
	return fmt.Errorf("unknown type %q: use %s, %s or %s", commandType, RunShellScript, RunBatScript, RunPowerShellScript)
}

// CheckValue says what is wrong with a parameter's value; nil if it can be
// one: UTF-8 text without NUL bytes, of any length that the script's limit
// leaves.
func CheckValue(value string) error {
	if strings.ContainsRune(value, 0) {
		return errors.New("the value contains a NUL byte, which no environment variable can hold")
	}
	if !utf8.ValidString(value) {
		return errors.New("the value is not UTF-8 text")
	}
	return nil
}
