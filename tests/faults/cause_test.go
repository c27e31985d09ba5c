package faults_test

import (
	"slices"
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// find returns the only element of a list that fits.
func find[T any](t *testing.T, list []T, what string, meant func(T) bool) T {
	t.Helper()
	var out T
	n := 0
	for _, v := range list {
		if meant(v) {
			out = v
			n++
		}
	}
	if n != 1 {
		t.Fatalf("there are %d of %s, want one", n, what)
	}
	return out
}

func keyOf(e decide.Execution) string {
	return "exec/" + e.Event.InvokeID + "/" + e.Event.Suffix()
}

// walk follows a cause to everything that came of it, and checks on the way that
// each record names its cause. It returns the path.
func walk(t *testing.T, all ledger.Records, cause string, decided decide.Decided) string {
	t.Helper()
	path := ""
	for _, d := range decided.Flows {
		if d.RunID == "" {
			continue
		}
		run := find(t, all.Runs, "run "+d.RunID, func(r decide.FlowRun) bool { return r.ID == d.RunID })
		if run.Cause != cause || run.Flow != d.Flow {
			t.Errorf("run %s of %s has the cause %s, and %s names it as one of %s", run.ID, run.Flow, run.Cause, cause, d.Flow)
		}
		path += "(" + run.Flow
		before := cause
		for _, step := range run.Steps {
			path += " " + step.ID
			if step.Cause != before && step.Cause != "wake-up" {
				t.Errorf("step %s of %s began by %s, want %s", step.ID, run.Flow, step.Cause, before)
			}
			for i, id := range step.Tasks {
				task := find(t, all.Tasks, "task "+id, func(t decide.Task) bool { return t.ID == id })
				if task.RunID != run.ID || task.Step != step.ID || task.StepAttempt != i+1 {
					t.Errorf("task %s is of run %s, step %s, attempt %d, and attempt %d of %s in %s names it",
						id, task.RunID, task.Step, task.StepAttempt, i+1, step.ID, run.ID)
				}
				if i == 0 && task.Cause != step.Cause {
					t.Errorf("task %s was made by %s, and its step began by %s", id, task.Cause, step.Cause)
				}
				e := find(t, all.Executions, "executions of task "+id, func(e decide.Execution) bool { return e.TaskID == id })
				if e.Event.InvokeID != task.InvokeID {
					t.Errorf("task %s ran as %s, and the execution %s names it", id, task.InvokeID, e.Event.InvokeID)
				}
				path += walk(t, all, keyOf(e), e.Decided)
				before = keyOf(e)
			}
			if step.EndedBy != before {
				t.Errorf("step %s of %s was ended by %s, want %s", step.ID, run.Flow, step.EndedBy, before)
			}
		}
		path += ")"
	}
	return path
}

// TestCausesCanBeWalkedBothWays: from the end of a person's command over the
// flows that it started, to the commands that those sent and to their ends,
// which start flows again; each record names its cause.
// [70] [71]
func TestCausesCanBeWalkedBothWays(t *testing.T) {
	for name, prepare := range map[string]func(r *rig.Rig){
		"no fault": func(*rig.Rig) {},
		"the first command of a flow is sent by an invocation that dies": func(r *rig.Rig) {
			r.Faults.Add(fault.Fault{Call: "RunCommand", Nth: 2, Mode: fault.HangAfter, OnStrike: r.Crash})
		},
		"the commit of an end has an unknown outcome": func(r *rig.Rig) {
			r.Faults.Add(fault.Fault{Call: "BatchWriteRow", Nth: 4, Mode: fault.CutAfter})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			definitions := flowsOn(
				[2]string{"one", `event.commandName == "first"`},
				[2]string{"two", `event.commandName == "one/step"`},
				[2]string{"three", `event.commandName == "first"`},
				[2]string{"never", `event.commandName == "nothing"`})
			r := newRig(t, scenario{definitions: definitions})
			boot(r)
			prepare(r)
			must(submission("first", "true", 5)(r))
			l := &life{Rig: r, t: t}
			end := r.Take(event.KindTaskCompleted)
			must(r.TaskCompleted(end))
			r.Restart()
			l.rest()
			if name != "no fault" && r.Faults.Struck() == 0 {
				t.Error("no fault struck")
			}
			all := r.Records(instanceID)
			first := find(t, all.Executions, "ends of first", func(e decide.Execution) bool { return e.Name == "first" })
			if got, want := walk(t, all, keyOf(first), first.Decided), "(one step(two step))(three step)"; got != want {
				t.Errorf("walked %s, want %s; log:\n%s", got, want, r.Log)
			}
			var said []string
			for _, d := range first.Decided.Flows {
				said = append(said, d.Flow+" "+string(d.What)+": "+d.Why)
			}
			if want := []string{"one started: its condition holds", "three started: its condition holds",
				`two not started: when was false: event.commandName == "one/step"`,
				`never not started: when was false: event.commandName == "nothing"`}; !slices.Equal(said, want) {
				t.Errorf("of first, the record says %q, want %q", said, want)
			}
			// And back, from every execution to the person's submission.
			for _, e := range all.Executions {
				path := ""
				for {
					task := find(t, all.Tasks, "task "+e.TaskID, func(t decide.Task) bool { return t.ID == e.TaskID })
					path = e.Name + " " + path
					if task.RunID == "" {
						break
					}
					run := find(t, all.Runs, "run "+task.RunID, func(r decide.FlowRun) bool { return r.ID == task.RunID })
					step := find(t, run.Steps, "steps", func(s flow.StepRecord) bool { return s.ID == task.Step })
					if !slices.Contains(step.Tasks, task.ID) {
						t.Errorf("step %s of %s does not name task %s", step.ID, run.Flow, task.ID)
					}
					e = find(t, all.Executions, run.Cause, func(e decide.Execution) bool { return keyOf(e) == run.Cause })
				}
				if !strings.HasPrefix(path, "first ") {
					t.Errorf("from an execution back, there is %s, want first at its begin", path)
				}
			}
		})
	}
}

