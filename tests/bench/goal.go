package main

import "fmt"

// goal bounds a figure, from above or from below. The zero value is no goal.
type goal struct {
	bound      float64
	set, least bool
}

func atMost(x float64) goal { return goal{bound: x, set: true} }

func atLeast(x float64) goal { return goal{bound: x, set: true, least: true} }

func (g goal) met(x float64) bool { return x == g.bound || g.least == (x > g.bound) }

// figure is one measured number of a case.
type figure struct {
	name, what string
	value      float64
	format     string
	goal       goal
	today      string // the figure of the code before the goals were set
}

// note notes a figure. The format is that of the value and of its goal.
func (r *results) note(name, what string, value float64, format string, g goal, today string) {
	r.figures = append(r.figures, figure{name, what, value, format, g, today})
}

// judge says whether a goal is met, and counts it.
func (r *results) judge(x float64, g goal) string {
	switch {
	case !g.set:
		return ""
	case g.met(x):
		r.met++
		return "met"
	}
	r.missed++
	return "MISSED"
}

// cases is the table of all noted figures.
func (r *results) cases() *table {
	t := &table{
		title: "Goals, beside the figures of commit 191f562",
		head:  []string{"case", "figure", "measured", "goal", "", "at 191f562"},
	}
	for _, f := range r.figures {
		bound := ""
		if f.goal.set {
			bound = map[bool]string{false: "≤ ", true: "≥ "}[f.goal.least] + fmt.Sprintf(f.format, f.goal.bound)
		}
		// What is printed is judged: 2.001 calls are 2.00.
		var shown float64
		text := fmt.Sprintf(f.format, f.value)
		fmt.Sscan(text, &shown)
		t.add(f.name, f.what, text, bound, r.judge(shown, f.goal), f.today)
	}
	return t
}

// ratio is zero of nothing.
func ratio(n, of int) float64 { return float64(n) / float64(max(of, 1)) }

func percent(n, of int) float64 { return 100 * ratio(n, of) }
