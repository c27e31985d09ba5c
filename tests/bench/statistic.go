package main

import (
	"cmp"
	"slices"
	"time"
)

// median returns the middle value, and zero without values.
func median[T cmp.Ordered](values []T) T {
	return quantile(values, 0.5)
}

// quantile returns the value that the share q of the values lies below, and
// zero without values.
func quantile[T cmp.Ordered](values []T, q float64) T {
	if len(values) == 0 {
		var zero T
		return zero
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// of returns the median of one number of each sample.
func of[S any, T cmp.Ordered](samples []S, number func(S) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = number(s)
	}
	return median(values)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