// TestTheEndOfASavedCommandThatFindsItsTaskLateNamesItsFlows: when it came, its
// task was not known.
// [70]
func TestTheEndOfASavedCommandThatFindsItsTaskLateNamesItsFlows(t *testing.T) {
	t.Parallel()
	r := newRig(t, scenario{flows: afterSaved})
	boot(r)
	r.CrashAt("InvokeCommand", fault.HangAfter)
	must(savedSubmission(save(r, "true"), nil)(r))
	r.Restart()
	end := r.Take(event.KindTaskCompleted)
	r.Faults.Add(fault.Fault{Call: "DescribeInvocations", Times: -1, Mode: fault.ErrorBefore})
	must(r.TaskCompleted(end))
	r.Faults.Clear()
	(&life{Rig: r, t: t}).rest()
	all := r.Records(instanceID)
	saved := find(t, all.Executions, "ends of saved", func(e decide.Execution) bool { return e.Name == "saved" })
	if got, want := walk(t, all, keyOf(saved), saved.Decided), "(after step)"; got != want {
		t.Errorf("walked %q, want %q", got, want)
	}
}

// TestABootsRecordNamesItsFlows, and their runs name the boot.
// [70]
func TestABootsRecordNamesItsFlows(t *testing.T) {
	t.Parallel()
	r := newRig(t, scenario{flows: otherVersions["with another flow only"]})
	boot(r)
	(&life{Rig: r, t: t}).rest()
	all := r.Records(instanceID)
	if len(all.Boots) != 1 {
		t.Fatalf("boots %+v, want one", all.Boots)
	}
	if got, want := walk(t, all, "boot/1", all.Boots[0].Decided), "(greet hello)"; got != want {
		t.Errorf("walked %s, want %s", got, want)
	}
}
