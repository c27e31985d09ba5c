package engine_test

import (
	"flag"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"

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

// nightly are the windows of the flow night: the simulated clock begins at
// midnight.
var nightly = &flow.Windows{TimeZone: "UTC", Outside: flow.OutsideWait, Open: []flow.Window{
	{From: "00:10", To: "00:20"}, {From: "00:40", To: "02:00"}, {From: "05:00", To: "23:00"},
}}

// simulatedFlows lead to one another and to themselves, try again, wait, stop,
// are limited, and keep to windows.
func simulatedFlows() *flow.Set {
	succeeded := ` && event.invocationStatus == "Success"`
	return flow.NewSet([]flow.Definition{
		define("after-alpha", onEnd, `event.commandName == "alpha"`+succeeded,
			run("one", "after-alpha/one", "echo one"), run("two", "after-alpha/two", "echo two")),
		define("ring", onEnd, `event.commandName in ["beta", "ring/turn"]`, run("turn", "ring/turn", "echo turn")),
		define("after-saved", onEnd, `event.commandId == "c-saved"`+succeeded, run("note", "after-saved/note", "echo note")),
		define("hello", onBoot, "", run("greet", "hello/greet", "echo hello")),
		with(define("care", onEnd, `event.commandName == "gamma" && run.depth == 0`,
			run("try", "care/try", "echo try", retry(2, "Failed", "Timeout"), backoff(3*time.Minute), onFailure("mend")),
			wait("rest", "2m"),
			run("mend", "care/mend", "echo mend", captures, stepTimeout(20*time.Minute), when(`steps.try.status != "succeeded" || steps.rest.status == "succeeded"`)),
			say("tell", "mended: ${{ steps.mend.output }}")),
			func(d *flow.Definition) {
				d.Timeout = flow.Duration(time.Hour)
				d.OnFailure = []flow.Step{run("sorry", "care/sorry", "echo sorry")}
				d.Finally = []flow.Step{say("done", "care is done")}
				d.Limits.PerInstance = flow.InstanceLimit{Max: 2, Window: flow.Duration(30 * time.Minute)}
				d.Limits.Fleet = &flow.FleetLimit{MaxFailures: 2, Window: flow.Duration(time.Hour), ResumeAfter: flow.Duration(10 * time.Minute)}
			}),
		with(define("look", onEnd, `event.commandName == "gamma"`, run("at", "look/at", "echo look")),
			func(d *flow.Definition) { d.Mode = flow.ModeDryRun }),
		define("call", onEnd, `event.commandName == "alpha"`,
			invoke("saved", savedCommand, captures), say("tell", "${{ steps.saved.output }}")),
		with(define("once", onEnd, `event.commandName in ["alpha", "gamma"]`, run("only", "once/only", "echo once")),
			func(d *flow.Definition) { d.WhenBusy = flow.BusyDrop }),
		with(define("night", onEnd, `event.commandName == "gamma"`, run("only", "night/only", "echo night")),
			func(d *flow.Definition) { d.Windows = nightly }),
		define("reboots", onEnd, `event.commandName == "beta"`,
			run("reboot", "reboots/reboot", "reboot", onFailure("continue")),
			with(wait("boot", flow.WaitNextBoot), stepTimeout(30*time.Minute))),
		with(define("slow", onEnd, `event.commandName == "beta"`,
			run("only", "slow/only", "echo slow", retry(3, "Failed", "Terminated"), backoff(30*time.Second), stepTimeout(90*time.Second), onFailure("continue")),
			run("more", "slow/more", "echo more")),
			func(d *flow.Definition) {
				d.Timeout = flow.Duration(4 * time.Minute)
				d.Finally = []flow.Step{say("done", "slow is done")}
			}),
		define("again", onEnd, `event.commandName == "beta" && event.failedBefore > 0`, say("tell", "again")),
	})
}

// TestTheGuaranteesHoldUnderEveryFault plays random runs of the whole engine,
// faults, crashes, duplicates and torn loads included, under the assumptions
// that the package names, lets each come to rest and looks at what is left.
// More runs: go test -run Guarantees -rapid.checks=20000.
// (decide rules 11, 20, 21, 30, 53, 65, 90)
func TestTheGuaranteesHoldUnderEveryFault(t *testing.T) {
	flows := simulatedFlows()
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
	p := decide.DefaultPolicy()
	p.Flows = flows
	p.AlertOn = map[event.Status]bool{event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true}
	p.TaskTTL = 3 * time.Hour
	p.SendWindow = 10 * time.Minute
	p.CheckMax = 8 * time.Minute
	p.MessageLife = 10 * time.Minute
	p.Batch = 3
	p.MaxRunning = 2
	w := &world{
		rt: rt, policy: p, inv: 20 * time.Second, lag: 45 * time.Second,
		table: newTable(), cloud: newCloud(), inbox: map[string]int{}, dirty: map[string]bool{},
		byName: map[string]*invocation{}, unclear: map[string]bool{}, facts: newFacts(), fleetAlerts: map[string]decide.AlertKind{},
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
