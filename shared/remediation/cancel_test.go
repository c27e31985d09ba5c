package remediation_test

import (
	"testing"
	"time"

	"aftercare/shared/remediation"
)

func TestCancelEndsWhatWasNotSentAndStopsTheRest(t *testing.T) {
	cancel := remediation.Cancel{Key: id("c"), TaskID: id("a")}
	cases := []struct {
		name    string
		state   remediation.State
		answer  string
		ended   remediation.TaskState
		stopped bool
	}{
		{"a queued task is cancelled", state(remediation.BootWaiting, task("a")),
			"cancelled", remediation.TaskCancelled, false},
		{"a task that was put back and never sent is cancelled",
			state(remediation.BootBootable, task("a", releasing), effect("a", notBefore(time.Minute))),
			"cancelled", remediation.TaskCancelled, false},
		{"a task that somebody may be sending now is stopped when its invoke id is known",
			state(remediation.BootBootable, task("a", releasing), effect("a", claimedBy(held), firstSent(time.Second))),
			"stopping", "", false},
		{"a task that a dead invocation may have sent is stopped when its invoke id is known",
			state(remediation.BootBootable, task("a", releasing), effect("a", claimedBy(stale), firstSent(time.Minute))),
			"stopping", "", false},
		{"a running task is stopped", state(remediation.BootBootable, task("a", running("t-a"))),
			"stopping", "", true},
		{"a task that is not there is not found", state(remediation.BootBootable, task("b")),
			"not_found", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := decide(t, c.state, cancel, remediation.Facts{}, policy())
			if d.Answer.Outcome != c.answer || endedAs(d, "a") != c.ended {
				t.Errorf("answer %q, task ended as %q, want %q and %q", d.Answer.Outcome, endedAs(d, "a"), c.answer, c.ended)
			}
			stopped := false
			for _, e := range d.Claimed {
				stopped = stopped || e.Kind == remediation.EffectStop && e.TaskID == id("a")
			}
			if stopped != c.stopped {
				t.Errorf("stop claimed: %v, want %v", stopped, c.stopped)
			}
			if d.Changes.Input == nil || d.Changes.Input.Key != id("c") || d.Once != "input/"+id("c") {
				t.Errorf("input record %+v, once %q, want both for the cancel", d.Changes.Input, d.Once)
			}
		})
	}
}

func TestATaskThatIsToBeStoppedIsNeverSentAgain(t *testing.T) {
	cases := []struct {
		name   string
		effect []func(*remediation.Effect)
		result remediation.ResultKind
		ended  remediation.TaskState
		alerts string
	}{
		{"throttled at its first try, it was not sent and is cancelled",
			[]func(*remediation.Effect){firstSent(time.Second)}, remediation.ResultThrottled, remediation.TaskCancelled, ""},
		{"not sent at its first try, it is cancelled",
			[]func(*remediation.Effect){firstSent(time.Second)}, remediation.ResultNotSent, remediation.TaskCancelled, ""},
		{"not found yet after an earlier try, it is looked for again",
			[]func(*remediation.Effect){firstSent(time.Minute), priorSent(time.Minute)}, remediation.ResultNotSent, "", ""},
		{"never found, it is cancelled without an alert",
			[]func(*remediation.Effect){firstSent(2 * time.Hour), priorSent(2 * time.Hour)}, remediation.ResultGivenUp, remediation.TaskCancelled, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := state(remediation.BootBootable, task("a", releasing, cancelled),
				effect("a", append(c.effect, claimedBy(claim))...))
			d := decide(t, s, results(result("a", claim, c.result)), remediation.Facts{}, policy())
			if endedAs(d, "a") != c.ended || alerts(d) != c.alerts {
				t.Errorf("task ended as %q with alerts %q, want %q and %q", endedAs(d, "a"), alerts(d), c.ended, c.alerts)
			}
		})
	}
	t.Run("found, it is stopped at once", func(t *testing.T) {
		s := state(remediation.BootBootable, task("a", releasing, cancelled), effect("a", claimedBy(claim), firstSent(time.Second)))
		d := decide(t, s, results(result("a", claim, remediation.ResultDone)), remediation.Facts{}, policy())
		next := decide(t, d.Next, remediation.Continue{}, remediation.Facts{}, policy())
		if !d.More || len(next.Claimed) != 1 || next.Claimed[0].Kind != remediation.EffectStop {
			t.Errorf("more %v, then claimed %+v, want the stop", d.More, next.Claimed)
		}
	})
	t.Run("while it is looked for, it does not hold up the queue", func(t *testing.T) {
		s := state(remediation.BootBootable, task("a", releasing, cancelled), task("b"),
			effect("a", firstSent(time.Minute), notBefore(time.Minute)))
		d := decide(t, s, remediation.WakeUp{}, remediation.Facts{}, policy())
		if got := claimedTasks(d); got != "b" {
			t.Errorf("claimed %q, want b", got)
		}
	})
}
