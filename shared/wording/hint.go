// Package wording says what to write instead of what people know from other
// languages and tools. Its table, hints.txt, has the habits; the code finds their
// places. What the parsers of expressions say is never repeated. It is pure.
package wording

import (
	_ "embed" // hints.txt
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed hints.txt
var hintsFile string

// hint is what to say where a form fits: a row of hints.txt.
type hint struct {
	form *regexp.Regexp
	say  string
}

const (
	// field are names that no sentence has.
	field     = `(?:instanceId|commandId|commandName|invokeId|invocationStatus|exitCode|errorCode|errorDesc|agentVersion|startTime|finishTime|failedBefore|failedRuns|bootSeq)`
	value     = `([A-Za-z_][\w.]*(?:\["[^"]*"\])?(?:\.\w+)*(?:\([^()]*\))?)`
	operators = `(==|!=|<=|>=|<|>|&&|\|\||[-+*/%]|\b(?:and|or|not|in|contains|startsWith|endsWith|matches)\b)`
)

// hints are the rows of hints.txt by the name of their table.
var hints = sync.OnceValue(func() map[string][]hint {
	tables, name, form := map[string][]hint{}, "", ""
	for line := range strings.Lines(hintsFile) {
		line = strings.TrimSuffix(line, "\n")
		say, isSay := strings.CutPrefix(line, "\t")
		switch {
		case isSay:
			form = strings.NewReplacer("VALUE", value, "OPERATOR", operators, "FIELD", field).Replace(form)
			tables[name] = append(tables[name], hint{regexp.MustCompile(form), say})
		case strings.HasPrefix(line, "[") && strings.Contains(line, "] "):
			name, _, _ = strings.Cut(line[1:], "]")
		default:
			form = line
		}
	}
	return tables
})

// say returns what the first hint that fits says, and how far behind the place the
// first group of its form reaches.
func say(table string, text []rune, at int) (says string, length int) {
	before, after := string(text[max(0, at-200):at]), string(text[at:min(len(text), at+200)])
	marked := before + "▸" + after
	for _, h := range hints()[table] {
		for _, m := range h.form.FindAllStringSubmatchIndex(marked, -1) {
			if m[0] > len(before)+len("▸") || m[1] < len(before) {
				continue // it is elsewhere in the text
			}
			says = strings.ReplaceAll(string(h.form.ExpandString(nil, h.say, marked, m)), "▸", "")
			if len(m) > 2 && m[3] > len(before) {
				length = utf8.RuneCountInString(marked[len(before):m[3]]) - 1
			}
			return says, length
		}
	}
	return "", 0
}

// Placeholder is a text that nothing replaces, at a byte, and what to write.
type Placeholder struct {
	At  int
	Say string
}

var expression = regexp.MustCompile(`\$\{\{.*?\}\}`)

// Placeholders finds what other tools would replace in a text, and what its shell would
// not do, by tables of hints. Variable is what the script writes before a variable's name.
func Placeholders(text, variable string, tables ...string) (list []Placeholder) {
	text = expression.ReplaceAllStringFunc(text, blank)
	for _, table := range tables {
		for _, h := range hints()[table] {
			for _, m := range h.form.FindAllStringSubmatchIndex(text, -1) {
				if say := h.form.ExpandString(nil, strings.ReplaceAll(h.say, "VARIABLE", variable), text, m); len(say) > 0 {
					list = append(list, Placeholder{m[0], string(say)})
				}
				text = text[:m[0]] + blank(text[m[0]:m[1]]) + text[m[1]:]
			}
		}
	}
	return list
}

// blank is as many blanks as a text has bytes.
func blank(text string) string { return strings.Repeat(" ", len(text)) }
