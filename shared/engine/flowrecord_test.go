package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// [70]
func TestAnEventsRecordSaysWhatBecameOfEveryFlow(t *testing.T) {
	step := run("only", "only", "true")
	p := flows(
		define("no", onEnd, "event.repeats == 0 && event.exitCode == 99", step),
		define("boots", onBoot, "", step),
		define("yes", onEnd, byOthers, step),
		define("odd", onEnd, "int(event.errorDesc) > 3", step),
		with(define("shut", onEnd, byOthers, step), perInstance(1, time.Hour)),
		with(define("try", onEnd, byOthers, step), dryRun),
		with(define("one", onEnd, byOthers, step), func(d *flow.Definition) { d.WhenBusy = flow.BusyDrop }),
		define("loop", onEnd, "", step),
	)
	s := state(decide.BootBootable, task("a", running("t-1"), func(t *decide.Task) { t.Name, t.Chain = "a stranger's", []string{"loop"} }))
	s = must(t, s, happened("s-1"), decide.Facts{}, p).Next
	e := happened("t-1")
	e.Event.InvokeID = "t-1"
	d := must(t, s, e, decide.Facts{}, p)
	want := []struct {
		flow string
		what decide.What
		why  string
		run  bool
	}{
		{"yes", decide.FlowWaits, "another run of it is under way", true},
		{"odd", decide.FlowNoAnswer, "when could not be evaluated", false},
		{"shut", decide.FlowWaits, "another run of it is under way", true},
		{"try", decide.FlowDryRun, "it would have run: only (run)", true},
		{"one", decide.FlowDropped, "another run of it is under way", true},
		{"loop", decide.FlowStopped, "it led to this event itself", false},
		{"no", decide.FlowNotStarted, "when was false: event.exitCode == 99", false},
	}
	got := d.Changes.Execution.Decided
	if len(got.Flows) != len(want) || got.More != 0 {
		t.Fatalf("the record says %+v, want %d flows, those of runs first", got, len(want))
	}
	for i, w := range want {
		g := got.Flows[i]
		if g.Flow != w.flow || g.What != w.what || !strings.Contains(g.Why, w.why) || (g.RunID != "") != w.run {
			t.Errorf("the record says %+v, want %+v", g, w)
		}
	}
	t.Run("a boot's record says it, too", func(t *testing.T) {
		d := must(t, state(decide.BootWaiting), beat(0, time.Second), decide.Facts{}, p)
		if got := said(t, d, "boots"); got.What != decide.FlowStarted || d.Next.Runs[got.RunID].Flow != "boots" {
			t.Errorf("the record says %+v", got)
		}
	})
	t.Run("up to 8 KB, and counts what is left out", func(t *testing.T) {
		long := `event.commandName == "` + strings.Repeat("<", 250) + `"`
		list := []flow.Definition{}
		for i := range 100 {
			list = append(list, define(fmt.Sprint("no-", i), onEnd, long, step))
		}
		list = append(list, define("yes", onEnd, "", step))
		d := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, flows(list...))
		got := d.Changes.Execution.Decided
		if size := len(encode(got)); size > 8<<10 || got.More == 0 || len(got.Flows)+got.More != 101 || got.Flows[0].Flow != "yes" {
			t.Errorf("%d bytes with %d flows and %d more, the first %+v", size, len(got.Flows), got.More, got.Flows[0])
		}
	})
}

