package engine_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// ended is the end, now, of a task's command.
func ended(invokeID, short string, status event.Status, code string) decide.Ended {
	ev := event.TaskCompleted{
		Envelope:   event.Envelope{ID: "e-" + invokeID, Source: "acs.ecs", Kind: event.KindTaskCompleted, Time: now, Region: "cn-hangzhou"},
		InstanceID: "i-1", InvokeID: invokeID, CommandID: "c-" + invokeID, CommandName: "a stranger's",
		Status: status, ErrorCode: code, RepeatMode: "Once", StartTime: now.Add(-2 * time.Second), FinishTime: now.Add(-time.Second),
	}
	if short != "" {
		ev.CommandName = command.OnWire(short, id(short))
	}
	return decide.Ended{Event: ev, Received: now, Source: decide.SourceEvent}
}

// (decide rules 4, 60, 61, 64, 71)
func TestAnEndMovesItsTask(t *testing.T) {
	cases := []struct {
		name   string
		state  decide.State
		in     decide.Ended
		ended  decide.TaskState // empty: it waits again, or lives on
		alerts string
	}{
		{"a success ends it as succeeded", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusSuccess, ""), decide.TaskSucceeded, ""},
		{"a failure ends it as failed, with an alert", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusFailed, "ExitCodeNonzero"), decide.TaskFailed, "execution"},
		{"a timeout ends it as timed out, with an alert", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusTimeout, "ExecutionTimeout"), decide.TaskTimedOut, "execution"},
		{"a cancellation ends it without an alert", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusCancelled, ""), decide.TaskCancelled, ""},
		{"a termination ends it without an alert", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusTerminated, ""), decide.TaskTerminated, ""},
		{"an invalid command ends it as invalid", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusInvalid, "BadCronExpression"), decide.TaskInvalid, ""},
		{"a word that nobody knows is a failure, with an alert", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", "Error", ""), decide.TaskFailed, "execution"},
		{"an abort after the script may have run ends it", state(decide.BootBootable, task("a", running("t-1"))),
			ended("t-1", "a", event.StatusAborted, "ClientRestarted"), decide.TaskAborted, "execution"},
		{"an end that comes before its invoke id is stored finds it by its marker",
			state(decide.BootBootable, task("a", releasing), effect("a", claimedBy(held), firstSent(time.Second))),
			ended("t-1", "a", event.StatusSuccess, ""), decide.TaskSucceeded, ""},
		{"an end of another invoke id than the stored one is a stranger's, whatever its marker",
			state(decide.BootBootable, task("a", running("t-9"))),
			ended("t-1", "a", event.StatusSuccess, ""), "", ""},
		{"an end cannot be that of a task that waits",
			state(decide.BootWaiting, task("a")), ended("t-1", "a", event.StatusSuccess, ""), "", ""},
		{"a saved command's end finds it by its invoke id",
			state(decide.BootBootable, task("a", saved, running("t-1"))),
			ended("t-1", "", event.StatusSuccess, ""), decide.TaskSucceeded, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(t, c.state, c.in, decide.Facts{}, policy())
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
				if ended.Command != (command.Command{}) || ended.SendKey != "" {
					t.Errorf("ended task %+v, want it without its command", ended)
				}
			}
			for key, e := range d.Next.Sends {
				if e.TaskID == id("a") && c.ended != "" {
					t.Errorf("effect %s of the ended task is left", key)
				}
			}
		})
	}
	t.Run("a stranger's end changes no live row, and needs no guard", func(t *testing.T) {
		d := must(t, state(decide.BootBootable, task("a", running("t-9"))), ended("t-1", "", event.StatusSuccess, ""), decide.Facts{}, policy())
		if d.Changes.Instance != nil || d.Changes.Execution == nil {
			t.Errorf("changes %+v, want the execution only", d.Changes)
		}
	})
	t.Run("an end from longer ago than half the table's time to live is recorded, and starts nothing", func(t *testing.T) {
		p := policy()
		p.Flows = manyFlows(1, 1)
		in := ended("t-1", "", event.StatusFailed, "ExitCodeNonzero")
		in.Event.FinishTime = now.Add(-p.TableTTL/2 - time.Second)
		if d := must(t, state(decide.BootBootable), in, decide.Facts{}, p); d.Changes.Instance != nil || d.Changes.Execution == nil {
			t.Errorf("changes %+v, want the execution only", d.Changes)
		}
		in.Event.FinishTime = now.Add(-p.TableTTL/2 + time.Second)
		if d := must(t, state(decide.BootBootable), in, decide.Facts{}, p); len(d.Next.Runs) != 1 || alerts(d) != "execution" {
			t.Errorf("runs %v, alerts %q, want one of each for an end within the time", d.Next.Runs, alerts(d))
		}
	})
}

