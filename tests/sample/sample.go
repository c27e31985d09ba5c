// Package sample runs what tests do for every call of some work, and with -short a
// sample of it. What was drawn is logged if the test fails; without -short, all runs.
package sample

import (
	"math/rand/v2"
	"testing"
)

// Calls runs try for call 1, 2, … of some work until it reports that there is no such
// call, and wants at least so many. With -short it runs it for one call, which is drawn:
// a number that is too large leaves the smaller ones to draw from.
func Calls(t testing.TB, least, most int, try func(n int) (there bool)) {
	t.Helper()
	if !testing.Short() {
		n := 1
		for try(n) {
			n++
		}
		if n <= least {
			t.Errorf("there are %d calls, want %d at least", n-1, least)
		}
		return
	}
	for left := most; left > 0; {
		n := 1 + rand.IntN(left)
		drawn(t, "call", n)
		if try(n) {
			return
		}
		if n <= least {
			t.Errorf("there is no call %d, want %d at least", n, least)
			return
		}
		left = n - 1
	}
}

// Some returns a list, and with -short one of its elements, which is drawn.
func Some[T any](t testing.TB, list []T) []T {
	t.Helper()
	if !testing.Short() {
		return list
	}
	i := rand.IntN(len(list))
	drawn(t, "case", list[i])
	return list[i : i+1]
}

func drawn(t testing.TB, what string, value any) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("-short drew %s %+v; without it, all are run", what, value)
		}
	})
}
