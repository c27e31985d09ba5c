package remediation_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/remediation"
)

// ended is the end, now, of a task's command.
func ended(invokeID, short string, status event.Status, code string) remediation.Ended {
	ev := event.TaskCompleted{
		Envelope:   event.Envelope{ID: "e-" + invokeID, Source: "acs.ecs", Kind: event.KindTaskCompleted, Time: now, Region: "cn-hangzhou"},
		InstanceID: "i-1", InvokeID: invokeID, CommandID: "c-" + invokeID, CommandName: "a stranger's",
		Status: status, ErrorCode: code, RepeatMode: "Once", StartTime: now.Add(-2 * time.Second), FinishTime: now.Add(-time.Second),
	}
	if short != "" {
		ev.CommandName = command.OnWire(short, id(short))
	}
	return remediation.Ended{Event: ev, Received: now, Source: remediation.SourceEvent}
}

func TestAnEndMovesItsTask(t *testing.T) {
	cases := []struct {
		name   string
		state  remediation.State
		in     remediation.Ended
		ended  remediation.TaskState // empty: it waits again, or lives on
		alerts string
	}{
		{"a success ends it as succeeded", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusSuccess, ""), remediation.TaskSucceeded, ""},
		{"a failure ends it as failed, with an alert", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusFailed, "ExitCodeNonzero"), remediation.TaskFailed, "execution"},
		{"a timeout ends it as timed out, with an alert", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusTimeout, "ExecutionTimeout"), remediation.TaskTimedOut, "execution"},
		{"a cancellation ends it without an alert", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusCancelled, ""), remediation.TaskCancelled, ""},
		{"a termination ends it without an alert", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusTerminated, ""), remediation.TaskTerminated, ""},
		{"an invalid command ends it as invalid", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusInvalid, "BadCronExpression"), remediation.TaskInvalid, ""},
		{"a word that nobody knows is a failure, with an alert", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", "Error", ""), remediation.TaskFailed, "execution"},
		{"an abort after the script may have run ends it", state(remediation.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusAborted, "ClientRestarted"), remediation.TaskAborted, "execution"},
		{"an end that comes before its invoke id is stored finds it by its marker",
			state(remediation.BootBootable, task("a", releasing), effect("a", claimedBy(held), firstSent(time.Second))),
			ended("t-1", "a", event.StatusSuccess, ""), remediation.TaskSucceeded, ""},
		{"an end of another invoke id than the stored one is a stranger's, whatever its marker",
			state(remediation.BootBootable, task("a", running("t-9"))),
			ended("t-1", "a", event.StatusSuccess, ""), "", ""},
		{"an end cannot be that of a task that waits",
			state(remediation.BootWaiting, task("a")), ended("t-1", "a", event.StatusSuccess, ""), "", ""},
		{"a saved command's end finds it by its invoke id",
			state(remediation.BootBootable, task("a", saved, running("t-1"))),
			ended("t-1", "", event.StatusSuccess, ""), remediation.TaskSucceeded, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := decide(t, c.state, c.in, remediation.Facts{}, policy())
			if endedAs(d, "a") != c.ended || alerts(d) != c.alerts {
				t.Errorf("ended as %q with alerts %q, want %q and %q", endedAs(d, "a"), alerts(d), c.ended, c.alerts)
			}
			if _, lives := d.Next.Tasks[id("a")]; lives != (c.ended == "") {
				t.Errorf("task lives on: %v", lives)
			}
			x := d.Changes.Execution
			if x == nil || x.Event.InvokeID != "t-1" || d.Once != "exec/t-1/once" || x.TaskID == "" && c.ended != "" {
				t.Errorf("execution %+v, once %q, want it on record with its task", x, d.Once)
			}
			for _, ended := range d.Changes.EndedTasks {
				if ended.Command != (command.Command{}) || ended.EffectKey != "" {
					t.Errorf("ended task %+v, want it without its command", ended)
				}
			}
			for key, e := range d.Next.Effects {
				if e.TaskID == id("a") && c.ended != "" {
					t.Errorf("effect %s of the ended task is left", key)
				}
			}
		})
	}
	t.Run("a stranger's end changes no live row, and needs no guard", func(t *testing.T) {
		d := decide(t, state(remediation.BootBootable, task("a", running("t-9"))), ended("t-1", "", event.StatusSuccess, ""), remediation.Facts{}, policy())
		if d.Changes.Instance != nil || d.Changes.Execution == nil {
			t.Errorf("changes %+v, want the execution only", d.Changes)
		}
	})
	t.Run("an end from longer ago than half the table's time to live is recorded, and starts nothing", func(t *testing.T) {
		p := policy()
		p.Flows = manyFlows(1, 1)
		in := ended("t-1", "", event.StatusFailed, "ExitCodeNonzero")
		in.Event.FinishTime = now.Add(-p.TableTTL/2 - time.Second)
		if d := decide(t, state(remediation.BootBootable), in, remediation.Facts{}, p); d.Changes.Instance != nil || d.Changes.Execution == nil {
			t.Errorf("changes %+v, want the execution only", d.Changes)
		}
		in.Event.FinishTime = now.Add(-p.TableTTL/2 + time.Second)
		if d := decide(t, state(remediation.BootBootable), in, remediation.Facts{}, p); len(d.Next.Runs) != 1 || alerts(d) != "execution" {
			t.Errorf("runs %v, alerts %q, want one of each for an end within the time", d.Next.Runs, alerts(d))
		}
	})
}