// [71]
func TestCausesCanBeWalkedBothWays(t *testing.T) {
	f := define("f", onEnd, byOthers,
		run("one", "f/one", "true", retry(1, "Failed")), wait("rest", "10m"), run("two", "f/two", "true"))
	p := flows(f)
	d := newDesk()
	d.store(state(decide.BootBootable))
	mustHandle(t, d.engine(p), happened("s-1"))
	finish := func(status event.Status) decide.Task {
		t.Helper()
		task := only(t, d.table.state("i-1").Tasks)
		mustHandle(t, d.engine(p), endOf(task, status, ""))
		return task
	}
	first := finish(event.StatusFailed)
	second := finish(event.StatusSuccess)
	d.clock = now.Add(11 * time.Minute)
	mustHandle(t, d.engine(p), decide.WakeUp{})
	third := finish(event.StatusSuccess)

	r := logged[decide.FlowRun](d.table, "i-1", "flow")[0]
	end := func(t decide.Task) string { return "exec/" + t.InvokeID + "/once" }
	want := []flow.StepRecord{
		{ID: "one", Cause: "exec/s-1/once", EndedBy: end(second), Tasks: []string{first.ID, second.ID}},
		{ID: "rest", Cause: end(second), EndedBy: "wake-up"},
		{ID: "two", Cause: "wake-up", EndedBy: end(third), Tasks: []string{third.ID}},
	}
	for i, w := range want {
		g := r.Steps[i]
		if g.ID != w.ID || g.Cause != w.Cause || g.EndedBy != w.EndedBy || fmt.Sprint(g.Tasks) != fmt.Sprint(w.Tasks) {
			t.Errorf("step %s because of %s, ended by %s, tasks %v; want %+v", g.ID, g.Cause, g.EndedBy, g.Tasks, w)
		}
	}
	causes := map[string]string{first.ID: "exec/s-1/once", second.ID: end(first), third.ID: "wake-up"}
	for _, task := range logged[decide.Task](d.table, "i-1", "task") {
		if task.RunID != r.ID || task.Cause != causes[task.ID] || task.Step != map[bool]string{true: "two", false: "one"}[task.ID == third.ID] {
			t.Errorf("task %s of run %s, step %s, because of %s; want run %s and %s", task.ID, task.RunID, task.Step, task.Cause, r.ID, causes[task.ID])
		}
	}
	for _, x := range logged[decide.Execution](d.table, "i-1", "exec") {
		if ours := x.TaskID != ""; ours != (x.RunID == r.ID) || ours != (x.Step != "") {
			t.Errorf("execution %s of task %q, run %q, step %q", x.Event.InvokeID, x.TaskID, x.RunID, x.Step)
		}
	}

	t.Run("an end whose task was found later is the cause, and not what found it", func(t *testing.T) {
		p := flows(define("f", onEnd, `event.commandId == "c-saved"`, wait("w", "1h")), with(define("g", onEnd, byOthers, invoke("one", savedCommand), wait("w", "1h"))))
		s := must(t, state(decide.BootBootable), happened("s-1"), decide.Facts{}, p)
		e := ended("t-1", "", event.StatusSuccess, "")
		e.Event.CommandID, e.Event.CommandName = savedCommand, "the saved one"
		d := must(t, s.Next, e, decide.Facts{}, p)
		d = must(t, d.Next, results(decide.Result{Key: claims(s)[0].Key, Commit: claim.Commit, Kind: decide.ResultDone, InvokeID: "t-1"}), decide.Facts{}, p)
		for _, r := range d.Next.Runs {
			for _, step := range r.Steps {
				if step.ID == "w" && step.Cause != "exec/t-1/once" || step.ID == "one" && step.EndedBy != "exec/t-1/once" {
					t.Errorf("run %s: step %+v, want it caused by the end of t-1", r.Flow, step)
				}
			}
		}
		if len(d.Next.Runs) != 2 {
			t.Errorf("runs %v, want two", d.Next.Runs)
		}
	})
	t.Run("a command that expired was ended by what found that", func(t *testing.T) {
		long := happened("s-1")
		long.Event.FinishTime = now.Add(-10 * time.Minute) // too long ago to show that the agent is up
		s := must(t, state(decide.BootWaiting), long, decide.Facts{}, p).Next
		d := decideAt(t, now.Add(p.TaskTTL), s, decide.WakeUp{}, decide.Facts{}, flows(f))
		if r := d.Changes.EndedRuns[0]; r.Steps[0].EndedBy != "wake-up" {
			t.Errorf("step %+v, want it ended by the wake-up", r.Steps[0])
		}
	})
}

// [72]
func TestWhatWasCapturedIsDroppedWhenTheRunEnds(t *testing.T) {
	p := flows(define("f", onEnd, byOthers, run("one", "f/one", "true", captures), run("two", "f/two", "true")))
	d := newDesk()
	d.store(state(decide.BootBootable))
	mustHandle(t, d.engine(p), happened("s-1"))
	mustHandle(t, d.engine(p), endOf(only(t, d.table.state("i-1").Tasks), event.StatusSuccess, ""))
	output := "printed by t-1"
	if r := only(t, d.table.state("i-1").Runs); r.Steps[0].Output != output {
		t.Errorf("step %+v, want what t-1 printed while the run lives", r.Steps[0])
	}
	mustHandle(t, d.engine(p), endOf(only(t, d.table.state("i-1").Tasks), event.StatusSuccess, ""))
	r := logged[decide.FlowRun](d.table, "i-1", "flow")[0]
	if s := r.Steps[0]; s.Output != "" || s.OutputBytes != len(output) || strings.Contains(string(encode(r)), output) {
		t.Errorf("step %+v on record, want its size only", s)
	}
}
