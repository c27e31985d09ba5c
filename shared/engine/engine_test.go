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
	d.wait = func(_ context.Context, what, _ string) error {
		if what == "alert" {
			// It takes so long that the throttled minute is over by then.
			<-settled
			d.mu.Lock()
			d.clock = d.clock.Add(2 * time.Minute)
			d.mu.Unlock()
		}
		return nil
	}
	e := d.engine(policy())
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
