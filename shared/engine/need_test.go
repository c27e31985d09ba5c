package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// (decide rule 7)
func TestAnEndThatReleasesNothingDoesNotReadTheQueue(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a"), task("b")))
	mustHandle(t, d.engine(policy()), ended("t-1", "", event.StatusSuccess, ""))
	if got, want := d.calls(), "load commit"; got != want {
		t.Errorf("calls: %s\nwant:  %s", got, want)
	}
}

// (decide rule 31)
func TestATaskWhoseTextIsGoneEndsAsInvalid(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a"), task("b")))
	delete(d.table.rows["i-1"], "text/"+id("a"))
	mustHandle(t, d.engine(policy()), decide.WakeUp{})
	lost := logged[decide.Task](d.table, "i-1", "task")
	if len(lost) != 1 || lost[0].ID != id("a") || lost[0].State != decide.TaskInvalid || len(d.alerts) != 1 || d.alerts[0].Kind != decide.AlertTaskInvalid {
		t.Errorf("ended %+v, alerts %+v; want a ended as invalid, with an alert", lost, d.alerts)
	}
	if got := d.table.state("i-1").Tasks[id("b")]; got.State != decide.TaskRunning || strings.Count(d.calls(), "send") != 1 {
		t.Errorf("task b is %s after the calls %s, want it sent, and nothing else", got.State, d.calls())
	}
}

// hangs is a desk where Cloud Assistant does not answer.
type hangs struct{ *desk }

func (hangs) AgentStatus(ctx context.Context, _ string) (decide.AgentStatus, error) {
	<-ctx.Done()
	return decide.AgentStatus{}, engine.ErrUnavailable
}

func (hangs) Send(ctx context.Context, _ engine.Send) (string, error) {
	<-ctx.Done()
	return "", engine.ErrUnknownOutcome
}

// (decide rule 2)
func TestAnAnswerThatDoesNotComeLeavesTimeToCommit(t *testing.T) {
	for name, boot := range map[string]decide.BootState{"the agent's status": decide.BootUnknown, "a send": decide.BootBootable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now))
				d := newDesk()
				d.store(state(boot))
				e := d.engine(policy())
				e.Commander, e.Now = hangs{d}, func() time.Time { return time.Now().UTC() }
				mustHandle(t, e, submission("a"))
				if took := time.Since(now); took != timeLimit-2*time.Second || strings.Count(d.calls(), "commit") == 0 {
					t.Errorf("calls %s after %s, want a commit 2 s before the end", d.calls(), took)
				}
			})
		})
	}
}

// (decide rules 8, 73) An end that comes again costs two calls.
func TestALateEndIsLookedUpWithItsRecord(t *testing.T) {
	d := newDesk()
	d.store(state(decide.BootBootable, task("a", running("t-1"))))
	mustHandle(t, d.engine(policy()), ended("t-1", "a", event.StatusSuccess, ""))
	d.made = nil
	out := mustHandle(t, d.engine(policy()), ended("t-1", "a", event.StatusSuccess, ""))
	if !out.Duplicate || d.calls() != "load ended" {
		t.Errorf("duplicate %v, calls %s", out.Duplicate, d.calls())
	}
}

// (decide rule 112)
func TestAnEndWithoutAnEnvelopeCountsOnlyIfItIsConfirmed(t *testing.T) {
	forged := ended("t-1", "a", event.StatusSuccess, "")
	forged.Event.Bare = true
	for name, c := range map[string]struct {
		find    fate
		ignored bool
	}{"still running": {fate{}, true}, "no answer": {refused, false}} {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a", running("t-1"))))
		d.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id("a"), Token: "x", Command: submission("a").Command}, now, 0)
		d.on = failing("find-id", 1, c.find)
		out, err := handle(t, d.engine(policy()), forged)
		if !errors.Is(err, c.find.err) || (out.Ignored != "") != c.ignored || len(d.table.records) > 0 {
			t.Errorf("%s: ignored %q, error %v; want %v, %v, and nothing recorded", name, out.Ignored, err, c.ignored, c.find.err)
		}
	}
}

// (decide rule 67)
func TestAWakeUpStopsAskingInTime(t *testing.T) {
	d := newDesk()
	s := state(decide.BootBootable)
	for i := range 50 {
		task(fmt.Sprint(i), running(fmt.Sprint("t-", i)), func(t *decide.Task) { t.Deadline = now })(&s)
	}
	d.store(s)
	d.on = func(what, _ string) fate {
		if what == "find-id" {
			d.clock = d.clock.Add(timeLimit / 10)
			return refused
		}
		return fate{}
	}
	mustHandle(t, d.engine(policy()), decide.WakeUp{})
	if got := strings.Count(d.calls(), "find-id"); got < 5 || got > 10 {
		t.Errorf("%d invocations were asked about in %s, want about 9", got, timeLimit)
	}
}
