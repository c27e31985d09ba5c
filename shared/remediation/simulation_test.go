package remediation_test

import (
	"flag"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/remediation"

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

const simulatedFlows = `
version: 1
flows:
  - name: after-alpha
    on: task-completed
    when: event.commandName == "alpha" && event.invocationStatus == "Success"
    steps:
      - id: one
        run: {type: RunShellScript, content: "echo one"}
      - id: two
        run: {type: RunShellScript, content: "echo two $who", parameters: {who: "${{ event.instanceId }}"}}
  - name: ring
    on: task-completed
    when: event.commandName in ["beta", "ring/turn"]
    steps:
      - id: turn
        run: {type: RunShellScript, content: "echo turn"}
  - name: after-saved
    on: task-completed
    when: event.commandId == "c-saved" && event.invocationStatus == "Success"
    steps:
      - id: note
        run: {type: RunShellScript, content: "echo note"}
  - name: hello
    on: first-heartbeat
    steps:
      - id: greet
        run: {type: RunShellScript, content: "echo hello"}
`

func compile(t testing.TB, text string) *flow.Set {
	t.Helper()
	set, err := flow.Compile("flows.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestTheGuaranteesHoldUnderEveryFault plays random runs of the whole engine,
// faults, crashes, duplicates and torn loads included, under the assumptions
// that the package names, lets each come to rest and looks at what is left.
// More runs: go test -run Guarantees -rapid.checks=20000.
func TestTheGuaranteesHoldUnderEveryFault(t *testing.T) {
	flows := compile(t, simulatedFlows)
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
	p := remediation.DefaultPolicy()
	p.Flows = flows
	p.AlertOn = map[event.Status]bool{event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true}
	p.TaskTTL = 3 * time.Hour
	p.SendWindow = 10 * time.Minute
	p.CheckMax = 8 * time.Minute
	p.AlertTries = 3
	p.Batch = 3
	w := &world{
		rt: rt, policy: p, inv: 20 * time.Second, lag: 45 * time.Second,
		table: newTable(), cloud: newCloud(), inbox: map[string]int{}, dirty: map[string]bool{},
		byName: map[string]*invocation{}, unclear: map[string]bool{}, facts: newFacts(),
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