func TestAScriptThatNeverStartedIsQueuedAgain(t *testing.T) {
	absent := func(short string) remediation.Ended {
		return ended("t-1", short, event.StatusAborted, "DeliveryTimeout")
	}
	attempt := func(n int) func(*remediation.Task) { return func(t *remediation.Task) { t.Attempt = n } }
	for _, code := range []string{
		"DeliveryTimeout", "ClientNotRunning", "ClientNotOnline", "ClientIsUpgrading", "InstanceNotRunning", "TaskConcurrencyLimit",
	} {
		t.Run(code, func(t *testing.T) {
			in := absent("a")
			in.Event.ErrorCode = code
			s := state(remediation.BootBootable, task("a", running("t-1")), task("b"))
			d := decide(t, s, in, remediation.Facts{}, policy())
			a, i := d.Next.Tasks[id("a")], d.Next.Instance
			if a.State != remediation.TaskQueued || a.Attempt != 2 || a.InvokeID != "" || a.Command.Run == nil || a.Status != "" || a.ErrorCode != "" {
				t.Errorf("task %+v, want it queued whole in attempt 2, and nothing of how attempt 1 ended", a)
			}
			if i.Boot != remediation.BootUnknown || claimedTasks(d) != "" {
				t.Errorf("boot %q, claimed %q, want an unknown state and nothing released", i.Boot, claimedTasks(d))
			}
			if want := now.Add(2 * time.Minute); !i.CheckAt.Equal(want) {
				t.Errorf("the agent is asked at %s, want %s", i.CheckAt, want)
			}
			if len(d.Claimed) != 1 || !d.Claimed[0].Alert.Requeued || !strings.Contains(d.Claimed[0].Alert.Summary, "queued again (attempt 2 of 3)") {
				t.Errorf("claimed %+v, want an alert that says that it was queued again", d.Claimed)
			}
		})
	}
	cases := []struct {
		name  string
		state remediation.State
		in    remediation.Ended
		ended remediation.TaskState
		boot  remediation.BootState
		sent  string
	}{
		{"not after the third attempt", state(remediation.BootBootable, task("a", running("t-1"), attempt(3))), absent("a"),
			remediation.TaskAborted, remediation.BootUnknown, ""},
		{"not if it was to be stopped", state(remediation.BootBootable, task("a", running("t-1"), cancelled)), absent("a"),
			remediation.TaskAborted, remediation.BootUnknown, ""},
		{"not if it is a stranger's", state(remediation.BootBootable), absent(""),
			"", remediation.BootBootable, ""},
		{"and sent at once, if the instance has booted since", func() remediation.State {
			s := state(remediation.BootBootable, task("a", running("t-1")))
			s.Instance.BootSince = now
			return s
		}(), absent("a"), "", remediation.BootBootable, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := decide(t, c.state, c.in, remediation.Facts{}, policy())
			if endedAs(d, "a") != c.ended || d.Next.Instance.Boot != c.boot || claimedTasks(d) != c.sent {
				t.Errorf("ended as %q, boot %q, claimed %q; want %q, %q, %q",
					endedAs(d, "a"), d.Next.Instance.Boot, claimedTasks(d), c.ended, c.boot, c.sent)
			}
		})
	}
	t.Run("with another token than before", func(t *testing.T) {
		d := decide(t, state(remediation.BootBootable, task("a")), remediation.WakeUp{}, remediation.Facts{}, policy())
		first := d.Claimed[0].Key
		d = decide(t, d.Next, absent("a"), remediation.Facts{}, policy())
		d = decide(t, d.Next, beat(0, time.Second), remediation.Facts{}, policy())
		var second string
		for _, e := range d.Claimed {
			if e.Kind == remediation.EffectRun {
				second = e.Key
			}
		}
		if len(first) != 32 || len(second) != 32 || first == second {
			t.Errorf("tokens %q and %q, want two of 32 characters", first, second)
		}
	})
}

