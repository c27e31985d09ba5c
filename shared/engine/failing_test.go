package engine_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// asking has one flow that uses event.failedBefore.
func asking() decide.Policy {
	return flows(define("f", onEnd, "event.failedBefore >= 2", run("only", "f/only", "true")))
}

// finished is the end of the command "backup" some seconds after now.
func finished(n int, status event.Status) decide.Ended {
	e := ended(fmt.Sprint("t-", n), "", status, "")
	e.Event.CommandName, e.Event.FinishTime = "backup", now.Add(time.Duration(n)*time.Second)
	return e
}

// [18]
// (decide rule 81)
func TestBadEndsInARowAreCounted(t *testing.T) {
	const ok, bad, timeout, aborted = event.StatusSuccess, event.StatusFailed, event.StatusTimeout, event.StatusAborted
	cases := []struct {
		name   string
		ends   []decide.Ended
		before int // what the last of them sees
	}{
		{"the first one has none before it", []decide.Ended{finished(1, bad)}, 0},
		{"each kind of bad end counts", []decide.Ended{
			finished(1, bad), finished(2, timeout), finished(3, aborted), finished(4, event.StatusInvalid), finished(5, bad)}, 4},
		{"a word that nobody knows counts as bad", []decide.Ended{finished(1, "Error"), finished(2, bad)}, 1},
		{"a good end sees those before it", []decide.Ended{finished(1, bad), finished(2, bad), finished(3, ok)}, 2},
		{"a good end ends the row", []decide.Ended{finished(1, bad), finished(2, ok), finished(3, bad)}, 0},
		{"one that was cancelled changes nothing", []decide.Ended{
			finished(1, bad), finished(2, event.StatusCancelled), finished(3, event.StatusTerminated), finished(4, bad)}, 1},
		{"the late event of a failure before a good end does not count", []decide.Ended{
			finished(2, bad), finished(5, ok), finished(4, bad), finished(6, bad)}, 0},
		{"the late event of a good end does not end the row", []decide.Ended{
			finished(2, bad), finished(5, bad), finished(4, ok), finished(6, bad)}, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := flows(define("f", onEnd, fmt.Sprintf("event.failedBefore == %d", c.before), wait("w", "1h")))
			s := state(decide.BootBootable)
			for i, e := range c.ends {
				if i == len(c.ends)-1 {
					s.Runs = map[string]decide.FlowRun{}
				}
				s = decideAt(t, now.Add(time.Duration(i)*time.Minute), s, e, decide.Facts{}, p).Next
			}
			if len(s.Runs) != 1 {
				t.Errorf("the last end did not see %d bad ones before it: %+v", c.before, s.Failing)
			}
		})
	}
	t.Run("a duplicate counts once", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable))
		for range 3 {
			mustHandle(t, d.engine(asking()), finished(1, bad))
		}
		if f := only(t, d.table.state("i-1").Failing); f.Name != "backup" || f.Count != 1 {
			t.Errorf("counted %+v, want one bad end of backup", f)
		}
	})
	t.Run("the marker is no part of the name", func(t *testing.T) {
		e := finished(1, bad)
		e.Event.CommandName = command.OnWire("backup", id("a"))
		d := must(t, state(decide.BootBootable), e, decide.Facts{}, asking())
		if f := only(t, d.Next.Failing); f.Name != "backup" {
			t.Errorf("counted as %q", f.Name)
		}
	})
	t.Run("nothing is kept if no flow asks for it", func(t *testing.T) {
		p := flows(define("f", onEnd, "event.exitCode == 99", run("only", "f/only", "true")))
		if d := must(t, state(decide.BootBootable), finished(1, bad), decide.Facts{}, p); len(d.Next.Failing) > 0 || d.Changes.Instance != nil {
			t.Errorf("kept %+v", d.Next.Failing)
		}
	})
	t.Run("of 101 commands the one that failed longest ago is forgotten", func(t *testing.T) {
		s := state(decide.BootBootable)
		for i := range 100 {
			f := decide.Failing{Name: fmt.Sprintf("c-%03d", i), Count: 1, Last: now}
			s.Failing[f.Name] = f
		}
		d := must(t, s, finished(1, bad), decide.Facts{}, asking())
		_, first := d.Next.Failing["c-000"]
		if len(d.Next.Failing) != 100 || first {
			t.Errorf("%d are known, the first of the oldest: %v, want 100 without it", len(d.Next.Failing), first)
		}
	})
	t.Run("one that is well again is forgotten after an hour", func(t *testing.T) {
		s := state(decide.BootBootable)
		s.Failing["well"] = decide.Failing{Name: "well", Last: now.Add(-time.Hour)}
		s.Failing["ill"] = decide.Failing{Name: "ill", Count: 1, Last: now.Add(-time.Hour)}
		d := must(t, s, finished(1, bad), decide.Facts{}, asking())
		if _, well := d.Next.Failing["well"]; well || len(d.Next.Failing) != 2 {
			t.Errorf("known are %v, want ill and backup", d.Next.Failing)
		}
	})
}
