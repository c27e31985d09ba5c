package remediation_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/remediation"
)

func TestResultsOfCommands(t *testing.T) {
	const done, invalid, throttled, quota = remediation.ResultDone, remediation.ResultInvalid, remediation.ResultThrottled, remediation.ResultQuota
	const notSent, unknown, givenUp = remediation.ResultNotSent, remediation.ResultUnknown, remediation.ResultGivenUp
	maybe := func(r remediation.Result) remediation.Result { r.MaybeSent = true; return r }
	mine := result("a", claim, notSent)
	with := func(kind remediation.ResultKind) remediation.Result { r := mine; r.Kind = kind; return r }
	theirs := func(kind remediation.ResultKind) remediation.Result { return result("a", stale, kind) }
	first := []func(*remediation.Effect){claimedBy(claim), firstSent(time.Second)}
	again := []func(*remediation.Effect){claimedBy(claim), firstSent(9 * time.Minute), priorSent(9 * time.Minute)}
	cases := []struct {
		name   string
		effect []func(*remediation.Effect)
		result remediation.Result
		task   remediation.TaskState
		alerts string
		claim  remediation.Claim // of the effect that is left
		sent   time.Duration     // ago, of the effect that is left
		wait   string            // the effect may be claimed after that time of day
	}{
		{"sent, it runs", first, with(done), remediation.TaskRunning, "", remediation.Claim{}, 0, ""},
		{"sent under a claim that is somebody else's by now, it runs", first, theirs(done), remediation.TaskRunning, "", remediation.Claim{}, 0, ""},
		{"refused for good, it ends with an alert", first, with(invalid), remediation.TaskInvalid, "task-invalid", remediation.Claim{}, 0, ""},
		{"of unknown outcome, it stays claimed until the claim ends", first, with(unknown), remediation.TaskReleasing, "", claim, time.Second, ""},
		{"throttled at the first try, it was never sent, and waits for the next minute", first, with(throttled), remediation.TaskReleasing, "", remediation.Claim{}, 0, "05:07:00 05:07:15"},
		{"throttled at a later try, it may have been sent as before", again, with(throttled), remediation.TaskReleasing, "", remediation.Claim{}, 9 * time.Minute, "05:07:00 05:07:15"},
		{"throttled after a try of unknown outcome, it may have been sent", first, maybe(with(throttled)), remediation.TaskReleasing, "", remediation.Claim{}, time.Second, "05:07:00 05:07:15"},
		{"beyond the quota, it waits for the next day in China", first, with(quota), remediation.TaskReleasing, "", remediation.Claim{}, 0, "16:00:00 16:10:00"},
		{"not sent, it waits a minute", first, with(notSent), remediation.TaskReleasing, "", remediation.Claim{}, 0, "05:07:07 05:07:07"},
		{"not sent under a claim that is somebody else's by now, it is theirs", first, theirs(notSent), remediation.TaskReleasing, "", claim, time.Second, ""},
		{"given up under a claim that is somebody else's by now, it is theirs", again, theirs(givenUp), remediation.TaskReleasing, "", claim, 9 * time.Minute, ""},
		{"given up, it ends with an alert", again, with(givenUp), remediation.TaskFailed, "outcome-unknown", remediation.Claim{}, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := state(remediation.BootBootable, task("a", releasing), effect("a", c.effect...))
			d := decide(t, s, results(c.result), remediation.Facts{}, policy())
			got := d.Next.Tasks[id("a")].State
			if e := endedAs(d, "a"); e != "" {
				got = e
			}
			if got != c.task || alerts(d) != c.alerts {
				t.Errorf("task is %s with alerts %q, want %s and %q", got, alerts(d), c.task, c.alerts)
			}
			e, left := d.Next.Effects[effectOf(id("a"))]
			if left != (c.task == remediation.TaskReleasing) {
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
			if at := e.NotBefore.Format(time.TimeOnly); ok && (at < from || at > to) || !ok && !e.NotBefore.IsZero() {
				t.Errorf("the effect waits until %s, want from %s to %s", e.NotBefore, from, to)
			}
		})
	}
	for name, s := range map[string]remediation.State{
		"does not come back":                               state(remediation.BootBootable),
		"does not move another invocation's task":          state(remediation.BootBootable, task("a", running("t-9"))),
		"does not move a task that waits for its next one": state(remediation.BootWaiting, task("a", func(t *remediation.Task) { t.Attempt = 2 })),
	} {
		t.Run("an effect that an end has removed "+name, func(t *testing.T) {
			d := decide(t, s, results(with(done), with(throttled), with(invalid), with(givenUp)), remediation.Facts{}, policy())
			if !d.Changes.Empty() {
				t.Errorf("changes %+v, want none", d.Changes)
			}
		})
	}
	t.Run("a running task's end is asked for after its timeout and a margin", func(t *testing.T) {
		s := state(remediation.BootBootable, task("a", releasing, func(t *remediation.Task) { t.Command.Run.Timeout = command.Duration(time.Hour) }),
			effect("a", first...))
		d := decide(t, s, results(with(done)), remediation.Facts{}, policy())
		got := d.Next.Tasks[id("a")]
		if want := now.Add(time.Hour + 3*time.Minute); !got.Deadline.Equal(want) || got.InvokeID != "t-a" || !d.WakeBy.Equal(want) {
			t.Errorf("task %+v, woken by %s; want a deadline and a wake-up at %s", got, d.WakeBy, want)
		}
	})
}

