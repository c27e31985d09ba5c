package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// booted is the first heartbeat, at that time, of a boot that long before it.
func booted(at time.Time, uptime time.Duration) decide.Heartbeat {
	b := beat(0, uptime)
	b.Event.Time, b.Received = at, at
	return b
}

// [28]
func TestAWaitForTheNextBoot(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("reboot", "f/reboot", "reboot"), wait("boot", flow.WaitNextBoot), wait("w", "9h")))
	cases := []struct {
		name string
		beat decide.Heartbeat // the command is sent now, and has ended two minutes later
		over bool
	}{
		{"a boot that began after the command did ends it", booted(now.Add(4*time.Minute), 2*time.Minute), true},
		{"one that began before the command had ended does, too", booted(now.Add(4*time.Minute), 3*time.Minute), true},
		{"one whose clock is behind does", booted(now.Add(4*time.Minute), 4*time.Minute+20*time.Second), true},
		{"the late heartbeat of one that began before the command does not", booted(now.Add(4*time.Minute), 20*time.Minute), false},
		{"a further heartbeat of the boot before does not", booted(now.Add(4*time.Minute), time.Hour+5*time.Minute), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p).Next
			s = decideAt(t, now.Add(2*time.Minute), s, endOf(only(t, s.Tasks), event.StatusSuccess, ""), decide.Facts{}, p).Next
			if r := only(t, s.Runs); r.Pending.State != flow.PendingBoot {
				t.Fatalf("run %+v, want it to wait for the boot", r)
			}
			s = decideAt(t, now.Add(5*time.Minute), s, c.beat, decide.Facts{}, p).Next
			r := only(t, s.Runs)
			if over := r.Pending.State == flow.PendingWait; over != c.over {
				t.Errorf("run %+v, want it to go on: %v", r, c.over)
			}
			if c.over {
				return
			}
			s = decideAt(t, now.Add(10*time.Minute), s, booted(now.Add(10*time.Minute), time.Minute), decide.Facts{}, p).Next
			if r := only(t, s.Runs); r.Pending.State != flow.PendingWait {
				t.Errorf("run %+v, want it to go on with the boot that comes then", r)
			}
		})
	}
}
