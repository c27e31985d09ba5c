package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// pausing says that a flow, or all of them, are paused.
func pausing(name string) decide.Facts {
	return decide.Facts{Control: decide.Control{Pauses: map[string]decide.Pause{
		name: {Flow: name, By: "ann", At: now.Add(-time.Minute), Reason: "an incident"},
	}}}
}

// flows is a policy with these flows, which alerts of no command's end.
func flows(list ...flow.Definition) decide.Policy {
	p := policy()
	p.AlertOn = map[event.Status]bool{}
	p.Flows = flow.NewSet(list)
	return p
}

// byOthers is the condition of flows that do not lead to themselves.
const byOthers = `event.commandName == "a stranger's"`

// happened is the end of a command that others started, another one for each id.
func happened(invokeID string) decide.Ended {
	return ended(invokeID, "", event.StatusSuccess, "")
}

// endOf is the end of a task's command.
func endOf(t decide.Task, status event.Status, code string) decide.Ended {
	invokeID := t.InvokeID
	if invokeID == "" {
		invokeID = "t-of-" + t.ID
	}
	e := ended(invokeID, "", status, code)
	e.Event.CommandName = command.OnWire(t.Name, t.ID)
	return e
}

// [51] A run whose backoff is over while its flow is paused is looked at
// every few minutes, and continues when it is resumed.
// (decide rule 84)
func TestABackoffThatIsOverWhileTheFlowIsPaused(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("only", "f/only", "true", retry(3, "Failed"), backoff(time.Minute))))
	s := must(t, state(decide.BootBootable), happened("t-1"), decide.Facts{}, p).Next
	s = must(t, s, endOf(only(t, s.Tasks), event.StatusFailed, ""), decide.Facts{}, p).Next
	if r := only(t, s.Runs); r.Pending.State != flow.PendingBackoff {
		t.Fatalf("run %+v, want it in its backoff", r)
	}
	later := now.Add(10 * time.Minute)
	d := decideAt(t, later, s, decide.WakeUp{}, pausing("f"), p)
	if want := later.Add(p.HoldCheck); len(d.Next.Tasks) > 0 || !d.WakeBy.Equal(want) {
		t.Errorf("tasks %v, woken by %s, want none and %s", d.Next.Tasks, d.WakeBy, want)
	}
	again := decideAt(t, later.Add(time.Minute), d.Next, decide.WakeUp{}, pausing("f"), p)
	if !again.Changes.Empty() {
		t.Errorf("changes %+v a minute later, want none", again.Changes)
	}
	d = decideAt(t, later.Add(p.HoldCheck), d.Next, decide.WakeUp{}, decide.Facts{}, p)
	if task := only(t, d.Next.Tasks); task.StepAttempt != 2 || len(claims(d)) == 0 {
		t.Errorf("task %+v, claimed %v, want the second attempt claimed", task, claims(d))
	}
}

// [51] A pause keeps nobody from stopping what may have been sent before it.
func TestACommandOfAPausedFlowThatIsToBeStoppedIsLookedFor(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("only", "f/only", "true")))
	s := must(t, state(decide.BootBootable), happened("t-1"), decide.Facts{}, p).Next
	one := only(t, s.Tasks)
	// The invocation that was sending it has died.
	later := now.Add(5 * time.Minute)
	d := decideAt(t, later, s, decide.WakeUp{}, pausing("f"), p)
	if len(claims(d)) > 0 {
		t.Fatalf("claimed %+v, want nothing of a paused flow", claims(d))
	}
	d = decideAt(t, later, d.Next, decide.Cancel{Key: id("c"), TaskID: one.ID}, pausing("f"), p)
	if d.Answer.Outcome != "stopping" || len(claims(d)) != 1 || claims(d)[0].PriorSent.IsZero() {
		t.Errorf("answer %+v, claimed %+v, want its command looked for", d.Answer, claims(d))
	}
}

