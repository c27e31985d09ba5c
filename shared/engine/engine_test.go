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
