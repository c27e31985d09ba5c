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
		d := newDesk()
		d.store(state(decide.BootBootable))
		d.table.records["i-1/"+once] = engine.Recorded{CommitID: "long ago"}
		if out := mustHandle(t, d.engine(policy()), in); !out.Duplicate || d.table.state("i-1").Instance.BootSeq != 3 {
			t.Errorf("duplicate %v, boot %d, want a duplicate that changes nothing", out.Duplicate, d.table.state("i-1").Instance.BootSeq)
		}
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
