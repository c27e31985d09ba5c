package main

import "testing"

func TestQuantilesLieWithinTheValues(t *testing.T) {
	for name, c := range map[string]struct {
		values []int
		q      float64
		want   int
	}{
		"of nothing it is zero":                     {nil, 0.5, 0},
		"of one value it is that":                   {[]int{7}, 0.99, 7},
		"the median of three is the middle one":     {[]int{9, 1, 5}, 0.5, 5},
		"the 99th of a hundred is the highest one":  {hundred(), 0.99, 100},
		"a half of a hundred is past the first 50":  {hundred(), 0.5, 51},
		"the whole is the highest and no more":      {hundred(), 1, 100},
		"the values' order does not matter":         {[]int{3, 2, 1}, 0, 1},
		"equal values have themselves for a median": {[]int{4, 4, 4, 4}, 0.5, 4},
	} {
		t.Run(name, func(t *testing.T) {
			if got := quantile(c.values, c.q); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func hundred() []int {
	out := make([]int, 100)
	for i := range out {
		out[i] = 100 - i
	}
	return out
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	// The machine was twice as slow in the second round, for both.
	ours := &series{samples: []sample{{cpu: 120}, {cpu: 240}, {cpu: 120}}}
	bares := &series{samples: []sample{{cpu: 100}, {cpu: 200}, {cpu: 50}}}
	if got := ours.ratio(bares); got != 1.2 {
		t.Errorf("ratio is %v, want 1.2", got)
	}
}
