package command

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// undecoded is the exit code of a shell script that could not decode a
// parameter. The script ends before its first line, because it must not run
// with an empty value where it expects another.
const undecoded = 125

// Text returns the script to send for a command without mistakes: lines that
// set its parameters, in the order of their names, and then the corrected
// content. In a shell every value arrives byte for byte, trailing newlines
// included; in PowerShell too, except that an empty value leaves the variable
// unset, because Windows has no empty ones.
func (r Run) Text() string {
	content := corrected(r.Content)
	if len(r.Parameters) == 0 {
		return content
	}
	return prepend(r.Type, content, r.Parameters)
}

// User returns the user to name to the service; empty for the default user,
// which is root on Linux and System on Windows. (rule 5)
func (r Run) User() string {
	if r.Type == RunShellScript && r.Username == "root" || r.Type != RunShellScript && strings.EqualFold(r.Username, "System") {
		return ""
	}
	return r.Username
}

// User is Run.User for a command of unknown type.
func (i Invoke) User() string {
	if i.Username == "root" || i.Username == "System" {
		return ""
	}
	return i.Username
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
		// which is never a part of a longer character, in any encoding.
		fmt.Fprintf(&b, "%[1]s=\"$(printf %%s '%[2]s' | base64 -d && printf .)\" || exit %[3]d\nexport %[1]s=\"${%[1]s%%.}\"\n",
			name, encoded, undecoded)
	}
	b.WriteString(rest)
	return b.String()
}

// encodedLen returns how many characters text has as base64, which is what
// MaxEncoded bounds.
func encodedLen(text string) int { return base64.StdEncoding.EncodedLen(len(text)) }
