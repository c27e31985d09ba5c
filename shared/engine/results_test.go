package engine_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// (decide rules 23, 26, 29, 37, 38)
func TestResultsOfCommands(t *testing.T) {
	const done, invalid, throttled, quota = decide.ResultDone, decide.ResultInvalid, decide.ResultThrottled, decide.ResultQuota
	const notSent, unknown, givenUp = decide.ResultNotSent, decide.ResultUnknown, decide.ResultGivenUp
	maybe := func(r decide.Result) decide.Result { r.MaybeSent = true; return r }
	mine := result("a", claim, notSent)
	with := func(kind decide.ResultKind) decide.Result { r := mine; r.Kind = kind; return r }
	theirs := func(kind decide.ResultKind) decide.Result { return result("a", stale, kind) }
	first := []func(*decide.Send){claimedBy(claim), firstSent(time.Second)}
	again := []func(*decide.Send){claimedBy(claim), firstSent(9 * time.Minute), priorSent(9 * time.Minute)}
	cases := []struct {
		name   string
		effect []func(*decide.Send)
		result decide.Result
		task   decide.TaskState
		alerts string
		claim  decide.Claim  // of the effect that is left
		sent   time.Duration // ago, of the effect that is left
		wait   string        // the effect may be claimed after that time of day
	}{
		{"sent, it runs", first, with(done), decide.TaskRunning, "", decide.Claim{}, 0, ""},
		{"sent under a claim that is somebody else's by now, it runs", first, theirs(done), decide.TaskRunning, "", decide.Claim{}, 0, ""},
		{"refused for good, it ends with an alert", first, with(invalid), decide.TaskInvalid, "task-invalid", decide.Claim{}, 0, ""},
		{"of unknown outcome, it stays claimed until the claim ends", first, with(unknown), decide.TaskReleasing, "", claim, time.Second, ""},
		{"throttled at the first try, it was never sent, and waits for the next minute", first, with(throttled), decide.TaskReleasing, "", decide.Claim{}, 0, "05:07:00 05:07:15"},
		{"throttled at a later try, it may have been sent as before", again, with(throttled), decide.TaskReleasing, "", decide.Claim{}, 9 * time.Minute, "05:07:00 05:07:15"},
		{"throttled after a try of unknown outcome, it may have been sent", first, maybe(with(throttled)), decide.TaskReleasing, "", decide.Claim{}, time.Second, "05:07:00 05:07:15"},
		{"beyond the quota, it waits for the next day in China", first, with(quota), decide.TaskReleasing, "", decide.Claim{}, 0, "16:00:00 16:10:00"},
		{"not sent, it waits up to a minute", first, with(notSent), decide.TaskReleasing, "", decide.Claim{}, 0, "05:06:37 05:07:07"},
		{"denied, it alone waits, with an alert", first, with(decide.ResultDenied), decide.TaskReleasing, "task-denied", decide.Claim{}, 0, "05:06:37 05:07:07"},
		{"not sent under a claim that is somebody else's by now, it is theirs", first, theirs(notSent), decide.TaskReleasing, "", claim, time.Second, ""},
		{"given up under a claim that is somebody else's by now, it is theirs", again, theirs(givenUp), decide.TaskReleasing, "", claim, 9 * time.Minute, ""},
		{"given up, it ends with an alert", again, with(givenUp), decide.TaskFailed, "outcome-unknown", decide.Claim{}, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := state(decide.BootBootable, task("a", releasing), effect("a", c.effect...))
			d := must(t, s, results(c.result), decide.Facts{}, policy())
			got := d.Next.Tasks[id("a")].State
			if e := endedAs(d, "a"); e != "" {
				got = e
			}
			if got != c.task || alerts(d) != c.alerts {
				t.Errorf("task is %s with alerts %q, want %s and %q", got, alerts(d), c.task, c.alerts)
			}
			e, left := d.Next.Sends[effectOf(id("a"))]
			if left != (c.task == decide.TaskReleasing) {
				t.Fatalf("effect left: %v, and the task is %s", left, c.task)
			}
			if !left {
				return
			}
			var sent time.Time
			if c.sent > 0 {
				sent = now.Add(-c.sent)
			}
			if e.Claim != c.claim || !e.FirstSent.Equal(sent) {
				t.Errorf("effect claimed by %v, first sent %s; want %v, %s", e.Claim, e.FirstSent, c.claim, sent)
			}
			from, to, ok := strings.Cut(c.wait, " ")
			until := decide.Later(e.NotBefore, d.Next.Instance.HeldUntil)
			if at := until.Format(time.TimeOnly); ok && (at < from || at > to) || !ok && !until.IsZero() {
				t.Errorf("it waits until %s, want from %s to %s", until, from, to)
			}
		})
	}
	for name, s := range map[string]decide.State{
		"does not come back":                               state(decide.BootBootable),
		"does not move another invocation's task":          state(decide.BootBootable, task("a", running("t-9"))),
		"does not move a task that waits for its next one": state(decide.BootWaiting, task("a", func(t *decide.Task) { t.Attempt = 2 })),
	} {
		t.Run("an effect that an end has removed "+name, func(t *testing.T) {
			d := must(t, s, results(with(done), with(throttled), with(invalid), with(givenUp)), decide.Facts{}, policy())
			if !d.Changes.Empty() {
				t.Errorf("changes %+v, want none", d.Changes)
			}
		})
	}
	t.Run("a running task's end is asked for after its timeout and a margin", func(t *testing.T) {
		s := state(decide.BootBootable, task("a", releasing, func(t *decide.Task) { t.Command.Run.Timeout = command.Duration(time.Hour) }),
			effect("a", first...))
		d := must(t, s, results(with(done)), decide.Facts{}, policy())
		got := d.Next.Tasks[id("a")]
		if want := now.Add(time.Hour + 3*time.Minute); !got.Deadline.Equal(want) || got.InvokeID != "t-a" || !d.WakeBy.Equal(want) {
			t.Errorf("task %+v, woken by %s; want a deadline and a wake-up at %s", got, d.WakeBy, want)
		}
	})
}

