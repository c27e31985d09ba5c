package engine_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// A resume, and the end of a breaker's time, begin the count anew: neither the
// failures before them nor a count whose result was lost opens it again.
// (decide rule 82)
func TestABreakerCountsFromItsResume(t *testing.T) {
	p := breaking()
	window := func(d time.Duration) decide.Policy {
		return flows(with(define("f", onEnd, byOthers, run("only", "f/only", "true")), func(def *flow.Definition) {
			def.Limits.Fleet = &flow.FleetLimit{MaxFailures: 2, Window: flow.Duration(d), ResumeAfter: flow.Duration(time.Hour)}
		}))
	}
	opened := func(t *testing.T, d *desk, want int) {
		t.Helper()
		if d.table.opened != want {
			t.Errorf("it has opened %d times, want %d", d.table.opened, want)
		}
	}
	open := func(t *testing.T, p decide.Policy) *desk {
		t.Helper()
		d := newDesk()
		d.store(state(decide.BootBootable))
		fail(t, d, p, "s-1")
		fail(t, d, p, "s-2")
		opened(t, d, 1)
		return d
	}
	t.Run("the failures before a resume", func(t *testing.T) {
		d := open(t, p)
		d.clock = now.Add(time.Minute)
		d.resume("f")
		d.clock = now.Add(2 * time.Minute)
		fail(t, d, p, "s-3")
		opened(t, d, 1)
		fail(t, d, p, "s-4")
		opened(t, d, 2)
	})
	t.Run("a count whose result was lost", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable))
		fail(t, d, p, "s-1")
		d.on = func(what, _ string) fate {
			if what == "commit" && d.table.opened > 0 {
				return refused
			}
			return fate{}
		}
		mustHandle(t, d.engine(p), happened("s-2"))
		task := only(t, d.table.state("i-1").Tasks)
		if out, err := handle(t, d.engine(p), endOf(task, "Failed", "")); err != nil || out.Trouble == nil {
			t.Fatalf("error %v, trouble %v, want the result lost", err, out.Trouble)
		}
		d.on = nil
		d.clock = now.Add(time.Minute)
		d.resume("f")
		d.clock = now.Add(5 * time.Minute)
		mustSweep(t, d.engine(p))
		if opened(t, d, 1); d.open() > 0 {
			t.Errorf("%d messages are left, want the count settled", d.open())
		}
	})
	t.Run("the failures before it closed by itself", func(t *testing.T) {
		p := window(3 * time.Hour)
		d := open(t, p)
		d.clock = now.Add(time.Hour + time.Minute)
		mustSweep(t, d.engine(p))
		if len(d.table.control.Breakers) > 0 {
			t.Fatal("it has not closed")
		}
		fail(t, d, p, "s-3")
		opened(t, d, 1)
		d.clock = d.clock.Add(time.Minute)
		fail(t, d, p, "s-4")
		opened(t, d, 2)
	})
	t.Run("the failures before its time was over, if nobody closed it", func(t *testing.T) {
		p := window(3 * time.Hour)
		d := open(t, p)
		maps.DeleteFunc(d.table.rows["i-1"], func(row string, _ []byte) bool { return strings.HasPrefix(row, "live/message/") })
		d.clock = now.Add(time.Hour + time.Minute)
		fail(t, d, p, "s-3")
		opened(t, d, 1)
		fail(t, d, p, "s-4")
		opened(t, d, 2)
	})
}
