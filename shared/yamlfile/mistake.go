package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Mistake is one thing that is wrong with a file, and where.
type Mistake struct {
	File string
	// Line and Column count from 1, columns in characters.
	Line   int
	Column int
	// Text says what is wrong and what to do about it, in one line.
	Text string
	// Secret: its line has a secret, and must not be shown.
	Secret bool
}

// String returns the mistake as file:line:column: text.
func (f Mistake) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Mistakes is every mistake in a file, in the order of their places. It is an
// error; errors.As finds it.
type Mistakes []Mistake

// Error returns one mistake per line.
func (f Mistakes) Error() string {
	lines := make([]string, len(f))
	for i, mistake := range f {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

const (
	// MaxMistakes is how many mistakes a report lists.
	MaxMistakes = 100
	// maxCollected is how many are collected before sorting.
	maxCollected = 1000
)

// Report collects the mistakes of one file.
type Report struct {
	file     string
	text     string
	split    []string // see lines
	mistakes Mistakes
	warnings Mistakes
}

// lines is the text by lines. Only mistakes need it.
func (r *Report) lines() []string {
	if r.split == nil {
		r.split = strings.Split(r.text, "\n")
	}
	return r.split
}

// Add adds a mistake, once.
func (r *Report) Add(at Position, format string, args ...any) {
	if len(r.mistakes) == maxCollected {
		return
	}
	mistake := r.mistake(at, format, args)
	if !slices.Contains(r.mistakes, mistake) {
		r.mistakes = append(r.mistakes, mistake)
	}
}

func (r *Report) mistake(at Position, format string, args []any) Mistake {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	return Mistake{File: r.file, Line: at.Line, Column: at.Column, Text: text}
}

// Warn adds what is probably not meant, once.
func (r *Report) Warn(at Position, format string, args ...any) { r.warn(r.mistake(at, format, args)) }

// WarnSecret is Warn for a line that must not be shown.
func (r *Report) WarnSecret(at Position, text string) {
	m := r.mistake(at, "%s", []any{text})
	m.Secret = true
	r.warn(m)
}

func (r *Report) warn(m Mistake) {
	if len(r.warnings) < maxCollected && !slices.Contains(r.warnings, m) {
		r.warnings = append(r.warnings, m)
	}
}

// Warnings returns what Warn added, in the order of their places.
func (r *Report) Warnings() Mistakes { return r.sorted(r.warnings, "warnings") }

// Has reports whether a place already has a mistake.
func (r *Report) Has(at Position) bool {
	return slices.ContainsFunc(r.mistakes, func(f Mistake) bool { return f.Line == at.Line && f.Column == at.Column })
}

// Err returns the mistakes in the order of their places; nil if there are none.
func (r *Report) Err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	r.mistakes = r.sorted(r.mistakes, "mistakes")
	return r.mistakes
}

// sorted orders mistakes by their places, which it keeps within the file, and cuts
// the list.
func (r *Report) sorted(list Mistakes, what string) Mistakes {
	for i := range list {
		lines := r.lines()
		f := &list[i]
		f.Line = min(f.Line, len(lines))
		f.Column = min(f.Column, utf8.RuneCountInString(lines[f.Line-1])+1)
	}
	slices.SortStableFunc(list, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if more := len(list) - MaxMistakes; more > 0 {
		list = list[:MaxMistakes]
		list[MaxMistakes-1].Text = fmt.Sprintf("%d more %s from here on: repair those above first", more+1, what)
	}
	return list
}
