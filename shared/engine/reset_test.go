package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// Counts of the past end with what they count.

// Empty answers about a task's first attempt say nothing about its second one.
// (decide rule 68)
func TestANewAttemptIsNotMissingYet(t *testing.T) {
	s := state(decide.BootBootable, task("a", running("t-1"), missing))
	d := must(t, s, ended("t-1", "a", event.StatusAborted, "DeliveryTimeout"), decide.Facts{}, policy())
	if a := d.Next.Tasks[id("a")]; a.State != decide.TaskQueued || a.Missing != 0 || !a.MissingSince.IsZero() {
		t.Errorf("the task is %s, missing %d times since %s, want it queued and never missing", a.State, a.Missing, a.MissingSince)
	}
}

// The failures before a boot do not make the next wait long.
// (decide rule 38)
func TestABootEndsTheCountOfTries(t *testing.T) {
	s := state(decide.BootUnknown, task("a", releasing), effect("a", notBefore(time.Hour), func(e *decide.Send) { e.Tries = 9 }))
	d := must(t, s, beat(0, time.Second), decide.Facts{}, policy())
	if e := d.Next.Sends[effectOf(id("a"))]; claimedTasks(d) != "a" || e.Tries != 1 {
		t.Errorf("claimed %q after %d tries, want it claimed for the first time since the boot", claimedTasks(d), e.Tries)
	}
}