func TestASavedCommandsEndFindsItsTask(t *testing.T) {
	waiting := state(remediation.BootBootable, task("a", saved, releasing), effect("a", claimedBy(held), firstSent(time.Second)))
	end := ended("t-1", "", event.StatusSuccess, "")
	end.Event.CommandID = savedCommand
	key := effectOf(id("a"))
	tagged := func(token string) remediation.Facts {
		return remediation.Facts{Invocations: map[string]*remediation.Invocation{"t-1": {InvokeID: "t-1", Token: token}}}
	}
	cases := []struct {
		name      string
		state     remediation.State
		in        remediation.Ended
		facts     remediation.Facts
		asked     bool
		ended     remediation.TaskState
		unmatched int
	}{
		{"by the tag that its invocation bears", waiting, end, tagged(key), true, remediation.TaskSucceeded, 0},
		{"not if its invocation bears another's tag", waiting, end, tagged("other"), true, "", 0},
		{"not if its invocation bears no tag", waiting, end, tagged(""), true, "", 0},
		{"later, if nobody knows the invocation yet", waiting, end, remediation.Facts{Invocations: map[string]*remediation.Invocation{"t-1": nil}}, true, "", 1},
		{"later, if nobody answers", waiting, end, remediation.Facts{}, true, "", 1},
		{"not if it is the end of another command", waiting, ended("t-1", "", event.StatusSuccess, ""), remediation.Facts{}, false, "", 0},
		{"not if it is one of a schedule", waiting, func() remediation.Ended {
			e := end
			e.Event.RepeatMode = "Period"
			return e
		}(), remediation.Facts{}, false, "", 0},
		{"not if no try of it can have reached the service", state(remediation.BootBootable, task("a", saved, releasing), effect("a", notBefore(time.Minute))),
			end, remediation.Facts{}, false, "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := len(remediation.Ask(c.state, c.in, policy(), now).Invocations) == 1; got != c.asked {
				t.Errorf("asked about the invocation: %v, want %v", got, c.asked)
			}
			d := decide(t, c.state, c.in, c.facts, policy())
			if endedAs(d, "a") != c.ended || len(d.Next.Unmatched) != c.unmatched || d.Changes.Execution == nil {
				t.Errorf("ended as %q, %d unmatched, execution %+v; want %q, %d, and a record",
					endedAs(d, "a"), len(d.Next.Unmatched), d.Changes.Execution, c.ended, c.unmatched)
			}
		})
	}
	unmatched := decide(t, waiting, end, remediation.Facts{}, policy()).Next
	t.Run("when the result has its invoke id", func(t *testing.T) {
		d := decide(t, unmatched, results(remediation.Result{Key: key, Commit: held.Commit, Kind: remediation.ResultDone, InvokeID: "t-1"}), remediation.Facts{}, policy())
		if endedAs(d, "a") != remediation.TaskSucceeded || len(d.Next.Unmatched)+len(d.Next.Effects) > 0 {
			t.Errorf("ended as %q, state %+v, want it ended and nothing left", endedAs(d, "a"), d.Next)
		}
	})
	t.Run("and is a stranger's when the result has another invoke id", func(t *testing.T) {
		p := policy()
		p.Flows = manyFlows(1, 1)
		d := decide(t, unmatched, results(remediation.Result{Key: key, Commit: held.Commit, Kind: remediation.ResultDone, InvokeID: "t-2"}), remediation.Facts{}, p)
		if endedAs(d, "a") != "" || len(d.Next.Unmatched) > 0 || len(d.Next.Runs) != 1 {
			t.Errorf("ended as %q, unmatched %v, runs %v; want the task running, and the flow that a stranger's end starts",
				endedAs(d, "a"), d.Next.Unmatched, d.Next.Runs)
		}
	})
	t.Run("and is a stranger's after an hour", func(t *testing.T) {
		late := unmatched
		u := late.Unmatched["t-1"]
		u.Received = now.Add(-time.Hour)
		late.Unmatched = map[string]remediation.Unmatched{"t-1": u}
		d := decide(t, late, remediation.WakeUp{}, remediation.Facts{}, policy())
		if len(d.Next.Unmatched) > 0 || endedAs(d, "a") != "" {
			t.Errorf("unmatched %v, ended as %q, want none and not", d.Next.Unmatched, endedAs(d, "a"))
		}
	})
	t.Run("and a wake-up comes for it within the hour", func(t *testing.T) {
		d := decide(t, unmatched, remediation.WakeUp{}, remediation.Facts{}, policy())
		if d.WakeBy.IsZero() || d.WakeBy.After(now.Add(time.Hour)) {
			t.Errorf("woken by %s", d.WakeBy)
		}
	})
}

