package project

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Mistake is one mistake in a project file, and its place.
type Mistake struct {
	File string
	// Line and Column count from 1.
	Line, Column int
	Text         string
}

func (f Mistake) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Mistakes lists every mistake of a file, in the order of their places.
type Mistakes []Mistake

// Error returns one mistake per line.
func (f Mistakes) Error() string {
	lines := make([]string, len(f))
	for i, mistake := range f {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// Missing lists the environment variables that a file needs and that have no
// value, sorted by name.
type Missing []string

func (m Missing) Error() string {
	return "environment variables without a value: " + strings.Join(m, ", ")
}

// mistake notes a mistake at a place.
func (r *reader) mistake(at place, format string, args ...any) {
	r.troubles++
	f := Mistake{r.file, at.line, at.column, fmt.Sprintf(format, args...)}
	if !slices.Contains(r.mistakes, f) {
		r.mistakes = append(r.mistakes, f)
	}
}

func (r *reader) err() error {
	var mistakes, missing error
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		mistakes = r.mistakes
	}
	if len(r.missing) > 0 {
		missing = Missing(slices.Sorted(maps.Keys(r.missing)))
	}
	return errors.Join(mistakes, missing)
}
