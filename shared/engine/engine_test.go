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
)

// invocation is the time limit of these tests' invocations.
const timeLimit = 20 * time.Second

func handle(t *testing.T, e *engine.Engine, in decide.Input) (engine.Outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	return e.Handle(ctx, "i-1", in)
}

func mustHandle(t *testing.T, e *engine.Engine, in decide.Input) engine.Outcome {
	t.Helper()
	out, err := handle(t, e, in)
	if err != nil || out.Trouble != nil {
		t.Fatalf("handle %T: error %v, trouble %v", in, err, out.Trouble)
	}
	return out
}

func mustSweep(t *testing.T, e *engine.Engine) {
	t.Helper()
	if s, err := e.Sweep(t.Context(), 1); err != nil || s.Failed > 0 {
		t.Fatalf("sweep %+v, error %v", s, err)
	}
}

func submission(short string) decide.Submission {
	return decide.Submission{
		Key:     id(short),
		Command: command.Command{Run: &command.Run{Name: short, Type: "RunShellScript", Content: "true"}},
	}
}

// (decide rule 22)
func TestAnEffectThatIsClaimedAgainIsPerformedAgain(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a"), task("b", running("t-b"))))
	sends, commits := 0, 0
	settled := make(chan struct{}) // the command's result
	d.on = func(what, _ string) fate {
		switch what {
		case "send":
			if sends++; sends == 1 {
				return fate{err: engine.ErrThrottled}
			}
		case "commit":
			if commits++; commits == 2 {
				close(settled)
			}
		}
		return fate{}
	}
	e := d.engine(policy())
	e.Notifier = notifier(func() {
		// It takes so long that the throttled minute is over by then.
		<-settled
		d.mu.Lock()
		d.clock = d.clock.Add(2 * time.Minute)
		d.mu.Unlock()
	})
	e.Now = func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.clock
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	bad := ended("t-b", "b", "Failed", "ExitCodeNonzero")
	out, err := e.Handle(ctx, "i-1", bad)
	if err != nil || out.Trouble != nil || out.Left != 0 {
		t.Errorf("error %v, trouble %v, %d effects left, want none", err, out.Trouble, out.Left)
	}
	if s := d.table.state("i-1").Tasks[id("a")]; s.State != decide.TaskRunning || sends != 2 {
		t.Errorf("the task is %s after %d sends, want it running after 2", s.State, sends)
	}
}

// notifier confirms every alert when it has returned.
type notifier func()

func (n notifier) Notify(context.Context, decide.Alert) error { n(); return nil }

// (decide rule 22)
func TestATornLoadMakesNobodySendACommandThatIsGone(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a", releasing), sent("a", time.Minute)))
	// The claim's answer is lost. While its state is loaded again, the end of
	// an earlier send lands behind the effects' rows.
	torn := false
	d.on = func(what, detail string) fate {
		switch {
		case what == "commit" && detail == "commit-1":
			return answerLost
		case what == "load" && len(d.table.rows["i-1"]) > 0 && d.ids == 1 && !torn:
			torn = true
			for key := range d.table.rows["i-1"] {
				if key == "live/task/"+id("a") {
					delete(d.table.rows["i-1"], key)
				}
			}
		case what == "commit":
			// The row that the load has missed an effect for.
			delete(d.table.rows["i-1"], "live/effect/"+sendOf(id("a")))
		}
		return fate{}
	}
	if _, err := handle(t, d.engine(policy()), decide.WakeUp{}); err != nil {
		t.Fatal(err)
	}
	if len(d.cloud.invocations) > 0 {
		t.Errorf("%+v was sent", d.cloud.invocations[0])
	}
	if got, want := d.calls(), "load arm commit load"; got != want {
		t.Errorf("calls: %s\nwant:  %s", got, want)
	}
}

// (decide rule 29)
func TestResultsThatMeetAConflictAreDecidedAnew(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("b", running("t-b"))))
	e := d.engine(policy())
	// While the command is being sent, another one ends.
	other := false
	d.on = func(what, _ string) fate {
		if what == "send" && !other {
			other = true
			s := d.table.state("i-1")
			end := decide.Decide(s, ended("t-b", "b", "Success", ""), decide.Facts{}, policy(), decide.Moment{Now: now, Claim: held})
			if err := d.table.commit(engine.Commit{ID: held.Commit, InstanceID: "i-1", Changes: end.Changes}); err != nil {
				t.Error(err)
			}
		}
		return fate{}
	}
	out := mustHandle(t, e, submission("a"))
	if got, want := d.calls(), "load arm commit send commit load commit"; got != want {
		t.Errorf("calls: %s\nwant:  %s", got, want)
	}
	s := d.table.state("i-1")
	if a := only(t, s.Tasks); a.Name != "a" || a.State != decide.TaskRunning || out.Left != 0 {
		t.Errorf("task %+v, %d effects left, want a running and none", a, out.Left)
	}
}

// (decide rule 5)
func TestConflictsAreMetUntilTooLittleTimeIsLeft(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable))
	d.on = func(what, _ string) fate {
		if what == "commit" {
			return fate{err: engine.ErrConflict}
		}
		return fate{}
	}
	e := d.engine(policy())
	e.Pause = func(context.Context, int) { d.clock = d.clock.Add(time.Second) }
	if _, err := handle(t, e, beat(0, time.Second)); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("error %v, want the conflict", err)
	}
	// One each second; the last two seconds are kept for results.
	if got := strings.Count(d.calls(), "commit"); got < 15 || got > 19 {
		t.Errorf("%d commits were tried, want about 18", got)
	}
}
