package remediation_test

import (
	"testing"
	"time"

	"aftercare/shared/remediation"
)

func TestWhatWaitsTooLongExpires(t *testing.T) {
	cases := []struct {
		name  string
		state remediation.State
		ended remediation.TaskState
	}{
		{"a queued task", state(remediation.BootWaiting, task("a", expired)), remediation.TaskExpired},
		{"a queued task of a bootable instance", state(remediation.BootBootable, task("a", expired)), remediation.TaskExpired},
		{"a task that was put back and never sent", state(remediation.BootBootable,
			task("a", expired, releasing), effect("a", notBefore(time.Hour))), remediation.TaskExpired},
		{"but not one that somebody is sending", state(remediation.BootBootable,
			task("a", expired, releasing), effect("a", claimedBy(held), firstSent(time.Second))), ""},
		{"but not one that may have been sent", state(remediation.BootBootable,
			task("a", expired, releasing), effect("a", firstSent(time.Minute), notBefore(time.Hour))), ""},
		{"but not one that runs", state(remediation.BootBootable, task("a", expired, running("t-a"))), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := decide(t, c.state, remediation.WakeUp{}, remediation.Facts{}, policy())
			want := ""
			if c.ended != "" {
				want = string(remediation.AlertTaskExpired)
			}
			if endedAs(d, "a") != c.ended || alerts(d) != want {
				t.Errorf("ended as %q with alerts %q, want %q and %q", endedAs(d, "a"), alerts(d), c.ended, want)
			}
		})
	}
	t.Run("and a wake-up comes for it", func(t *testing.T) {
		s := state(remediation.BootBootable, task("a", releasing), effect("a", notBefore(20*time.Hour)))
		d := decide(t, s, remediation.Submission{Key: id("b"), Name: "b"}, remediation.Facts{}, policy())
		if want := now.Add(time.Hour); !d.WakeBy.Equal(want) {
			t.Errorf("woken by %s, want %s, when the task expires", d.WakeBy, want)
		}
	})
}
