package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
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
	if got := d.table.state("i-1").Tasks[id("b")]; got.State != decide.TaskRunning {
		t.Errorf("task b is %s, want it sent", got.State)
	}
}

// lateEnd is the end of task a's command, which was given up before.
func lateEnd(invokeID string) decide.Ended { return ended(invokeID, "a", event.StatusSuccess, "") }

// (decide rules 8, 73) The record of the ended task has its chain.
func TestALateEndFindsItsChain(t *testing.T) {
	p := flows(define("ring", onEnd, "", run("only", "ring/only", "true")))
	for name, c := range map[string]struct {
		stored  string // the invoke id in the record
		started int
	}{
		"of the task":         {"t-1", 0},
		"of no known id":      {"", 0},
		"that bears its name": {"t-9", 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable))
			d.table.rows["i-1"]["log/task/"+id("a")] = encode(decide.Task{
				ID: id("a"), State: decide.TaskFailed, Kind: decide.SendRun, Name: "a", InvokeID: c.stored, RunID: "r", Step: "only", Chain: []string{"ring"},
			})
			mustHandle(t, d.engine(p), lateEnd("t-1"))
			if got := len(d.table.state("i-1").Runs); got != c.started {
				t.Errorf("%d runs began, want %d", got, c.started)
			}
			x := logged[decide.Execution](d.table, "i-1", "exec")
			if len(x) != 1 || (x[0].TaskID == id("a")) != (c.started == 0) {
				t.Errorf("executions %+v, want one that names its task", x)
			}
		})
	}
	t.Run("twice is once, and costs two calls", func(t *testing.T) {
		d := newDesk()
		d.store(state(decide.BootBootable, task("a", running("t-1"))))
		mustHandle(t, d.engine(policy()), lateEnd("t-1"))
		d.made = nil
		if out := mustHandle(t, d.engine(policy()), lateEnd("t-1")); !out.Duplicate || d.calls() != "load ended" {
			t.Errorf("duplicate %v, calls %s", out.Duplicate, d.calls())
		}
	})
}

// (decide rule 112)
func TestAnEndWithoutAnEnvelopeCountsOnlyIfItIsConfirmed(t *testing.T) {
	forged := lateEnd("t-1")
	forged.Event.Bare = true
	for name, c := range map[string]struct {
		prepare func(*desk)
		state   decide.TaskState // live or ended
		ignored bool
		err     error
	}{
		"still running":   {func(*desk) {}, decide.TaskRunning, true, nil},
		"ended otherwise": {func(d *desk) { three := int64(3); d.cloud.invocations[0].end("Failed", "ExitCodeNonzero", &three, now) }, decide.TaskFailed, false, nil},
		"no answer":       {func(d *desk) { d.on = failing("find-id", 1, refused) }, decide.TaskRunning, false, engine.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, task("a", running("t-1"))))
			d.cloud.accept(engine.Send{InstanceID: "i-1", TaskID: id("a"), Token: "x",
				Command: command.Command{Run: &command.Run{Name: "a", Content: "true"}}}, now.Add(-time.Minute), 0)
			c.prepare(d)
			out, err := handle(t, d.engine(policy()), forged)
			if !errors.Is(err, c.err) || (out.Ignored != "") != c.ignored {
				t.Errorf("ignored %q, error %v; want %v, %v", out.Ignored, err, c.ignored, c.err)
			}
			got := d.table.state("i-1").Tasks[id("a")].State
			for _, e := range logged[decide.Task](d.table, "i-1", "task") {
				got = e.State
			}
			if got != c.state {
				t.Errorf("the task is %s, want %s", got, c.state)
			}
		})
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
