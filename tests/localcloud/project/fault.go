package project

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a project file, and where.
type Fault struct {
	File string
	// Line and Column count from 1.
	Line, Column int
	Text         string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Faults is every fault of a file, in the order of their places.
type Faults []Fault

// Error returns one fault per line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Missing is the names of the environment variables that a file needs and
// that have no value, sorted.
type Missing []string

func (m Missing) Error() string {
	return "environment variables without a value: " + strings.Join(m, ", ")
}

// fault notes what is wrong at a place.
func (r *reader) fault(at place, format string, args ...any) {
	r.troubles++
	f := Fault{r.file, at.line, at.column, fmt.Sprintf(format, args...)}
	if !slices.Contains(r.faults, f) {
		r.faults = append(r.faults, f)
	}
}

func (r *reader) err() error {
	var faults, missing error
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		faults = r.faults
	}
	if len(r.missing) > 0 {
		missing = Missing(slices.Sorted(maps.Keys(r.missing)))
	}
	return errors.Join(faults, missing)
}