func TestAnEndThatNoEventReportsIsAskedFor(t *testing.T) {
	due := func(t *remediation.Task) { t.Deadline = now }
	s := state(remediation.BootBootable, task("a", running("t-1"), due), task("b", running("t-2")))
	if q := remediation.Ask(s, remediation.WakeUp{}, policy(), now); len(q.Invocations) != 1 || q.Invocations[0] != "t-1" {
		t.Fatalf("asked about %v, want t-1 only", q.Invocations)
	}
	facts := func(i *remediation.Invocation) remediation.Facts {
		return remediation.Facts{Invocations: map[string]*remediation.Invocation{"t-1": i}}
	}
	t.Run("still running, it is asked for again later", func(t *testing.T) {
		d := decide(t, s, remediation.WakeUp{}, facts(&remediation.Invocation{InvokeID: "t-1", Status: "Running"}), policy())
		if a := d.Next.Tasks[id("a")]; !a.Deadline.Equal(now.Add(3 * time.Minute)) {
			t.Errorf("task %+v, want its end asked for in three minutes", a)
		}
	})
	t.Run("not known any more, it ends with an alert", func(t *testing.T) {
		d := decide(t, s, remediation.WakeUp{}, facts(nil), policy())
		if endedAs(d, "a") != remediation.TaskFailed || alerts(d) != "outcome-unknown" || endedAs(d, "b") != "" {
			t.Errorf("ended as %q, alerts %q", endedAs(d, "a"), alerts(d))
		}
	})
	t.Run("without an answer, nothing changes", func(t *testing.T) {
		if d := decide(t, s, remediation.WakeUp{}, remediation.Facts{}, policy()); !d.Changes.Empty() || !d.WakeBy.Equal(now) {
			t.Errorf("changes %+v, woken by %s, want none, and now", d.Changes, d.WakeBy)
		}
	})
}
