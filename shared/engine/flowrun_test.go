package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// chainedFlows are flows of one or two steps.
func chainedFlows() *flow.Set {
	return flow.NewSet([]flow.Definition{
		define("two-steps", onEnd, `event.commandName == "first" && event.invocationStatus == "Success"`,
			run("one", "two-steps/one", "echo one"), run("two", "two-steps/two", "echo two $who")),
		define("every", onEnd, `event.commandName startsWith "loop"`, run("again", "loop", "echo again")),
		define("greet", onBoot, "", run("hello", "greet/hello", "echo hello")),
		define("broken", onEnd, `int(event.errorDesc) > 3`, run("never", "broken/never", "true")),
	})
}

func chainedPolicy() decide.Policy {
	p := policy()
	p.Flows = chainedFlows()
	return p
}

// only returns the one value of a map.
func only[T any](t *testing.T, m map[string]T) (v T) {
	t.Helper()
	if len(m) != 1 {
		t.Fatalf("%d rows, want 1: %+v", len(m), m)
	}
	for _, v = range m {
	}
	return v
}

// [20] [57] The second step comes of the definition that the run has stored.
// (decide rule 14)
func TestAFlowRunsItsStepsInOrder(t *testing.T) {
	p := chainedPolicy()
	first := ended("t-1", "", event.StatusSuccess, "")
	first.Event.CommandName = "first"
	d := must(t, state(decide.BootBootable), first, decide.Facts{}, p)
	run := only(t, d.Next.Runs)
	one := only(t, d.Next.Tasks)
	if run.ID != decide.Key("run", "two-steps", "exec/t-1/once", "i-1") || run.Cause != "exec/t-1/once" || !slices.Equal(run.Chain, []string{"two-steps"}) {
		t.Errorf("run %+v, want its id and cause from the execution, and itself in the chain", run)
	}
	if one.Step != "one" || one.RunID != run.ID || one.State != decide.TaskReleasing || one.Priority != 5 ||
		one.Command.Run.Content != "echo one" || one.ID != decide.Key("task", run.ID, "one", "1") || len(claims(d)) != 1 {
		t.Errorf("task %+v, claimed %v, want the first step's command claimed", one, claims(d))
	}

	// The function's own end of the first step starts the second, even if the
	// flows are others by now.
	end := ended("t-2", "", event.StatusSuccess, "")
	end.Event.CommandName = command.OnWire("two-steps/one", one.ID)
	d = must(t, d.Next, end, decide.Facts{}, policy())
	two := only(t, d.Next.Tasks)
	want := command.Run{Name: "two-steps/two", Type: "RunShellScript", Content: "echo two $who", Timeout: command.Duration(time.Minute),
		Parameters: map[string]string{"who": "i-1"}}
	if two.Step != "two" || fmt.Sprint(*two.Command.Run) != fmt.Sprint(want) || len(claims(d)) != 1 {
		t.Errorf("task %+v with %+v, claimed %v, want the second step's command claimed: %+v", two, two.Command.Run, claims(d), want)
	}
	if len(d.Changes.EndedTasks) != 1 || d.Changes.Execution.TaskID != one.ID || d.Changes.Execution.Name != "two-steps/one" {
		t.Errorf("ended tasks %v, execution %+v, want the first step on record without its marker", d.Changes.EndedTasks, d.Changes.Execution)
	}

	end = ended("t-3", "", event.StatusSuccess, "")
	end.Event.CommandName = command.OnWire("two-steps/two", two.ID)
	d = must(t, d.Next, end, decide.Facts{}, p)
	if len(d.Next.Runs)+len(d.Next.Tasks)+len(d.Next.Sends) > 0 || len(d.Changes.EndedRuns) != 1 {
		t.Fatalf("state %+v, ended runs %v, want nothing live and the run on record", d.Next, d.Changes.EndedRuns)
	}
	if r := d.Changes.EndedRuns[0]; r.Result != "succeeded" || len(r.Steps) != 2 || r.Steps[1].Status != flow.StepSucceeded || r.Definition.Name != "" {
		t.Errorf("ended run %+v, want it succeeded with two steps, without its definition", r)
	}
}

