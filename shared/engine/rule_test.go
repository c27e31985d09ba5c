// Rules of package decide that no other test holds.

package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// (decide rules 3, 4)
func TestWhatSaysSomethingAboutLiveRowsCarriesTheGuard(t *testing.T) {
	when := func(text string) decide.Policy {
		return flows(define("f", onEnd, `event.commandName != "" && `+text, run("only", "f/only", "true")))
	}
	none, end := policy(), ended("t-1", "", event.StatusSuccess, "")
	for name, c := range map[string]struct {
		in      decide.Input
		policy  decide.Policy
		guarded bool
		saw     string
	}{
		"a cancel of a task that is not there":          {decide.Cancel{Key: id("c"), TaskID: id("a")}, none, true, ""},
		"an end with the marker of a task not there":    {ended("t-1", "a", event.StatusSuccess, ""), none, true, ""},
		"an end without a marker that nothing waits on": {end, none, false, ""},
		"a condition that reads the event alone":        {end, when(`event.commandName == "no"`), false, ""},
		"a condition that reads the instance's id":      {end, when(`instance.id == "no"`), false, ""},
		"a condition that reads the instance's state":   {end, when(`instance.state == "waiting"`), true, `[{instance.state "bootable"}]`},
		"a condition that reads what failed before":     {end, when(`event.failedBefore + instance.bootSeq > 9`), true, "[{event.failedBefore 0} {instance.bootSeq 3}]"},
		"a condition that does not come to that":        {end, when(`event.exitCode == 1 && instance.bootSeq > 9`), false, ""},
	} {
		d := must(t, state(decide.BootBootable), c.in, decide.Facts{}, c.policy)
		if x := d.Changes.Execution; x != nil && len(x.Decided.Saw)+len(c.saw) > 0 && fmt.Sprint(x.Decided.Saw) != c.saw {
			t.Errorf("%s: the record says that conditions saw %v, want %s", name, x.Decided.Saw, c.saw)
		}
		if d.Changes.Empty() || (d.Changes.Instance != nil) != c.guarded {
			t.Errorf("%s: changes %+v, want the instance's row in them: %v", name, d.Changes, c.guarded)
		}
	}
}

// (decide rule 13)
func TestARefusalIsNotStoredAndOverrulesNoEarlierAnswer(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootWaiting, task("a")))
	p := policy()
	p.MaxQueued = 1
	if out := mustHandle(t, d.engine(p), submission("b")); out.Answer.Outcome != decide.Refused || d.calls() != "load recorded" {
		t.Errorf("answer %+v after the calls %s, want a refusal after load and recorded", out.Answer, d.calls())
	}
	d.table.records["i-1/input/"+id("b")] = engine.Recorded{CommitID: "long ago", Answer: `{"outcome":"queued"}`}
	if out := mustHandle(t, d.engine(p), submission("b")); !out.Duplicate || out.Answer.Outcome != "queued" {
		t.Errorf("answer %+v, duplicate %v, want the answer that it got before", out.Answer, out.Duplicate)
	}
}

// (decide rule 10)
func TestAHeartbeatThatRaisesTheSequenceCountsOnce(t *testing.T) {
	named := beat(0, time.Second)
	named.Event.BizEventID = "business"
	for once, in := range map[string]decide.Heartbeat{
		"input/heartbeat/" + decide.Key("event", "", "b"):       beat(0, time.Second),
		"input/heartbeat/" + decide.Key("business", "business"): named,
	} {
		if d := must(t, state(decide.BootBootable), in, decide.Facts{}, policy()); d.Once != once || d.Changes.Input == nil {
			t.Errorf("once %q, input %+v, want the row %s", d.Once, d.Changes.Input, once)
		}
		d := newDesk()
		d.store(state(decide.BootBootable))
		d.table.records["i-1/"+once] = engine.Recorded{CommitID: "long ago"}
		if out := mustHandle(t, d.engine(policy()), in); !out.Duplicate || d.table.state("i-1").Instance.BootSeq != 3 {
			t.Errorf("duplicate %v, boot %d, want a duplicate that changes nothing", out.Duplicate, d.table.state("i-1").Instance.BootSeq)
		}
	}
}