// (decide rules 20, 65, 66)
func TestAScriptThatNeverStartedIsQueuedAgain(t *testing.T) {
	absent := func(short string) decide.Ended {
		return ended("t-1", short, event.StatusAborted, "DeliveryTimeout")
	}
	attempt := func(n int) func(*decide.Task) { return func(t *decide.Task) { t.Attempt = n } }
	for _, code := range []string{
		"DeliveryTimeout", "ClientNotRunning", "ClientNotOnline", "ClientIsUpgrading", "InstanceNotRunning",
	} {
		t.Run(code, func(t *testing.T) {
			in := absent("a")
			in.Event.ErrorCode = code
			s := state(decide.BootBootable, task("a", running("t-1")), task("b"))
			d := must(t, s, in, decide.Facts{}, policy())
			a, i := d.Next.Tasks[id("a")], d.Next.Instance
			if a.State != decide.TaskQueued || a.Attempt != 2 || a.InvokeID != "" || a.Command.Run == nil || a.Status != "" || a.ErrorCode != "" {
				t.Errorf("task %+v, want it queued whole in attempt 2, and nothing of how attempt 1 ended", a)
			}
			if i.Boot != decide.BootUnknown || claimedTasks(d) != "" {
				t.Errorf("boot %q, claimed %q, want an unknown state and nothing released", i.Boot, claimedTasks(d))
			}
			if want := now.Add(2 * time.Minute); !i.CheckAt.Equal(want) {
				t.Errorf("the agent is asked at %s, want %s", i.CheckAt, want)
			}
			if len(claims(d)) != 1 || !claims(d)[0].Alert.Requeued || !strings.Contains(claims(d)[0].Alert.Summary, "queued again (attempt 2 of 3)") {
				t.Errorf("claimed %+v, want an alert that says that it was queued again", claims(d))
			}
		})
	}
	cases := []struct {
		name  string
		state decide.State
		in    decide.Ended
		ended decide.TaskState
		boot  decide.BootState
		sent  string
	}{
		{"not after the third attempt", state(decide.BootBootable, task("a", running("t-1"), attempt(3))), absent("a"),
			decide.TaskAborted, decide.BootUnknown, ""},
		{"not if it was to be stopped", state(decide.BootBootable, task("a", running("t-1"), cancelled)), absent("a"),
			decide.TaskAborted, decide.BootUnknown, ""},
		{"not if it is a stranger's", state(decide.BootBootable), absent(""),
			"", decide.BootBootable, ""},
		{"and sent at once, if the instance has booted since", func() decide.State {
			s := state(decide.BootBootable, task("a", running("t-1")))
			s.Instance.BootSince = now
			return s
		}(), absent("a"), "", decide.BootBootable, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(t, c.state, c.in, decide.Facts{}, policy())
			if endedAs(d, "a") != c.ended || d.Next.Instance.Boot != c.boot || claimedTasks(d) != c.sent {
				t.Errorf("ended as %q, boot %q, claimed %q; want %q, %q, %q",
					endedAs(d, "a"), d.Next.Instance.Boot, claimedTasks(d), c.ended, c.boot, c.sent)
			}
		})
	}
	t.Run("without a doubt about the agent, and as often as it takes, if the instance runs too many tasks", func(t *testing.T) {
		d := decide.Decision{Next: state(decide.BootBootable, task("a", running("t-1")), task("b"), func(s *decide.State) {
			b := s.Tasks[id("b")]
			b.State, b.InvokeID, b.Deadline = decide.TaskRunning, "t-b", now.Add(time.Hour)
			s.Tasks[b.ID] = b
		})}
		keys := map[string]bool{}
		for n := range 10 {
			a := d.Next.Tasks[id("a")]
			a.State, a.InvokeID, a.SendKey = decide.TaskRunning, "t-1", ""
			d.Next.Tasks[a.ID] = a
			d.Next.Sends = map[string]decide.Send{}
			in := absent("a")
			in.Event.ErrorCode = "TaskConcurrencyLimit"
			d = must(t, d.Next, in, decide.Facts{}, policy())
			a, i := d.Next.Tasks[id("a")], d.Next.Instance
			if a.State != decide.TaskQueued || a.Attempt != n+2 || i.Boot != decide.BootBootable || claimedTasks(d) != "" || !i.HeldUntil.After(now) {
				t.Fatalf("end %d: task %+v, instance %+v, claimed %q; want it queued, and held back for a while", n, a, i, claimedTasks(d))
			}
			d = decideAt(t, i.HeldUntil, d.Next, decide.WakeUp{}, decide.Facts{}, policy())
			if claimedTasks(d) != "a" || keys[claims(d)[0].Key] {
				t.Fatalf("then claimed %q, want it sent again with another token", claimedTasks(d))
			}
			keys[claims(d)[0].Key] = true
			d.Next.Instance.HeldUntil = time.Time{}
		}
	})
	t.Run("with another token than before", func(t *testing.T) {
		d := must(t, state(decide.BootBootable, task("a")), decide.WakeUp{}, decide.Facts{}, policy())
		first := claims(d)[0].Key
		d = must(t, d.Next, absent("a"), decide.Facts{}, policy())
		d = must(t, d.Next, beat(0, time.Second), decide.Facts{}, policy())
		var second string
		for _, e := range claims(d) {
			if e.Kind == string(decide.SendRun) {
				second = e.Key
			}
		}
		if len(first) != 32 || len(second) != 32 || first == second {
			t.Errorf("tokens %q and %q, want two of 32 characters", first, second)
		}
	})
}