func TestAFlowEndsWithAStepThatDoesNotSucceed(t *testing.T) {
	p := chainedPolicy()
	first := ended("t-1", "", event.StatusSuccess, "")
	first.Event.CommandName = "first"
	begun := must(t, state(decide.BootBootable), first, decide.Facts{}, p).Next
	one := only(t, begun.Tasks)
	running := begun
	running.Tasks = map[string]decide.Task{one.ID: func() decide.Task {
		r := one
		r.State, r.InvokeID, r.SendKey, r.Deadline = decide.TaskRunning, "t-2", "", now
		missing(&r)
		return r
	}()}
	running.Sends = map[string]decide.Send{}
	end := func(status event.Status) decide.Ended {
		e := ended("t-2", "", status, "")
		e.Event.CommandName = command.OnWire("two-steps/one", one.ID)
		return e
	}
	for name, d := range map[string]decide.Decision{
		"failed":     must(t, running, end(event.StatusFailed), decide.Facts{}, p),
		"aborted":    must(t, running, end(event.StatusAborted), decide.Facts{}, p),
		"terminated": must(t, running, end(event.StatusTerminated), decide.Facts{}, p),
		"not known":  must(t, running, decide.WakeUp{}, decide.Facts{Invocations: map[string]*decide.Invocation{"t-2": nil}}, p),
	} {
		if len(d.Next.Runs)+len(d.Next.Tasks) > 0 || len(d.Changes.EndedRuns) != 1 || d.Changes.EndedRuns[0].Result != "failed" {
			t.Errorf("%s: state %+v, ended runs %+v, want the run failed", name, d.Next, d.Changes.EndedRuns)
		}
	}
	t.Run("but a script that never started is tried again", func(t *testing.T) {
		e := end(event.StatusAborted)
		e.Event.ErrorCode = "ClientNotRunning"
		d := must(t, running, e, decide.Facts{}, p)
		run := only(t, d.Next.Runs)
		if run.Pending.State != flow.PendingBackoff || run.Pending.Until.IsZero() || !d.WakeBy.Equal(later(run.Pending.Until, now)) {
			t.Fatalf("run %+v, woken by %s, want it to wait for its backoff", run, d.WakeBy)
		}
		d = decideAt(t, run.Pending.Until, d.Next, decide.WakeUp{}, decide.Facts{}, p)
		two := only(t, d.Next.Tasks)
		if two.State != decide.TaskQueued || two.StepAttempt != 2 || two.ID == one.ID || two.Attempt != 1 {
			t.Errorf("task %+v, want a second one that waits for the instance, which is in doubt", two)
		}
	})
}

// [50]
// (decide rule 80)
func TestNoFlowLeadsToItself(t *testing.T) {
	p := chainedPolicy()
	loop := func(chain ...string) decide.Decision {
		s := state(decide.BootBootable, task("a", running("t-1"), func(t *decide.Task) { t.Name, t.Chain = "loop", chain }))
		e := ended("t-1", "a", event.StatusSuccess, "")
		e.Event.CommandName = command.OnWire("loop", id("a"))
		return must(t, s, e, decide.Facts{}, p)
	}
	cases := []struct {
		name    string
		d       decide.Decision
		stopped string // a part of the alert's summary
	}{
		{"a flow starts behind others", loop("x", "y"), ""},
		{"a flow that is in the chain does not start again", loop("x", "every", "y"), "because it led to this event itself"},
		{"the tenth flow of a chain starts", loop(numbered(9)...), ""},
		{"the eleventh does not", loop(numbered(10)...), "because 10 flows led to this event"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if started := len(c.d.Next.Runs) == 1; started != (c.stopped == "") {
				t.Errorf("started: %v", started)
			}
			if c.stopped == "" {
				return
			}
			e := only(t, c.d.Next.Messages)
			if e.Alert == nil || e.Alert.Kind != decide.AlertFlowStopped || e.Alert.Flow != "every" || !strings.Contains(e.Alert.Summary, c.stopped) {
				t.Errorf("effect %+v, want one alert that says %q", e, c.stopped)
			}
		})
	}
	t.Run("a run carries the chain on to its task", func(t *testing.T) {
		d := loop("x")
		if got := only(t, d.Next.Tasks).Chain; !slices.Equal(got, []string{"x", "every"}) {
			t.Errorf("chain %v, want x and every", got)
		}
	})
}

