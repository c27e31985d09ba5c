package flowfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Fault is one thing that is wrong with a file, and where.
type Fault struct {
	File string
	// Line and Column count from 1, columns in characters.
	Line   int
	Column int
	// Text says what is wrong and what to do about it, in one line.
	Text string
}

// String returns the fault as file:line:column: text.
func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Faults is every fault of a file, in the order of their places. It is the
// error of Read; errors.As finds it.
type Faults []Fault

// Error returns one fault per line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

const (
	// maxFaults is how many faults a report lists.
	maxFaults = 100
	// maxCollected is how many are looked at for it.
	maxCollected = 1000
)

// report collects the faults of one file.
type report struct {
	file   string
	text   string
	split  []string // see lines
	faults Faults
}

// lines is the text by lines. Only faults need it.
func (r *report) lines() []string {
	if r.split == nil {
		r.split = strings.Split(r.text, "\n")
	}
	return r.split
}

func (r *report) add(at position, format string, args ...any) {
	if len(r.faults) == maxCollected {
		return
	}
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	fault := Fault{File: r.file, Line: at.line, Column: at.column, Text: text}
	if !slices.Contains(r.faults, fault) {
		r.faults = append(r.faults, fault)
	}
}

// has reports whether there is a fault at a place already.
func (r *report) has(at position) bool {
	return slices.ContainsFunc(r.faults, func(f Fault) bool { return f.Line == at.line && f.Column == at.column })
}

// err returns the faults in the order of their places; nil if there are none.
func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	lines := r.lines()
	for i := range r.faults {
		f := &r.faults[i]
		f.Line = min(f.Line, len(lines))
		f.Column = min(f.Column, utf8.RuneCountInString(lines[f.Line-1])+1)
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if more := len(r.faults) - maxFaults; more > 0 {
		r.faults = r.faults[:maxFaults]
		last := r.faults[maxFaults-1]
		last.Text = fmt.Sprintf("%d more faults from here on: repair those above first", more+1)
		r.faults[maxFaults-1] = last
	}
	return r.faults
}