// [51]
// (decide rule 84)
func TestAPausedFlow(t *testing.T) {
	two := flows(define("f", onEnd, byOthers, run("one", "f/one", "true"), say("tell", "hello"), run("two", "f/two", "true")))
	for _, name := range []string{"f", decide.AllFlows} {
		t.Run("starts no run, which is recorded: "+name, func(t *testing.T) {
			d := must(t, state(decide.BootBootable), happened("s-1"), pausing(name), two)
			if len(d.Next.Runs)+len(d.Next.Tasks) > 0 || len(d.Changes.EndedRuns) != 1 || d.Changes.EndedRuns[0].Result != flow.ResultRefused {
				t.Errorf("state %+v, ended %+v, want one refused run", d.Next, d.Changes.EndedRuns)
			}
			if got := said(t, d, "f"); got.What != decide.FlowRefused || !strings.Contains(got.Why, "paused by ann") {
				t.Errorf("the record says %+v", got)
			}
		})
	}
	t.Run("another flow's pause is not its own", func(t *testing.T) {
		if d := must(t, state(decide.BootBootable), happened("s-1"), pausing("g"), two); len(claims(d)) != 1 {
			t.Errorf("claimed %v, want the first command", claims(d))
		}
	})
	t.Run("takes no further step, and continues when it is resumed", func(t *testing.T) {
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, two).Next
		d := must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), pausing("f"), two)
		if len(d.Next.Tasks) > 0 || alerts(d) != "" || !d.WakeBy.Equal(now.Add(two.HoldCheck)) {
			t.Fatalf("tasks %v, alerts %q, woken by %s, want neither, and a look later", d.Next.Tasks, alerts(d), d.WakeBy)
		}
		for i := range 3 { // looked at again and again
			d = decideAt(t, d.WakeBy, d.Next, decide.WakeUp{}, pausing("f"), two)
			if len(d.Next.Tasks)+len(claims(d)) > 0 || !d.WakeBy.Equal(now.Add(time.Duration(i+2)*two.HoldCheck)) {
				t.Fatalf("look %d: claimed %v, woken by %s", i, claims(d), d.WakeBy)
			}
		}
		d = decideAt(t, d.WakeBy, d.Next, decide.WakeUp{}, decide.Facts{}, two)
		if only(t, d.Next.Tasks).Step != "two" || alerts(d) != "flow" || len(claims(d)) != 2 {
			t.Errorf("tasks %v, alerts %q, claimed %v, want it to go on", d.Next.Tasks, alerts(d), claims(d))
		}
	})
	t.Run("sends no command that waits for its instance", func(t *testing.T) {
		long := happened("s-1")
		long.Event.FinishTime = now.Add(-10 * time.Minute)
		s := must(t, state(decide.BootWaiting, task("a")), long, decide.Facts{}, two).Next
		d := must(t, s, beat(0, time.Second), pausing("f"), two)
		if claimedTasks(d) != "a" || d.WakeBy.After(now.Add(two.HoldCheck)) {
			t.Errorf("claimed %q, woken by %s, want what no flow sends", claimedTasks(d), d.WakeBy)
		}
		d = decideAt(t, now.Add(two.HoldCheck), d.Next, decide.WakeUp{}, decide.Facts{}, two)
		if !strings.Contains(claimedTasks(d), only(t, d.Next.Runs).Steps[0].Tasks[0][:8]) {
			t.Errorf("claimed %q, want the flow's when it is resumed", claimedTasks(d))
		}
	})
	t.Run("its timeout keeps running", func(t *testing.T) {
		f := define("f", onEnd, byOthers, run("one", "f/one", "true"), run("two", "f/two", "true"))
		f.Timeout, f.OnFailure = flow.Duration(time.Hour), []flow.Step{run("sorry", "f/sorry", "true")}
		p := flows(f)
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p).Next
		s = must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), pausing("f"), p).Next
		d := decideAt(t, now.Add(time.Hour), s, decide.WakeUp{}, pausing("f"), p)
		if r := only(t, d.Next.Runs); r.Result != flow.ResultTimedOut || r.Section != flow.SectionOnFailure || len(d.Next.Tasks) > 0 {
			t.Errorf("run %+v, tasks %v, want it timed out, and onFailure not sent", r, d.Next.Tasks)
		}
	})
	t.Run("keeps its waiting runs waiting", func(t *testing.T) {
		s := queueOf(t, two, 1)
		one := only(t, s.Tasks)
		s = must(t, s, endOf(one, event.StatusSuccess, ""), decide.Facts{}, two).Next
		s = must(t, s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), pausing("f"), two).Next
		r := only(t, s.Runs)
		if !r.StartedAt.IsZero() || !r.CheckAt.Equal(now.Add(two.HoldCheck)) {
			t.Fatalf("run %+v, want it to wait for a look", r)
		}
		d := decideAt(t, r.CheckAt, s, decide.WakeUp{}, decide.Facts{}, two)
		if only(t, d.Next.Runs).StartedAt.IsZero() {
			t.Error("it does not begin when its flow is resumed")
		}
	})
}

// besideLoad answers only when the other of the two calls is under way.
type besideLoad struct {
	*desk
	loading, reading chan struct{}
}

func (b besideLoad) Load(ctx context.Context, id string) (decide.State, error) {
	close(b.loading)
	select {
	case <-b.reading:
	case <-time.After(10 * time.Second):
		return decide.State{}, errors.New("what is said about flows is not read beside the load")
	}
	return b.desk.Load(ctx, id)
}