// (decide rule 62)
func TestASavedCommandsEndFindsItsTask(t *testing.T) {
	waiting := state(decide.BootBootable, task("a", saved, releasing), effect("a", claimedBy(held), firstSent(time.Second)))
	end := ended("t-1", "", event.StatusSuccess, "")
	end.Event.CommandID = savedCommand
	key := effectOf(id("a"))
	tagged := func(token string) decide.Facts {
		return decide.Facts{Invocations: map[string]*decide.Invocation{"t-1": {InvokeID: "t-1", Token: token}}}
	}
	cases := []struct {
		name      string
		state     decide.State
		in        decide.Ended
		facts     decide.Facts
		asked     bool
		ended     decide.TaskState
		unmatched int
	}{
		{"by the tag that its invocation bears", waiting, end, tagged(key), true, decide.TaskSucceeded, 0},
		{"not if its invocation bears another's tag", waiting, end, tagged("other"), true, "", 0},
		{"not if its invocation bears no tag", waiting, end, tagged(""), true, "", 0},
		{"later, if nobody knows the invocation yet", waiting, end, decide.Facts{Invocations: map[string]*decide.Invocation{"t-1": nil}}, true, "", 1},
		{"later, if nobody answers", waiting, end, decide.Facts{}, true, "", 1},
		{"not if it is the end of another command", waiting, ended("t-1", "", event.StatusSuccess, ""), decide.Facts{}, false, "", 0},
		{"not if it is one of a schedule", waiting, func() decide.Ended {
			e := end
			e.Event.RepeatMode = "Period"
			return e
		}(), decide.Facts{}, false, "", 0},
		{"not if no try of it can have reached the service", state(decide.BootBootable, task("a", saved, releasing), effect("a", notBefore(time.Minute))),
			end, decide.Facts{}, false, "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := len(needs(c.state, c.in).Invocations) == 1; got != c.asked {
				t.Errorf("asked about the invocation: %v, want %v", got, c.asked)
			}
			d := must(t, c.state, c.in, c.facts, policy())
			if endedAs(d, "a") != c.ended || len(d.Next.Unmatched) != c.unmatched || d.Changes.Execution == nil {
				t.Errorf("ended as %q, %d unmatched, execution %+v; want %q, %d, and a record",
					endedAs(d, "a"), len(d.Next.Unmatched), d.Changes.Execution, c.ended, c.unmatched)
			}
		})
	}
	unmatched := must(t, waiting, end, decide.Facts{}, policy()).Next
	t.Run("when the result has its invoke id", func(t *testing.T) {
		d := must(t, unmatched, results(decide.Result{Key: key, Commit: held.Commit, Kind: decide.ResultDone, InvokeID: "t-1"}), decide.Facts{}, policy())
		if endedAs(d, "a") != decide.TaskSucceeded || len(d.Next.Unmatched)+len(d.Next.Sends) > 0 {
			t.Errorf("ended as %q, state %+v, want it ended and nothing left", endedAs(d, "a"), d.Next)
		}
	})
	t.Run("and is a stranger's when the result has another invoke id", func(t *testing.T) {
		p := policy()
		p.Flows = manyFlows(1, 1)
		d := must(t, unmatched, results(decide.Result{Key: key, Commit: held.Commit, Kind: decide.ResultDone, InvokeID: "t-2"}), decide.Facts{}, p)
		if endedAs(d, "a") != "" || len(d.Next.Unmatched) > 0 || len(d.Next.Runs) != 1 {
			t.Errorf("ended as %q, unmatched %v, runs %v; want the task running, and the flow that a stranger's end starts",
				endedAs(d, "a"), d.Next.Unmatched, d.Next.Runs)
		}
	})
	t.Run("and is a stranger's after an hour", func(t *testing.T) {
		late := unmatched
		u := late.Unmatched["t-1"]
		u.Received = now.Add(-time.Hour)
		late.Unmatched = map[string]decide.Unmatched{"t-1": u}
		d := must(t, late, decide.WakeUp{}, decide.Facts{}, policy())
		if len(d.Next.Unmatched) > 0 || endedAs(d, "a") != "" {
			t.Errorf("unmatched %v, ended as %q, want none and not", d.Next.Unmatched, endedAs(d, "a"))
		}
	})
	t.Run("and a wake-up comes for it within the hour", func(t *testing.T) {
		d := must(t, unmatched, decide.WakeUp{}, decide.Facts{}, policy())
		if d.WakeBy.IsZero() || d.WakeBy.After(now.Add(time.Hour)) {
			t.Errorf("woken by %s", d.WakeBy)
		}
	})
}

