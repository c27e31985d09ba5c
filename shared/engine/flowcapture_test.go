package engine_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// capturing is a flow that captures what its first step printed.
func capturing(first flow.Step) decide.Policy {
	first.Capture = true
	return flows(define("f", onEnd, byOthers, first, say("tell", "it printed: ${{ steps.one.output }}")))
}

// recorded is the record of the only run that has ended.
func recorded(t *testing.T, d *desk) decide.FlowRun {
	t.Helper()
	list := logged[decide.FlowRun](d.table, "i-1", "flow")
	if len(list) != 1 {
		t.Fatalf("%d runs have ended, want one", len(list))
	}
	return list[0]
}

// [25]
func TestWhatACommandPrintedIsFetchedWhenItHasEnded(t *testing.T) {
	script := run("one", "f/one", "true")
	cases := []struct {
		name  string
		p     decide.Policy
		calls string // for the command's end
		alert string
	}{
		{"with capture, one call more", capturing(script), "load output commit alert commit", "it printed: printed by t-1"},
		{"without, none", flows(define("f", onEnd, byOthers, script, say("tell", "it printed: ${{ steps.one.output }}"))),
			"load commit alert commit", "it printed: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable))
			mustHandle(t, d.engine(c.p), happened("s-1"))
			task := only(t, d.table.state("i-1").Tasks)
			d.made = nil
			mustHandle(t, d.engine(c.p), endOf(task, event.StatusSuccess, ""))
			if d.calls() != c.calls || d.alerts[0].Summary != c.alert {
				t.Errorf("calls: %s\nwant:  %s\nalert %q, want %q", d.calls(), c.calls, d.alerts[0].Summary, c.alert)
			}
		})
	}
	t.Run("what the service cut off is noted", func(t *testing.T) {
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, capturing(script)).Next
		e := endOf(only(t, s.Tasks), event.StatusSuccess, "")
		d := must(t, s, e, decide.Facts{Outputs: map[string]decide.Captured{
			e.Event.InvokeID: {Output: decide.Output{Text: "the end", Dropped: 7}},
		}}, capturing(script))
		if got := d.Changes.EndedRuns[0].Steps[0]; got.OutputBytes != 7 || got.Dropped != 7 {
			t.Errorf("step %+v, want 7 bytes, and 7 cut off", got)
		}
	})
	t.Run("an end that no event reported brings it, too", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable))
		mustHandle(t, d.engine(capturing(script)), happened("s-1"))
		var zero int64
		d.cloud.invocations[0].end("Success", "", &zero, now)
		d.clock = now.Add(time.Hour)
		mustHandle(t, d.engine(capturing(script)), decide.WakeUp{})
		if r := recorded(t, d); r.Steps[0].OutputBytes == 0 || d.alerts[0].Summary != "it printed: printed by t-1" {
			t.Errorf("step %+v, alert %+v", r.Steps[0], d.alerts[0])
		}
	})
	t.Run("a saved command's end that waits for its task keeps it", func(t *testing.T) {
		p := capturing(invoke("one", savedCommand))
		d := newDesk()
		d.store(state(decide.BootBootable))
		// The command is accepted, and nobody hears of it: not even whose it is.
		d.on = func(what, _ string) fate {
			switch what {
			case "send":
				return answerLost
			case "find-id":
				return refused
			}
			return fate{}
		}
		mustHandle(t, d.engine(p), happened("s-1"))
		e := ended("t-1", "", event.StatusSuccess, "")
		e.Event.CommandID, e.Event.CommandName = savedCommand, "the saved one"
		mustHandle(t, d.engine(p), e)
		if len(d.table.state("i-1").Unmatched) != 1 {
			t.Fatal("the end is not unmatched, and the test shows nothing")
		}
		d.on = func(what, _ string) fate {
			if what == "output" {
				t.Error("the output is fetched twice")
			}
			return fate{}
		}
		d.clock = now.Add(5 * time.Minute)
		mustHandle(t, d.engine(p), decide.WakeUp{})
		if r := recorded(t, d); r.Steps[0].OutputBytes == 0 || d.alerts[0].Summary != "it printed: printed by t-1" {
			t.Errorf("step %+v, alerts %+v, want what t-1 printed", r.Steps[0], d.alerts)
		}
	})
	failing := func(err error) func(string, string) fate {
		return func(what, _ string) fate {
			if what == "output" {
				return fate{err: err}
			}
			return fate{}
		}
	}
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
			d := newDesk()
			d.store(state(decide.BootBootable))
			p := capturing(script)
			mustHandle(t, d.engine(p), happened("s-1"))
			e := endOf(only(t, d.table.state("i-1").Tasks), event.StatusSuccess, "")
			d.on = failing(c.err)
			d.clock = now.Add(c.after)
			if _, err := handle(t, d.engine(p), e); (err != nil) != c.again {
				t.Fatalf("error %v, want one: %v", err, c.again)
			}
			if c.again {
				d.on = nil
				mustHandle(t, d.engine(p), e)
			}
			if s := recorded(t, d).Steps[0]; c.again != (s.OutputBytes > 0) || c.again == strings.Contains(s.OutputError, c.err.Error()) {
				t.Errorf("step %+v, want its output: %v", s, c.again)
			}
		})
	}
}
