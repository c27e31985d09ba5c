package engine_test

import (
	"flag"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/flow/flowtest"

	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The seed that a failure prints is enough to play it again.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestTheGuaranteesHoldUnderEveryFault plays random runs of the whole engine,
// faults, crashes, duplicates and torn loads included, under the assumptions
// that the package names, lets each come to rest and looks at what is left.
// More runs: go test -run Guarantees -rapid.checks=20000.
// (decide rules 11, 20, 21, 30, 53, 65, 90)
func TestTheGuaranteesHoldUnderEveryFault(t *testing.T) {
	text, err := os.ReadFile("testdata/simulated.yaml")
	if err != nil {
		t.Fatal(err)
	}
	flows := flowtest.Set(t, string(text), 1, 0)
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, flows)
		var thrown any
		synctest.Test(t, func(*testing.T) {
			defer w.end()
			defer func() { thrown = recover() }()
			w.play(rapid.IntRange(0, 400).Draw(rt, "steps"))
		})
		if thrown != nil {
			panic(thrown)
		}
		if len(w.broken) > 0 {
			rt.Fatalf("%s\n%s", w.broken[0], w.trace())
		}
	})
}

func newWorld(rt *rapid.T, flows *flow.Set) *world {
	p := policy()
	p.Flows, p.Batch, p.MaxRunning = flows, 3, 2
	p.TaskTTL, p.SendWindow, p.CheckMax, p.MessageLife = 3*time.Hour, 10*time.Minute, 8*time.Minute, 10*time.Minute
	w := &world{
		rt: rt, policy: p, inv: 20 * time.Second, lag: 45 * time.Second,
		table: newTable(), cloud: newCloud(), inbox: map[string]letter{}, heard: map[string]bool{}, dirty: map[string]bool{},
		byName: map[string]*invocation{}, unclear: map[string]bool{},
		cancelled: map[string]bool{}, stopping: map[string]time.Time{}, prints: map[string]string{}, fleetAlerts: map[string]bool{},
	}
	if w.chance("short invocations, everything visible at once", 30) {
		w.inv, w.lag = 4*time.Second, 0
	}
	w.table.broken, w.cloud.broken, w.table.landed = w.breakf, w.breakf, w.checkCommit
	w.cloud.tokenLife = w.lag + w.inv + 31*time.Second
	return w
}

// play runs the simulation.
func (w *world) play(steps int) {
	w.chaos = []int{0, 4, 12, 30}[w.draw("chaos", 4)]
	for _, id := range []string{"i-one", "i-two"}[:1+w.draw("instances", 2)] {
		m := w.cloud.machine(id)
		if !w.chance("down at first", 30) {
			w.boot(m)
		}
		w.submit(id)
	}
	for range steps {
		w.settle()
		if len(w.broken) > 0 {
			return
		}
		w.step()
	}
	w.logf("--- from here on nothing fails")
	if !w.rest() {
		if len(w.broken) == 0 {
			w.breakf("it does not come to rest")
		}
		return
	}
	w.checkEnd()
}
