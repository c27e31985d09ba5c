package command

import "strings"

// idLen is the length of a task's id in hex digits.
const idLen = 32

// OnWire returns the name under which a task's command is run, so that its end
// finds the task even before the invoke id is stored: <slug>.<task id>, one
// word of at most MaxName characters. (rule 1)
func OnWire(name, taskID string) string {
	return slug(name, MaxName-1-idLen) + "." + taskID
}

// Split returns the two parts of a name that OnWire made; for any other name,
// the name itself and no id.
func Split(wire string) (word, taskID string) {
	word, id, found := strings.Cut(wire, ".")
	if !found || len(id) != idLen || strings.Trim(id, "0123456789abcdef") != "" || slug(word, len(word)) != word {
		return wire, ""
	}
	return word, id
}

// slug replaces every run of characters other than A-Z a-z 0-9 _ - by one -,
// and cuts what is longer than most. Without a letter or digit it is command.
func slug(name string, most int) string {
	var b strings.Builder
	replaced := false
	for _, r := range name {
		switch {
		case isAlphanumeric(r) || r == '_' || r == '-':
			b.WriteRune(r)
			replaced = false
		case !replaced:
			b.WriteByte('-')
			replaced = true
		}
	}
	text := b.String()
	text = text[:min(len(text), most)]
	if !strings.ContainsFunc(text, isAlphanumeric) {
		return "command"
	}
	return text
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
