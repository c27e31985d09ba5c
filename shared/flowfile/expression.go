package flowfile

import (
	"strings"
	"unicode/utf8"

	"aftercare/shared/flow"
)

// condition checks a when. It reports whether it can be used.
func (r *reader) condition(path string, scope flow.Scope) bool {
	v := r.values[path]
	if !v.sound {
		return false
	}
	sc, _ := textOf(v.node, true)
	mistakes := r.checker.Condition(sc.text, scope)
	r.expressionMistakes(sc, "when", mistakes)
	return len(mistakes) == 0
}

// template checks a text with expressions.
func (r *reader) template(path, what string, scope flow.Scope) {
	v := r.values[path]
	if !v.sound {
		return
	}
	sc, _ := textOf(v.node, true)
	if !strings.Contains(sc.text, opening) {
		return
	}
	_, _, mistakes := r.checker.Template(sc.text, scope)
	r.expressionMistakes(sc, what, mistakes)
}

// expressionMistakes adds the mistakes of an expression at their characters. It
// adds a mistake in the defaults once, for the first flow that has it.
func (r *reader) expressionMistakes(sc scalar, what string, mistakes []flow.Mistake) {
	for _, m := range mistakes {
		at := r.locate(sc, m.Offset)
		if r.commentFollows(sc, at) {
			m.Text += " (here # begins a comment of YAML: put the text in quotes)"
		}
		if r.borrower != "" {
			if r.has(at) {
				continue
			}
			m.Text += " (in the flow " + r.borrower + ", which has this by default)"
		}
		r.add(at, "%s: %s", what, m.Text)
	}
}

// mistake adds a mistake at a character of a text.
func (r *reader) mistake(sc scalar, offset int, text string) { r.add(r.locate(sc, offset), "%s", text) }

// characters counts the characters of the text up to a byte.
func characters(text string, bytes int) int {
	return utf8.RuneCountInString(text[:min(max(bytes, 0), len(text))])
}
