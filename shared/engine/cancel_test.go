package engine_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
)

// (decide rules 10, 70)
func TestCancelEndsWhatWasNotSentAndStopsTheRest(t *testing.T) {
	cancel := decide.Cancel{Key: id("c"), TaskID: id("a")}
	cases := []struct {
		name    string
		state   decide.State
		answer  string
		ended   decide.TaskState
		stopped bool
	}{
		{"a queued task is cancelled", state(decide.BootWaiting, task("a")),
			"cancelled", decide.TaskCancelled, false},
		{"a task that was put back and never sent is cancelled",
			state(decide.BootBootable, task("a", releasing), effect("a", notBefore(time.Minute))),
			"cancelled", decide.TaskCancelled, false},
		{"a task that somebody may be sending now is stopped when its invoke id is known",
			state(decide.BootBootable, task("a", releasing), effect("a", claimedBy(held), firstSent(time.Second))),
			"stopping", "", false},
		{"a task that a dead invocation may have sent is stopped when its invoke id is known",
			state(decide.BootBootable, task("a", releasing), effect("a", claimedBy(stale), firstSent(time.Minute))),
			"stopping", "", false},
		{"a running task is stopped", state(decide.BootBootable, task("a", running("t-a"))),
			"stopping", "", true},
		{"a task that is not there is not found", state(decide.BootBootable, task("b")),
			"not_found", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(t, c.state, cancel, decide.Facts{}, policy())
			if d.Answer.Outcome != c.answer || endedAs(d, "a") != c.ended {
				t.Errorf("answer %q, task ended as %q, want %q and %q", d.Answer.Outcome, endedAs(d, "a"), c.answer, c.ended)
			}
			stopped := false
			for _, e := range claims(d) {
				stopped = stopped || e.Kind == string(decide.SendStop) && e.TaskID == id("a")
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

// (decide rule 70)
func TestATaskThatIsToBeStoppedIsNeverSentAgain(t *testing.T) {
	cases := []struct {
		name   string
		effect []func(*decide.Send)
		result decide.ResultKind
		ended  decide.TaskState
		alerts string
	}{
		{"throttled at its first try, it was not sent and is cancelled",
			[]func(*decide.Send){firstSent(time.Second)}, decide.ResultThrottled, decide.TaskCancelled, ""},
		{"not sent at its first try, it is cancelled",
			[]func(*decide.Send){firstSent(time.Second)}, decide.ResultNotSent, decide.TaskCancelled, ""},
		{"not found yet after an earlier try, it is looked for again",
			[]func(*decide.Send){firstSent(time.Minute), priorSent(time.Minute)}, decide.ResultNotSent, "", ""},
		{"never found, it is cancelled without an alert",
			[]func(*decide.Send){firstSent(2 * time.Hour), priorSent(2 * time.Hour)}, decide.ResultGivenUp, decide.TaskCancelled, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := state(decide.BootBootable, task("a", releasing, cancelled),
				effect("a", append(c.effect, claimedBy(claim))...))
			d := must(t, s, results(result("a", claim, c.result)), decide.Facts{}, policy())
			if endedAs(d, "a") != c.ended || alerts(d) != c.alerts {
				t.Errorf("task ended as %q with alerts %q, want %q and %q", endedAs(d, "a"), alerts(d), c.ended, c.alerts)
			}
		})
	}
	t.Run("found, it is stopped at once", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", releasing, cancelled), effect("a", claimedBy(claim), firstSent(time.Second)))
		d := must(t, s, results(result("a", claim, decide.ResultDone)), decide.Facts{}, policy())
		next := must(t, d.Next, decide.Continue{}, decide.Facts{}, policy())
		if !d.More || len(claims(next)) != 1 || claims(next)[0].Kind != string(decide.SendStop) {
			t.Errorf("more %v, then claimed %+v, want the stop", d.More, claims(next))
		}
	})
	t.Run("while it is looked for, it does not hold up the queue", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", releasing, cancelled), task("b"),
			effect("a", firstSent(time.Minute), notBefore(time.Minute)))
		d := must(t, s, decide.WakeUp{}, decide.Facts{}, policy())
		if got := claimedTasks(d); got != "b" {
			t.Errorf("claimed %q, want b", got)
		}
	})
}
