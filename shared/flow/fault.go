package flow

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
// error of Compile; errors.As finds it.
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

// suggest returns what to write instead of a word that is none of the
// candidates: the one that it begins or that is nearest to it, else all.
func suggest(word, what string, candidates []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	for _, candidate := range candidates {
		if strings.EqualFold(word, candidate) || len(word) > 2 && strings.HasPrefix(candidate, word) {
			best = candidate
			break
		}
		if d := editDistance(word, candidate, distance); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return fmt.Sprintf(": %s are %s", what, strings.Join(candidates, ", "))
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours between two words; limit if there are as many or more.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, row := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return min(limit, row[len(y)])
}
