package flowfile

import (
	"slices"
	"unicode/utf8"

	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// condition checks a when. It reports whether it can be used, and what is known where
// it holds.
func (r *reader) condition(path string, at place) (known []fact, ok bool) {
	if !r.Sound(path) {
		return at.given, false
	}
	sc, _ := r.Text(path)
	r.hinted(path, "", "expression")
	l := &lint{place: at}
	mistakes := r.checker.check(sc.Text, l, true)
	r.expressionMistakes(sc, "when", mistakes)
	return l.given, !slices.ContainsFunc(mistakes, func(m flow.Mistake) bool { return !m.Warning })
}

// template checks a text with expressions.
func (r *reader) template(path, what string, at place) {
	if !r.Sound(path) {
		return
	}
	sc, _ := r.Text(path)
	r.expressionMistakes(sc, what, r.checker.template(sc.Text, at))
}

// expressionMistakes adds the mistakes of an expression at their characters. It
// adds a mistake in the defaults once, for the first flow that has it.
func (r *reader) expressionMistakes(sc yamlfile.Scalar, what string, mistakes []flow.Mistake) {
	for _, m := range mistakes {
		at := r.Locate(sc, m.Offset)
		if r.CommentFollows(sc, at) || m.Syntax && r.CommentFollows(sc, r.Locate(sc, utf8.RuneCountInString(sc.Text))) {
			m.Text += " (here # begins a comment of YAML: put the text in quotes)"
		}
		if m.Warning {
			r.Warn(at, "%s: %s", what, m.Text)
			continue
		}
		if r.borrower != "" {
			if r.Has(at) {
				continue
			}
			m.Text += " (in the flow " + r.borrower + ", which has this by default)"
		}
		r.Add(at, "%s: %s", what, m.Text)
	}
}

// inText is the place of a byte of the text of a key; that of the key if it is no text.
func (r *reader) inText(path string, at int) yamlfile.Position {
	sc, ok := r.Text(path)
	if !ok {
		return r.Key(path)
	}
	return r.Locate(sc, utf8.RuneCountInString(sc.Text[:min(max(at, 0), len(sc.Text))]))
}