func TestResultsOfStops(t *testing.T) {
	stop := decide.Send{Key: "stop", Kind: decide.SendStop, TaskID: id("a"), Attempt: 1, Tries: 1, Claim: claim}
	for _, c := range []struct {
		kind decide.ResultKind
		left bool
	}{
		{decide.ResultDone, false},
		{decide.ResultNotSent, true},
		{decide.ResultUnknown, true},
		{decide.ResultThrottled, true},
		// The service may not know an invocation yet that it has just accepted.
		{decide.ResultInvalid, true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s := state(decide.BootBootable, task("a", running("t-a"), cancelled))
			s.Sends["stop"] = stop
			d := must(t, s, results(decide.Result{Key: "stop", Commit: claim.Commit, Kind: c.kind}), decide.Facts{}, policy())
			e, left := d.Next.Sends["stop"]
			if left != c.left || left && (e.Claim.Commit != "" || !e.NotBefore.After(now)) {
				t.Errorf("effect left: %v, %+v; want %v, to be tried later", left, e, c.left)
			}
		})
	}
	t.Run("the task's end ends the tries", func(t *testing.T) {
		s := state(decide.BootBootable)
		task("a", running("t-a"))(&s)
		d := must(t, s, decide.Cancel{Key: id("c"), TaskID: id("a")}, decide.Facts{}, policy())
		d = must(t, d.Next, ended("t-a", "a", event.StatusTerminated, ""), decide.Facts{}, policy())
		if len(d.Next.Sends) > 0 || endedAs(d, "a") != decide.TaskTerminated {
			t.Errorf("effects %v are left, task ended as %q; want none, and terminated", d.Next.Sends, endedAs(d, "a"))
		}
	})
}

// (decide rule 52)
func TestResultsOfAlerts(t *testing.T) {
	alert := func(tries int, age time.Duration) decide.State {
		s := state(decide.BootBootable)
		m := decide.Message{
			Key: "alert", Rev: 4, Kind: decide.MessageAlert, Alert: &decide.Alert{Fingerprint: "f"}, Tries: tries, Claim: claim, PlannedAt: now.Add(-age),
		}
		s.Messages[m.Row()] = m
		return s
	}
	delivery := func(err string) decide.Results {
		return decide.Results{Deliveries: []decide.Delivery{{Row: "alert/4", Commit: claim.Commit, Err: err}}}
	}
	for tries, most := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 5: 16 * time.Minute, 7: time.Hour, 40: time.Hour} {
		d := must(t, alert(tries, time.Minute), delivery("why"), decide.Facts{}, policy())
		m := d.Next.Messages["alert/4"]
		if wait := m.NotBefore.Sub(now); wait < most/2 || wait > most || m.Claim.Commit != "" || m.Tries != tries {
			t.Errorf("after %d tries: %+v, want it tried again after %s at most", tries, m, most)
		}
	}
	t.Run("a refusal for its rate is no try", func(t *testing.T) {
		in := delivery("too many")
		in.Deliveries[0].Paced = true
		d := must(t, alert(3, 48*time.Hour), in, decide.Facts{}, policy())
		if m := d.Next.Messages["alert/4"]; m.Tries != 2 || !m.NotBefore.After(now) {
			t.Errorf("message %+v, want it tried later, with two tries", m)
		}
	})
	t.Run("nothing is given up within a day", func(t *testing.T) {
		d := must(t, alert(400, 24*time.Hour-time.Second), delivery("why"), decide.Facts{}, policy())
		if len(d.Next.Messages) != 1 {
			t.Errorf("it was given up: %v", d.Notes)
		}
		d = must(t, alert(2, 24*time.Hour), delivery("why"), decide.Facts{}, policy())
		if len(d.Next.Messages) > 0 || len(d.Changes.Lost) != 1 {
			t.Errorf("after a day: messages %v, lost %v; want it given up and on record", d.Next.Messages, d.Changes.Lost)
		}
	})
	t.Run("delivered after a day", func(t *testing.T) {
		d := must(t, alert(24, 24*time.Hour), delivery(""), decide.Facts{}, policy())
		if len(d.Next.Messages) > 0 || len(d.Changes.Lost) != 0 {
			t.Errorf("messages %v, lost %v; want none", d.Next.Messages, d.Changes.Lost)
		}
	})
	t.Run("a failure under a claim that is somebody else's by now is theirs", func(t *testing.T) {
		in := delivery("why")
		in.Deliveries[0].Commit = stale.Commit
		if d := must(t, alert(1, time.Minute), in, decide.Facts{}, policy()); !d.Changes.Empty() {
			t.Errorf("changes %+v, want none", d.Changes)
		}
	})
}
