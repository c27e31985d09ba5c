package main

import (
	"strings"
	"testing"
	"time"
)

func TestAGoalIsJudgedByWhatIsPrinted(t *testing.T) {
	for name, c := range map[string]struct {
		value  float64
		format string
		goal   goal
		want   string
	}{
		"as low as allowed":         {2, "%.2f", atMost(2), "2.00 ≤ 2.00 met"},
		"too high":                  {2.01, "%.2f", atMost(2), "2.01 ≤ 2.00 MISSED"},
		"too high to be seen":       {2.001, "%.2f", atMost(2), "2.00 ≤ 2.00 met"},
		"lower than needed":         {0.1, "%.2f s", atMost(2), "0.10 s ≤ 2.00 s met"},
		"as high as needed":         {80, "%.0f %%", atLeast(80), "80 % ≥ 80 % met"},
		"too low":                   {79, "%.0f %%", atLeast(80), "79 % ≥ 80 % MISSED"},
		"higher than needed":        {100, "%.0f", atLeast(80), "100 ≥ 80 met"},
		"no goal, only information": {7, "%.0f", goal{}, "7  "},
	} {
		t.Run(name, func(t *testing.T) {
			r := &results{}
			r.note("case", "figure", c.value, c.format, c.goal, "9")
			row := r.cases().rows[0]
			if got := strings.Join(row[2:5], " "); got != c.want || row[5] != "9" {
				t.Errorf("got %q and %q before, want %q and 9", got, row[5], c.want)
			}
			if counted := r.met + r.missed; (counted == 1) != c.goal.set || r.missed == 1 != strings.Contains(c.want, "MISSED") {
				t.Errorf("counted %d met, %d missed", r.met, r.missed)
			}
		})
	}
}

func TestTheShareOfTheRateCountsTheTimeUntilTheLastCommand(t *testing.T) {
	if got := (drained{accepted: 1200, took: 150 * time.Second}).share(10); got != 80 {
		t.Errorf("1200 commands in 150 s are %v %% of 10 a second, want 80", got)
	}
}