func (b besideLoad) Control(ctx context.Context) (decide.Control, error) {
	close(b.reading)
	select {
	case <-b.loading:
	case <-time.After(10 * time.Second):
		return decide.Control{}, errors.New("the load is not beside it")
	}
	return b.desk.Control(ctx)
}

// [51] The stop switch costs no time, and one that cannot be read lets nothing
// go on.
// (decide rule 83)
func TestTheStopSwitchIsReadBesideTheLoad(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true")))
	d := newDesk()
	d.store(state(decide.BootBootable))
	e := d.engine(p)
	b := besideLoad{d, make(chan struct{}), make(chan struct{})}
	e.Ledger, e.Shared = b, b
	mustHandle(t, e, happened("s-1"))
	if got, want := d.calls(), "load arm commit send commit"; got != want {
		t.Errorf("calls: %s\nwant:  %s", got, want)
	}
	controls := func(p decide.Policy, in decide.Input) (n int, err error) {
		d.on = func(what, _ string) fate {
			if what == "control" {
				n++
			}
			return fate{}
		}
		_, err = handle(t, d.engine(p), in)
		return n, err
	}
	if n, err := controls(p, happened("s-2")); n != 1 || err != nil {
		t.Errorf("read %d times, error %v, want once", n, err)
	}
	if n, err := controls(policy(), happened("s-3")); n != 1 || err != nil {
		t.Errorf("without flows, but with runs of some: read %d times, error %v, want once", n, err)
	}
	d.store(state(decide.BootBootable))
	if n, err := controls(policy(), happened("s-4")); n != 0 || err != nil {
		t.Errorf("without flows and runs: read %d times, error %v, want never", n, err)
	}
	d.on = failing("control", 1, refused)
	if _, err := handle(t, d.engine(p), happened("s-5")); !errors.Is(err, engine.ErrUnavailable) || len(d.table.state("i-1").Runs) > 0 {
		t.Errorf("error %v, runs %v, want the input delivered again", err, d.table.state("i-1").Runs)
	}
}

// [51] [57] A run of a version that had flows is paused and resumed as any.
func TestARunWhoseFlowIsGoneCanBePaused(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true"), run("two", "f/two", "true")))
	d := newDesk()
	d.store(state(decide.BootBootable))
	mustHandle(t, d.engine(p), happened("s-1"))
	d.table.control.Pauses["f"] = decide.Pause{Flow: "f", By: "ann", At: now}
	mustHandle(t, d.engine(policy()), endOf(only(t, d.table.state("i-1").Tasks), event.StatusSuccess, ""))
	if s := d.table.state("i-1"); len(s.Tasks) > 0 || len(s.Runs) != 1 {
		t.Fatalf("tasks %v, runs %v, want the run to wait", s.Tasks, s.Runs)
	}
	delete(d.table.control.Pauses, "f")
	d.clock = now.Add(10 * time.Minute)
	if _, err := d.engine(policy()).Sweep(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if two := only(t, d.table.state("i-1").Tasks); two.Step != "two" || two.State != decide.TaskRunning {
		t.Errorf("task %+v, want the second step's running", two)
	}
}

// [51] A function of a version without flows meets a run only when its commit
// has met a conflict: it must hear of the pause before it decides again.
func TestARunThatAConflictBringsInCanBePaused(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true")))
	end := happened("s-1")
	end.Event.FinishTime = now.Add(-10 * time.Minute) // which does not show that the agent is up
	theirs := must(t, state(decide.BootWaiting), end, decide.Facts{}, p).Next
	waits := only(t, theirs.Tasks)
	theirs.Instance = state(decide.BootBootable).Instance
	theirs.Instance.Rev++

	d := newDesk()
	d.store(state(decide.BootBootable))
	d.table.control.Pauses["f"] = decide.Pause{Flow: "f", By: "ann", At: now}
	commits := 0
	d.on = func(what, _ string) fate {
		if what == "commit" {
			if commits++; commits == 1 {
				d.store(theirs)
			}
		}
		return fate{}
	}
	mustHandle(t, d.engine(policy()), decide.Submission{
		Key: id("e"), Command: command.Command{Run: &command.Run{Name: "mine", Type: "RunShellScript", Content: "true"}},
	})
	s := d.table.state("i-1")
	if got := s.Tasks[waits.ID].State; got != decide.TaskQueued || len(s.Tasks) != 2 || len(d.cloud.invocations) != 1 || commits < 3 {
		t.Errorf("after %d commits the step is %s, %d tasks are live and %d commands were sent, want it queued, 2 and 1",
			commits, got, len(s.Tasks), len(d.cloud.invocations))
	}
}
