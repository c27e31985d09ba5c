package engine_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// fail lets a run of the flow begin and its command fail. If it dies, nothing is committed
// after the opening of the breaker, so that its result is lost.
func fail(t *testing.T, d *desk, p decide.Policy, invokeID string, dies bool) {
	t.Helper()
	mustHandle(t, d.engine(p), happened(invokeID))
	if dies {
		d.on = func(what, _ string) fate {
			if what == "commit" && d.count("open") > 0 {
				return refused
			}
			return fate{}
		}
	}
	out, err := handle(t, d.engine(p), endOf(only(t, d.table.state("i-1").Tasks), event.StatusFailed, ""))
	if d.on = nil; err != nil || (out.Trouble != nil) != dies {
		t.Fatalf("error %v, trouble %v, want the result lost: %v", err, out.Trouble, dies)
	}
}

// A resume, and the end of a breaker's time, begin the count anew: neither the
// failures before them nor a count whose result was lost opens it again.
// (decide rule 82)
func TestABreakerCountsFromItsResume(t *testing.T) {
	for name, c := range map[string]struct {
		window  string
		lost    bool // the result of the count that opened it
		between func(*testing.T, *desk, decide.Policy)
	}{
		"the failures before a resume": {"10m", false, func(_ *testing.T, d *desk, _ decide.Policy) { d.resume("f") }},
		"a count whose result was lost": {"10m", true, func(t *testing.T, d *desk, p decide.Policy) {
			d.resume("f")
			d.clock = now.Add(5 * time.Minute)
			if mustSweep(t, d.engine(p)); d.open() > 0 {
				t.Errorf("%d messages are left, want the count settled", d.open())
			}
		}},
		"the failures before it closed by itself": {"3h", false, func(t *testing.T, d *desk, p decide.Policy) {
			d.clock = now.Add(time.Hour + time.Minute)
			if mustSweep(t, d.engine(p)); len(d.table.control.Breakers) > 0 {
				t.Error("it has not closed")
			}
		}},
		"the failures before its time was over, if nobody closed it": {"3h", false, func(_ *testing.T, d *desk, _ decide.Policy) {
			maps.DeleteFunc(d.table.rows["i-1"], func(row string, _ []byte) bool { return strings.HasPrefix(row, "live/message/") })
			d.clock = now.Add(time.Hour + time.Minute)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			limit := fmt.Sprintf("limits: {fleet: {maxFailures: 2, window: %s, resumeAfter: 1h}}, steps:", c.window)
			p, d := withFlows(t, strings.Replace(oneStep, "steps:", limit, 1)), newDesk()
			d.store(state(decide.BootBootable))
			fail(t, d, p, "s-1", false)
			fail(t, d, p, "s-2", c.lost)
			d.clock = now.Add(time.Minute)
			c.between(t, d, p)
			for n, want := range []int{1, 1, 2} { // after no more failures, one, and two
				if n > 0 {
					d.clock = d.clock.Add(time.Minute)
					fail(t, d, p, fmt.Sprint("s-", 2+n), false)
				}
				if d.table.opened != want {
					t.Errorf("after %d failures more it has opened %d times, want %d", n, d.table.opened, want)
				}
			}
		})
	}
}