func numbered(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("flow-", i))
	}
	return out
}

// (decide rules 14, 80)
func TestFlowsOnHeartbeats(t *testing.T) {
	p := chainedPolicy()
	d := must(t, state(decide.BootWaiting), beat(0, time.Second), decide.Facts{}, p)
	run := only(t, d.Next.Runs)
	if want := decide.Key("run", "greet", "boot/4", "i-1"); run.ID != want || len(claims(d)) != 1 {
		t.Errorf("run %s, claimed %v, want it started once for boot 4: %s", run.ID, claims(d), want)
	}
	again := must(t, d.Next, beat(0, 2*time.Second), decide.Facts{}, p)
	if !again.Changes.Empty() {
		t.Errorf("changes %+v of the same boot's heartbeat, want none", again.Changes)
	}
}

// [19]
func TestAFlowThatCannotBeEvaluatedDoesNotStart(t *testing.T) {
	d := must(t, state(decide.BootBootable), ended("t-1", "", event.StatusSuccess, ""), decide.Facts{}, chainedPolicy())
	said := slices.ContainsFunc(d.Notes, func(n decide.Note) bool { return strings.HasPrefix(n.What, "flow broken not started") })
	if len(d.Next.Runs) > 0 || !said {
		t.Errorf("runs %v, notes %v, want none started and a note that says why", d.Next.Runs, d.Notes)
	}
}

// (decide rule 78)
func TestAFollowUpToAnUnknownInstance(t *testing.T) {
	p := chainedPolicy()
	for _, c := range []struct {
		name    string
		finish  time.Duration // ago
		boot    decide.BootState
		claimed int
	}{
		{"is sent if a script has just ended there", time.Second, decide.BootBootable, 1},
		{"waits until its agent was asked, if the script ended long ago", 10 * time.Minute, decide.BootUnknown, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := ended("t-1", "", event.StatusSuccess, "")
			in.Event.CommandName, in.Event.FinishTime = "first", now.Add(-c.finish)
			d := must(t, decide.NewState("i-1"), in, decide.Facts{}, p)
			if d.Next.Instance.Boot != c.boot || len(claims(d)) != c.claimed {
				t.Errorf("boot %q, claimed %v, want %q and %d", d.Next.Instance.Boot, claims(d), c.boot, c.claimed)
			}
			if c.claimed == 0 && (d.Next.Instance.CheckAt.IsZero() || !d.WakeBy.Equal(d.Next.Instance.CheckAt)) {
				t.Errorf("the agent is asked at %s, woken by %s, want a wake-up for it", d.Next.Instance.CheckAt, d.WakeBy)
			}
		})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// An attempt that is queued again is not one that a flow has to see to.
func TestAFlowCanTellThatACommandIsQueuedAgain(t *testing.T) {
	p := policy()
	p.Flows = flow.NewSet([]flow.Definition{
		define("resend", onEnd, `event.errorCode == "ClientNotRunning" && !event.requeued`, invoke("again", savedCommand)),
	})
	for attempt, starts := range map[int]bool{1: false, 2: false, 3: true} {
		s := state(decide.BootBootable, task("a", saved, running("t-1"), func(t *decide.Task) { t.Attempt = attempt }))
		end := ended("t-1", "", event.StatusAborted, "ClientNotRunning")
		d := must(t, s, end, decide.Facts{}, p)
		if started := len(d.Next.Runs) == 1; started != starts {
			t.Errorf("attempt %d of 3: started %v, want %v", attempt, started, starts)
		}
	}
}