func TestResultsOfStops(t *testing.T) {
	stop := remediation.Effect{Key: "stop", Kind: remediation.EffectStop, TaskID: id("a"), Attempt: 1, Tries: 1, Claim: claim}
	for _, c := range []struct {
		kind remediation.ResultKind
		left bool
	}{
		{remediation.ResultDone, false},
		{remediation.ResultNotSent, true},
		{remediation.ResultUnknown, true},
		{remediation.ResultThrottled, true},
		// The service may not know an invocation yet that it has just accepted.
		{remediation.ResultInvalid, true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s := state(remediation.BootBootable, task("a", running("t-a"), cancelled))
			s.Effects["stop"] = stop
			d := decide(t, s, results(remediation.Result{Key: "stop", Commit: claim.Commit, Kind: c.kind}), remediation.Facts{}, policy())
			e, left := d.Next.Effects["stop"]
			if left != c.left || left && (e.Claim.Commit != "" || !e.NotBefore.After(now)) {
				t.Errorf("effect left: %v, %+v; want %v, to be tried later", left, e, c.left)
			}
		})
	}
	t.Run("the task's end ends the tries", func(t *testing.T) {
		s := state(remediation.BootBootable)
		task("a", running("t-a"))(&s)
		d := decide(t, s, remediation.Cancel{Key: id("c"), TaskID: id("a")}, remediation.Facts{}, policy())
		d = decide(t, d.Next, ended("t-a", "a", event.StatusTerminated, ""), remediation.Facts{}, policy())
		if len(d.Next.Effects) > 0 || endedAs(d, "a") != remediation.TaskTerminated {
			t.Errorf("effects %v are left, task ended as %q; want none, and terminated", d.Next.Effects, endedAs(d, "a"))
		}
	})
}

func TestResultsOfAlerts(t *testing.T) {
	alert := func(tries int) remediation.State {
		s := state(remediation.BootBootable)
		s.Effects["alert"] = remediation.Effect{
			Key: "alert", Kind: remediation.EffectAlert, Alert: &remediation.Alert{Fingerprint: "f"}, Attempt: 1, Tries: tries, Claim: claim,
		}
		return s
	}
	failed := results(remediation.Result{Key: "alert", Commit: claim.Commit, Kind: remediation.ResultNotSent})
	for tries, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 5: 16 * time.Minute, 7: time.Hour, 23: time.Hour} {
		d := decide(t, alert(tries), failed, remediation.Facts{}, policy())
		if e := d.Next.Effects["alert"]; !e.NotBefore.Equal(now.Add(want)) || e.Claim.Commit != "" {
			t.Errorf("after %d tries: %+v, want it tried again after %s", tries, e, want)
		}
	}
	d := decide(t, alert(24), failed, remediation.Facts{}, policy())
	if len(d.Next.Effects) > 0 || len(d.Changes.LostAlerts) != 1 {
		t.Errorf("after 24 tries: effects %v, lost alerts %v; want it given up and on record", d.Next.Effects, d.Changes.LostAlerts)
	}
	d = decide(t, alert(24), results(remediation.Result{Key: "alert", Commit: claim.Commit, Kind: remediation.ResultDone}), remediation.Facts{}, policy())
	if len(d.Next.Effects) > 0 || len(d.Changes.LostAlerts) != 0 {
		t.Errorf("delivered at the last try: effects %v, lost alerts %v; want none", d.Next.Effects, d.Changes.LostAlerts)
	}
}