// (decide rules 67, 68)
func TestAnEndThatNoEventReportsIsAskedFor(t *testing.T) {
	due := func(t *decide.Task) { t.Deadline = now }
	s := state(decide.BootBootable, task("a", running("t-1"), due), task("b", running("t-2")))
	if q := needs(s, decide.WakeUp{}); len(q.Invocations) != 1 || q.Invocations[0] != "t-1" {
		t.Fatalf("asked about %v, want t-1 only", q.Invocations)
	}
	facts := func(i *decide.Invocation) decide.Facts {
		return decide.Facts{Invocations: map[string]*decide.Invocation{"t-1": i}}
	}
	t.Run("still running, it is asked for again later", func(t *testing.T) {
		d := must(t, s, decide.WakeUp{}, facts(&decide.Invocation{InvokeID: "t-1", Status: "Running"}), policy())
		if a := d.Next.Tasks[id("a")]; !a.Deadline.Equal(now.Add(3 * time.Minute)) {
			t.Errorf("task %+v, want its end asked for in three minutes", a)
		}
	})
	t.Run("not listed for an hour, it ends with an alert", func(t *testing.T) {
		d := must(t, s, decide.WakeUp{}, facts(nil), policy())
		answers := 1
		for at := d.Next.Tasks[id("a")].Deadline; at.Before(now.Add(time.Hour)); at = d.Next.Tasks[id("a")].Deadline {
			d = decideAt(t, at, d.Next, decide.WakeUp{}, facts(nil), policy())
			if answers++; endedAs(d, "a") != "" || answers > 10 {
				t.Fatalf("ended as %q after %d empty answers at %s", endedAs(d, "a"), answers, at)
			}
		}
		d = decideAt(t, now.Add(time.Hour), d.Next, decide.WakeUp{}, decide.Facts{}, policy())
		if endedAs(d, "a") != "" {
			t.Errorf("ended as %q without an answer", endedAs(d, "a"))
		}
		at := d.Next.Tasks[id("a")].Deadline
		if known := decideAt(t, at, d.Next, decide.WakeUp{}, facts(&decide.Invocation{InvokeID: "t-1", Status: "Running"}), policy()); known.Next.Tasks[id("a")].Missing != 0 {
			t.Errorf("task %+v, want the empty answers forgotten", known.Next.Tasks[id("a")])
		}
		d = decideAt(t, at, d.Next, decide.WakeUp{}, facts(nil), policy())
		if endedAs(d, "a") != decide.TaskFailed || alerts(d) != "outcome-unknown" || endedAs(d, "b") != "" {
			t.Errorf("ended as %q, alerts %q", endedAs(d, "a"), alerts(d))
		}
	})
	t.Run("without an answer, nothing changes", func(t *testing.T) {
		if d := must(t, s, decide.WakeUp{}, decide.Facts{}, policy()); !d.Changes.Empty() || !d.WakeBy.Equal(now) {
			t.Errorf("changes %+v, woken by %s, want none, and now", d.Changes, d.WakeBy)
		}
	})
}
