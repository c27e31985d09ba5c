package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Mistake is one mistake in a command.
type Mistake struct {
	// Field names the field: its JSON name, or parameters.<name>.
	Field string
	// At is the offset, in bytes of the field's text, where the mistake begins;
	// -1 for a mistake in a parameter's name.
	At int
	// Text says what is wrong and what to write instead. It never quotes a
	// value.
	Text string
}

// String returns the field and the text. It quotes a parameter's name that
// could harm a screen.
func (m Mistake) String() string {
	field, name, ok := strings.Cut(m.Field, ".")
	if ok {
		if !validName(name) {
			name = fmt.Sprintf("%.70q", name)
		}
		field += "." + name
	}
	return field + " " + m.Text
}

// mistakes collects the mistakes of a command.
type mistakes []Mistake

func (l *mistakes) add(field string, at int, format string, args ...any) {
	*l = append(*l, Mistake{Field: field, At: at, Text: fmt.Sprintf(format, args...)})
}

// Check returns every mistake of the command; none means that Cloud Assistant
// accepts it and it runs as its author meant.
func (r Run) Check() []Mistake { return r.CheckWithin(0) }

// CheckWithin is Check for a script whose parameters' values will grow by up to
// room, in characters of base64.
func (r Run) CheckWithin(room int) []Mistake {
	var l mistakes
	l.line("name", r.Name, MaxName)
	if r.Name == "" {
		l.add("name", 0, "is missing: name the command")
	}
	if r.Type != RunShellScript && !isWindows(r.Type) {
		l.add("type", 0, "must be %s, %s or %s", RunShellScript, RunBatScript, RunPowerShellScript)
	}
	l.content(r.Type, r.Content)
	l.timeout(r.Timeout)
	l.line("workingDir", r.WorkingDir, MaxWorkingDir)
	if dir := strings.TrimSpace(r.WorkingDir); dir != "" && !absolute(r.Type, dir) {
		l.add("workingDir", 0, "is relative to a folder of the agent: write an absolute path")
	}
	l.username(r.Username)
	if r.Username != "" && isWindows(r.Type) && r.User() != "" {
		l.add("username", 0, "must be left out for a Windows script: another user than System needs a saved password, which Aftercare does not offer")
	}
	l.variables(r)
	if n := encodedLen(r.Text()); n > MaxEncoded-room {
		l.add("content", 0, "has %d characters as base64 with its parameters, at most %d are allowed%s", n, MaxEncoded-room, kept(room))
	}
	return l
}

func kept(room int) string {
	if room == 0 {
		return ""
	}
	return fmt.Sprintf(", because %d are kept for the values of ${{ }}", room)
}

// IDPattern is the form of a saved command's id, as a regular expression.
const IDPattern = `^c-[A-Za-z0-9]{1,62}$`

// Check returns every mistake of the command.
func (i Invoke) Check() []Mistake {
	var l mistakes
	// As IDPattern says. A regular expression would be compiled at every cold
	// start.
	if id, ok := strings.CutPrefix(i.CommandID, "c-"); !ok || id == "" || len(id) > 62 || strings.ContainsFunc(id, func(r rune) bool { return !isAlphanumeric(r) }) {
		l.add("commandId", 0, "must be the id of a saved command: c- and letters and digits")
	}
	l.timeout(i.Timeout)
	l.username(i.Username)
	l.substituted(i.Parameters)
	return l
}

// line checks that a text is one line. It may be empty.
func (l *mistakes) line(field, text string, most int) {
	l.utf8(field, text)
	if n := utf8.RuneCountInString(text); n > most {
		l.add(field, 0, "has %d characters, at most %d are allowed", n, most)
	}
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		l.add(field, i, "has a control character at byte %d: remove it", i+1)
	}
	if strings.TrimSpace(text) != text {
		l.add(field, 0, "begins or ends with white space: remove that")
	}
}

// utf8 checks a text's encoding.
func (l *mistakes) utf8(field, text string) {
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			l.add(field, i, "is not UTF-8 at byte %d", i+1)
			return
		}
	}
}

// username checks a user's name, which the agent puts into a shell command
// without quotes. (rule 4)
func (l *mistakes) username(name string) {
	if n := utf8.RuneCountInString(name); n > MaxUsername {
		l.add("username", 0, "has %d characters, at most %d are allowed", n, MaxUsername)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("_.-", r) }); i >= 0 || strings.HasPrefix(name, "-") {
		l.add("username", max(i, 0), "may have letters, digits, _ . and - only, and not - first")
	}
}

func (l *mistakes) timeout(d Duration) {
	switch {
	case d == 0:
	case d.D() < MinTimeout || d.D() > MaxTimeout:
		l.add("timeout", 0, "must be from %s to %s", Duration(MinTimeout), Duration(MaxTimeout))
	case d.D()%time.Second != 0:
		l.add("timeout", 0, "must be in whole seconds")
	}
}

// absolute reports whether a path does not depend on the agent's folder.
// (rule 7)
func absolute(commandType, path string) bool {
	if !isWindows(commandType) {
		return strings.HasPrefix(path, "/")
	}
	return strings.HasPrefix(path, `\\`) || len(path) > 2 && isAlphanumeric(rune(path[0])) && path[1] == ':' && strings.ContainsRune(`\/`, rune(path[2]))
}

// substituted checks parameters that the service puts into a script without
// quoting them. (rule 22)
func (l *mistakes) substituted(params map[string]string) {
	if len(params) > MaxInvokeParameters {
		l.add("parameters", 0, "has %d entries, at most %d are allowed", len(params), MaxInvokeParameters)
		return
	}
	size, folded := 0, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		field, value := "parameters."+name, params[name]
		size += len(name) + len(value)
		if name == "" || len(name) > MaxParameterName || strings.ContainsFunc(name, func(r rune) bool { return !isAlphanumeric(r) && r != '_' && r != '-' }) {
			l.add(field, -1, "is not a saved command's parameter: use letters, digits, _ and - in names, at most %d", MaxParameterName)
			continue
		}
		if other, ok := folded[strings.ToLower(name)]; ok {
			l.add(field, -1, "is the same parameter as %s, because Cloud Assistant ignores the case: remove one", other)
		}
		folded[strings.ToLower(name)] = name
		if i := strings.IndexFunc(value, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("_.:/@=+,-", r) }); i >= 0 {
			l.add(field, i, "may have letters, digits and _ . : / @ = + , - only, because a saved command gets its parameters without quotes")
		}
	}
	if size > MaxInvokeBytes {
		l.add("parameters", 0, "has %d bytes of names and values, at most %d are allowed", size, MaxInvokeBytes)
	}
}
