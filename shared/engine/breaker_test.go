package engine_test

import (
	"fmt"
	"maps"
	"slices"
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
	tasks := slices.Collect(maps.Values(d.table.state("i-1").Tasks))
	if len(tasks) != 1 {
		t.Fatalf("the tasks %+v, want one", tasks)
	}
	out, err := handle(t, d.engine(p), endOf(tasks[0], event.StatusFailed, ""))
	if d.on = nil; err != nil || (out.Trouble != nil) != dies {
		t.Fatalf("error %v, trouble %v, want the result lost: %v", err, out.Trouble, dies)
	}
}

// A resume, and the end of a breaker's time, begin the count anew: neither the
// failures before them nor a count whose result was lost opens it again.
// (decide rule 82)
func TestABreakerCountsFromItsResume(t *testing.T) {
	for name, c := range map[string]struct {
		window         string
		lost           bool // the result of the count that opened it
		resumed, swept bool
		minutes        int  // until then
		orphaned       bool // nobody is left to close it
	}{
		"the failures before a resume":                               {window: "10m", resumed: true, minutes: 1},
		"a count whose result was lost":                              {window: "10m", lost: true, resumed: true, minutes: 5, swept: true},
		"the failures before it closed by itself":                    {window: "3h", minutes: 61, swept: true},
		"the failures before its time was over, if nobody closed it": {window: "3h", minutes: 61, orphaned: true},
	} {
		t.Run(name, func(t *testing.T) {
			limit := fmt.Sprintf("limits: {fleet: {maxFailures: 2, window: %s, resumeAfter: 1h}}, steps:", c.window)
			p, d := withFlows(t, strings.Replace(oneStep, "steps:", limit, 1)), newDesk()
			d.store(state(decide.BootBootable))
			fail(t, d, p, "s-1", false)
			fail(t, d, p, "s-2", c.lost)
			if c.resumed {
				d.table.resume(decide.Scope{Flow: "f"}, now.Add(time.Minute))
			}
			if c.orphaned {
				maps.DeleteFunc(d.table.rows["i-1"], func(row string, _ []byte) bool { return strings.HasPrefix(row, "live/message/") })
			}
			d.clock = now.Add(time.Duration(c.minutes) * time.Minute)
			if c.swept {
				mustSweep(t, d.engine(p))
				if d.open() > 0 || len(d.table.control.Breakers) > 0 {
					t.Errorf("%d messages are left, and breakers %v, want it closed", d.open(), d.table.control.Breakers)
				}
			}
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
