package wording

import (
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/suggest"
)

var noField = regexp.MustCompile(`^(?:event|instance|run|a step) has no field "\w+"`)

// Syntax puts the mistakes that package flow found into words that say what to
// write. Text is the expression.
func Syntax(text string, mistakes []flow.Mistake) []flow.Mistake {
	var out []flow.Mistake
	from, past := 0, 0 // what is between them was said already
	for _, m := range mistakes {
		if from <= m.Offset && m.Offset < past {
			continue
		}
		runes := []rune(text)
		at := min(m.Offset, len(runes))
		field := noField.FindString(m.Text)
		switch other, _ := say("fields", []rune(field), 0); {
		case m.Syntax:
			if open := unclosed(text); open >= 0 {
				m.Offset, m.Text = open, "this "+string(runes[open])+" is never closed: write "+closers[runes[open]]
				if says, _ := say("quotes", runes, open); says != "" {
					m.Text = says
				}
			} else if says, _ := say("unreadable", runes, at); says != "" {
				m.Text = says
			} else if says, _ := say("leftover", runes, at); says != "" && flow.Generic(m.Text) {
				m.Text = says
			}
		case other != "":
			m.Text = field + suggest.DidYouMean(other)
		case field != "" && !strings.Contains(m.Text, "did you mean"), strings.HasPrefix(m.Text, "there is no name ") || strings.HasPrefix(m.Text, "there is no function "):
			if says, length := say("unnamed", runes, at); says != "" {
				m.Text, from, past = says, at, at+length
			}
		}
		out = append(out, m)
	}
	return out
}

var closers = map[rune]string{'"': `" at the end of the text`, '\'': "' at the end of the text", '`': "` at the end of the text", '(': ")", '[': "]", '{': "}", '/': "*/"}

// unclosed returns the place of a quote, bracket or comment that is not closed, or -1.
func unclosed(text string) int {
	runes := []rune(text)
	var open []int
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; c {
		case '"', '\'', '`':
			begin := i
			for i++; i < len(runes) && runes[i] != c; i++ {
				if runes[i] == '\n' && c != '`' {
					return begin
				}
				if runes[i] == '\\' && c != '`' {
					i++
				}
			}
			if i >= len(runes) {
				return begin
			}
		case '/':
			if strings.HasPrefix(string(runes[i:]), "/*") && !strings.Contains(string(runes[i:]), "*/") {
				return i
			}
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if len(open) > 0 && strings.ContainsRune("()[]{}", c) && closers[runes[open[len(open)-1]]] == string(c) {
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) > 0 && !slices.Contains(open, len(runes)) {
		return open[len(open)-1]
	}
	return -1
}