// (decide rule 79)
func TestATimeThatLiesTooFarAheadIsThatOfItsReceipt(t *testing.T) {
	for ahead, want := range map[time.Duration]time.Duration{5 * time.Minute: 5 * time.Minute, 5*time.Minute + 1: 0, time.Hour: 0} {
		in := finished(0, event.StatusFailed)
		in.Event.FinishTime = now.Add(ahead)
		d := must(t, state(decide.BootBootable), in, decide.Facts{}, asking())
		if last := only(t, d.Next.Failing).Last; !last.Equal(now.Add(want)) {
			t.Errorf("an end %s ahead counts at %s, want %s", ahead, last, now.Add(want))
		}
		if got := d.Changes.Execution.Event.FinishTime; !got.Equal(in.Event.FinishTime) {
			t.Errorf("recorded at %s, want %s as it came", got, in.Event.FinishTime)
		}
	}
}

// (decide rules 50, 53)
func TestMessagesAreNeverOverwritten(t *testing.T) {
	print := decide.Key("alert", "i-1", string(decide.AlertTaskExpired), id("a"))
	old := decide.Message{Key: print, Rev: 4, Kind: decide.MessageAlert, Alert: &decide.Alert{}, Claim: held, PlannedAt: now}
	s := state(decide.BootWaiting, task("a", expired))
	s.Messages[old.Row()] = old
	d := must(t, s, decide.WakeUp{}, decide.Facts{}, policy())
	if endedAs(d, "a") != decide.TaskExpired || len(d.Changes.Messages) > 0 {
		t.Errorf("ended as %q, messages %+v, want the one that is on its way", endedAs(d, "a"), d.Changes.Messages)
	}
	for _, err := range []string{"", "why"} {
		late := decide.Results{Deliveries: []decide.Delivery{{Row: print + "/3", Commit: held.Commit, Err: err}}}
		if d := must(t, s, late, decide.Facts{}, policy()); len(d.Changes.Messages) > 0 {
			t.Errorf("the result of an earlier message changed %+v", d.Changes.Messages)
		}
	}
	delete(s.Messages, old.Row())
	d = must(t, s, decide.WakeUp{}, decide.Facts{}, policy())
	if m := only(t, d.Next.Messages); m.Key != print || m.Rev != s.Instance.Rev+1 || m.Alert.Fingerprint != print {
		t.Errorf("message %+v, want it under its fingerprint and the rev that plans it", m)
	}
}

// (decide rule 68)
func TestTwoEmptyAnswersOverAnHourLoseNoTask(t *testing.T) {
	for missing, ended := range map[int]decide.TaskState{1: "", 2: decide.TaskFailed} {
		s := state(decide.BootBootable, task("a", running("t-1"), func(t *decide.Task) {
			t.Deadline, t.Missing, t.MissingSince = now, missing, now.Add(-time.Hour)
		}))
		d := must(t, s, decide.WakeUp{}, decide.Facts{Invocations: map[string]*decide.Invocation{"t-1": nil}}, policy())
		if endedAs(d, "a") != ended {
			t.Errorf("after %d empty answers and one more: ended as %q, want %q", missing, endedAs(d, "a"), ended)
		}
	}
}

// (decide rule 37)
func TestADeniedCommandAlertsOnce(t *testing.T) {
	s := state(decide.BootBootable, task("a", releasing), effect("a", claimedBy(claim), firstSent(time.Second)))
	want := string(decide.AlertTaskDenied)
	for range 3 {
		d := must(t, s, results(result("a", claim, decide.ResultDenied)), decide.Facts{}, policy())
		if alerts(d) != want {
			t.Fatalf("alerts %q, want %q", alerts(d), want)
		}
		s, want = d.Next, ""
		s.Messages = map[string]decide.Message{} // delivered
		effect("a", claimedBy(claim), firstSent(time.Second))(&s)
	}
}

