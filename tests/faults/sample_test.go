package faults_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// seed draws the sample of the sweeps that -short runs.
var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "draws what -short runs of the sweeps")

func TestMain(m *testing.M) {
	code := m.Run()
	if code != 0 && testing.Short() {
		fmt.Printf("the sample is that of: go test -short ./tests/faults -seed %d\n", *seed)
	}
	os.Exit(code)
}

// chance depends on the seed and the key only.
func chance(t *testing.T, key string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, t.Name(), "/", key)
	return rand.New(rand.NewPCG(*seed, h.Sum64()))
}

// fifth returns the keys of a map in their order; with -short a fifth of them,
// which are drawn.
func fifth[T any](t *testing.T, all map[string]T) []string {
	keys := slices.Sorted(maps.Keys(all))
	if !testing.Short() {
		return keys
	}
	chance(t, "fifth").Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys[:(len(keys)+4)/5]
}

// some returns a list's elements; with -short one of them, which is drawn.
func some[T any](t *testing.T, key string, list []T) []T {
	if !testing.Short() {
		return list
	}
	i := chance(t, key).IntN(len(list))
	return list[i : i+1]
}

// most is more than the calls of any invocation, and the rows that it reads.
const most = 24

// each runs a case for its first call or row, and for each that is a step
// further, until there is none. With -short it runs the case for one of them,
// which is drawn: a number that is too large leaves the smaller ones to draw from.
func each(t *testing.T, what string, step int, run func(t *testing.T, n int) (there bool)) {
	t.Helper()
	try := func(n int) (there, ok bool) {
		ok = t.Run(fmt.Sprint(what, " ", n), func(t *testing.T) { there = run(t, n) })
		return there, ok
	}
	if !testing.Short() {
		for n := 1; ; n += step {
			there, ok := try(n)
			if n == 1 && ok && !there {
				break
			}
			if !there || !ok {
				return
			}
		}
	}
	for left := most; left > 0 && testing.Short(); {
		n := 1 + chance(t, fmt.Sprint(left)).IntN(left)
		if there, ok := try(n); there || !ok {
			return
		}
		left = n - 1
	}
	t.Errorf("the invocation has no %s at all", what)
}
