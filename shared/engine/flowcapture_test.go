package engine_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// [25]
func TestWhatACommandPrintedIsFetchedWhenItHasEnded(t *testing.T) {
	step := run("one", "f/one", "true", captures)
	p := flows(define("f", onEnd, byOthers, step, say("tell", "it printed: ${{ steps.one.output }}")))
	started := func() *desk {
		d := newDesk()
		d.store(state(decide.BootBootable))
		mustHandle(t, d.engine(p), happened("s-1"))
		d.made = nil
		return d
	}
	t.Run("with one call more", func(t *testing.T) {
		d := started()
		mustHandle(t, d.engine(p), endOf(only(t, d.table.state("i-1").Tasks), event.StatusSuccess, ""))
		if want := "load output commit alert commit"; d.calls() != want || d.alerts[0].Summary != "it printed: printed by t-1" {
			t.Errorf("calls: %s\nwant:  %s\nalert %q", d.calls(), want, d.alerts[0].Summary)
		}
	})
	t.Run("when it is asked for its end, too", func(t *testing.T) {
		d := started()
		d.cloud.invocations[0].end("Success", "", nil, now)
		d.clock = now.Add(time.Hour)
		mustHandle(t, d.engine(p), decide.WakeUp{})
		if d.alerts[0].Summary != "it printed: printed by t-1" {
			t.Errorf("alert %+v", d.alerts[0])
		}
	})
	for _, c := range []struct {
		name  string
		err   error
		after time.Duration
		again bool // the end is delivered again
	}{
		{"if it cannot be had at first, the end is delivered again", engine.ErrUnavailable, time.Minute, true},
		{"after ten minutes the run continues without it", engine.ErrUnavailable, 10 * time.Minute, false},
		{"if it is denied, the run continues without it", engine.ErrDenied, time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := started()
			e := endOf(only(t, d.table.state("i-1").Tasks), event.StatusSuccess, "")
			d.on = failing("output", 1, fate{err: c.err})
			d.clock = now.Add(c.after)
			if _, err := handle(t, d.engine(p), e); (err != nil) != c.again {
				t.Fatalf("error %v, want one: %v", err, c.again)
			}
			if c.again {
				mustHandle(t, d.engine(p), e)
			}
			runs := logged[decide.FlowRun](d.table, "i-1", "flow")
			if s := runs[0].Steps[0]; c.again != (s.OutputBytes > 0) || c.again == strings.Contains(s.OutputError, c.err.Error()) {
				t.Errorf("step %+v, want its output: %v", s, c.again)
			}
		})
	}
}