// (decide rule 51)
func TestAllSendsOfAnInvocationGoBeforeItsMessages(t *testing.T) {
	d := newDesk()
	s := state(decide.BootBootable)
	for i := range 30 {
		task(fmt.Sprint(100 + i))(&s)
	}
	task("own", running("t-1"))(&s)
	d.store(s)
	mustHandle(t, d.engine(policy()), ended("t-1", "own", event.StatusFailed, ""))
	if calls := d.calls(); strings.Count(calls, "send") != 30 || strings.LastIndex(calls, "send") > strings.Index(calls, "alert") {
		t.Errorf("calls: %s, want 30 sends and then the alert", calls)
	}
}

// (decide rule 66)
func TestAnInstanceThatRunsTooManyTasksCostsNoAttempt(t *testing.T) {
	again := func(s decide.State, code string) decide.State {
		a := s.Tasks[id("a")]
		running("t-1")(&a)
		s.Tasks[a.ID] = a
		return must(t, s, ended("t-1", "a", event.StatusAborted, code), decide.Facts{}, policy()).Next
	}
	s := again(state(decide.BootBootable, task("a", func(t *decide.Task) { t.Attempt = 2 })), "TaskConcurrencyLimit")
	if a := again(s, "DeliveryTimeout").Tasks[id("a")]; a.State != decide.TaskQueued || a.Attempt != 4 {
		t.Errorf("task %+v, want it queued again, as one of its attempts did not count", a)
	}
}

// (decide rule 95)
func TestASweepSpreadsItsCommandsOverItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := now.Truncate(time.Minute)
		time.Sleep(time.Until(begin))
		d := newDesk()
		for n := range 3 {
			s := state(decide.BootBootable)
			s.Instance.ID = fmt.Sprint("i-", n)
			for i := range 20 {
				task(fmt.Sprint(n, "a", i))(&s)
			}
			d.store(s)
			d.table.armed[engine.Wakeup{InstanceID: s.Instance.ID, Due: begin}] = true
		}
		var sent []time.Time
		d.on = func(what, _ string) fate {
			if what == "send" {
				sent = append(sent, time.Now())
			}
			return fate{}
		}
		e := d.engine(policy())
		e.Now = func() time.Time { return time.Now().UTC() }
		e.Sends = &engine.SendCap{PerMinute: 60}
		e.Sleep = func(_ context.Context, wait time.Duration) { time.Sleep(wait) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := e.Sweep(ctx, 1)
		if err != nil || !out.Complete || len(sent) != 60 || sent[59].Sub(sent[0]) < 30*time.Second {
			t.Errorf("sweep %+v, %v, sent at %v; want 60 commands in the better part of a minute", out, err, sent)
		}
	})
}

// (decide rule 100)
func TestACommitIsFilledToItsLastRow(t *testing.T) {
	s := state(decide.BootBootable)
	for i := range 250 {
		e := happened(fmt.Sprint("s-", i)).Event
		s.Unmatched[e.InvokeID] = decide.Unmatched{Event: e, Received: now}
	}
	d := must(t, s, decide.WakeUp{}, decide.Facts{}, policy())
	if got := len(d.Changes.Unmatched) + 1; got != 200 || !d.More { // and the instance's
		t.Errorf("%d rows, more %v, want 200 and more", got, d.More)
	}
}

// (decide rule 100)
func TestAUnitThatFillsACommitIsDoneAlone(t *testing.T) {
	s := state(decide.BootBootable)
	e := happened("s-1").Event
	s.Unmatched[e.InvokeID] = decide.Unmatched{Event: e, Received: now}
	p := policy()
	p.Flows = manyFlows(40, 15<<10)
	next, _ := settled(t, must(t, s, decide.WakeUp{}, decide.Facts{}, p), p)
	if len(next.Unmatched) > 0 || len(next.Runs) == 0 || len(next.Runs) == 40 {
		t.Errorf("%d ends wait and %d runs are live, want none, and those that fit", len(next.Unmatched), len(next.Runs))
	}
}
