package faults_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// cancelOf asks for the end of the task of submission "first".
func cancelOf(key string) []byte {
	return encode(map[string]any{
		"dedupeKey": key, "instanceId": instanceID, "cancel": map[string]any{"taskId": taskID("first")},
	})
}

// (decide rule 70)
func TestATaskIsCancelledWhereverItIs(t *testing.T) {
	throttled := fault.Fault{Call: "RunCommand", Mode: fault.ErrorBefore, Status: 400, Code: "Throttling.User"}
	for name, c := range map[string]struct {
		prepare func(r *rig.Rig)
		answer  string
		state   decide.TaskState
		ran     []string
	}{
		"while it waits": {
			prepare: func(r *rig.Rig) { r.Create(instanceID); must(submission("first", rig.Sleeper, 5)(r)) },
			answer:  "cancelled", state: decide.TaskCancelled,
		},
		"while a throttled minute keeps it": {
			prepare: func(r *rig.Rig) { boot(r); r.Faults.Add(throttled); must(submission("first", rig.Sleeper, 5)(r)) },
			answer:  "cancelled", state: decide.TaskCancelled,
		},
		"while an invocation that died holds it, and had not sent it": {
			prepare: func(r *rig.Rig) {
				boot(r)
				r.CrashAt("RunCommand", fault.HangBefore)
				must(submission("first", rig.Sleeper, 5)(r))
				r.Restart()
			},
			answer: "stopping", state: decide.TaskCancelled,
		},
		"while an invocation that died holds it, and had sent it": {
			prepare: func(r *rig.Rig) {
				boot(r)
				r.CrashAt("RunCommand", fault.HangAfter)
				must(submission("first", rig.Sleeper, 5)(r))
				r.Restart()
				until("the script to begin", func() bool { return r.Begun() == 1 })
			},
			answer: "stopping", state: decide.TaskTerminated, ran: []string{"first"},
		},
		"while it runs": {
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", rig.Sleeper, 5)(r))
				until("the script to begin", func() bool { return r.Begun() == 1 })
			},
			answer: "stopping", state: decide.TaskTerminated, ran: []string{"first"},
		},
		"while it runs, and stopping is throttled": {
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", rig.Sleeper, 5)(r))
				until("the script to begin", func() bool { return r.Begun() == 1 })
				r.Faults.Add(fault.Fault{Call: "StopInvocation", Mode: fault.ErrorBefore, Status: 400, Code: "Throttling.User"})
			},
			answer: "stopping", state: decide.TaskTerminated, ran: []string{"first"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{})
			c.prepare(r)
			for _, want := range []string{handler.ResultAccepted, handler.ResultDuplicate} {
				out, err := r.SubmitTask(cancelOf("cancel"))
				if err != nil || len(out.Items) != 1 {
					t.Fatalf("%+v, %v; log:\n%s", out, err, r.Log)
				}
				if item := out.Items[0]; item.Result != want || item.Answer.Outcome != c.answer || item.Answer.TaskID != taskID("first") {
					t.Errorf("answered %+v %+v, want %s and %s", item, item.Answer, want, c.answer)
				}
			}
			// It does not matter whether the instance is up then.
			if stopped(r) {
				must(r.FirstHeartbeat(r.Boot(instanceID)))
			}
			// Aftercare gives up a command that it cannot find an hour after its
			// first send.
			finish(t, r)
			r.Advance(time.Hour)
			finish(t, r)
			v := look(t, r)
			check(t, v, scenario{ran: c.ran, ends: len(c.ran), boots: 1}, "in the end")
			if task := endedTask(t, v, taskID("first")); task.State != c.state || len(v.state.Tasks) > 0 {
				t.Errorf("task %+v, want it %s", task, c.state)
			}
			out, err := r.SubmitTask(cancelOf("another cancel"))
			if err != nil || out.Items[0].Answer.Outcome != "not_found" {
				t.Errorf("a cancel of a task that has ended: %+v, %v, want not_found", out, err)
			}
			if t.Failed() {
				t.Logf("log:\n%s", r.Log)
			}
		})
	}
}
