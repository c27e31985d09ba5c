// Package faults_test fails every call that a handler makes, one after
// another and in every way, and checks that redeliveries and sweeps finish
// the work, once.
package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/shared/remediation"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

const instanceID = "i-sweep"

// scenario is one invocation whose calls are failed, with what came before it
// and what must have come of it in the end.
type scenario struct {
	flows string
	// prepare brings the rig to where the invocation begins, without faults.
	prepare func(r *rig.Rig)
	// invoke is the invocation; it may be repeated.
	invoke func(r *rig.Rig) (handler.Outcome, error)
	// ran are the commands that ran in the end, each once, in any order.
	ran []string
	// ends is how many executions are recorded, alerts how many different
	// alerts arrived.
	ends, alerts int
	// boots is how many boots are counted.
	boots int64
}

const twoSteps = `
version: 1
flows:
  - name: follow
    on: task-completed
    when: event.commandName == "first" && event.invocationStatus == "Success"
    steps:
      - id: second
        run: {type: RunShellScript, content: "echo second"}
      - id: third
        run: {type: RunShellScript, content: "echo third $who", parameters: {who: "${{ event.instanceId }}"}}
`

// kept remembers an event of a scenario's preparation for its invocation.
type kept struct{ payload []byte }

func scenarios() map[string]scenario {
	var end, badEnd, beat, followEnd kept
	return map[string]scenario{
		"a submission to an instance that is not booted": {
			prepare: func(r *rig.Rig) { r.Create(instanceID) },
			invoke:  submission("first", "true", 5),
		},
		"a submission to a bootable instance": {
			prepare: boot,
			invoke:  submission("first", "true", 5),
			ran:     []string{"first"}, ends: 1, boots: 1,
		},
		"a first heartbeat with nothing queued": {
			prepare: func(r *rig.Rig) { r.Create(instanceID); beat.payload = r.Boot(instanceID) },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.FirstHeartbeat(beat.payload) },
			boots:   1,
		},
		"a first heartbeat with three tasks queued": {
			prepare: func(r *rig.Rig) {
				r.Create(instanceID)
				for i := range 3 {
					must(submission(fmt.Sprint("task", i), "true", i)(r))
				}
				beat.payload = r.Boot(instanceID)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.FirstHeartbeat(beat.payload) },
			ran:    []string{"task0", "task1", "task2"}, ends: 3, boots: 1,
		},
		"an end that nobody waits for": {
			prepare: func(r *rig.Rig) { end.payload = stranger("Success", "", "0") },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(end.payload) },
			ends:    1,
		},
		"a bad end": {
			prepare: func(r *rig.Rig) { badEnd.payload = stranger("Failed", "ExitCodeNonzero", "3") },
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(badEnd.payload) },
			ends:    1, alerts: 1,
		},
		"an end that starts a flow of two steps": {
			flows: twoSteps,
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", "true", 5)(r))
				followEnd.payload = r.Take(event.KindTaskCompleted)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted(followEnd.payload) },
			ran:    []string{"first", "follow/second", "follow/third"}, ends: 3, boots: 1,
		},
		"a sweep that finds a claim whose invocation died": {
			prepare: func(r *rig.Rig) {
				boot(r)
				// The invocation dies when it has claimed, before it sends.
				r.CrashAt("RunCommand", fault.HangBefore)
				must(submission("first", "true", 5)(r))
				r.Restart()
				r.Advance(10 * time.Minute)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			ran:    []string{"first"}, ends: 1, boots: 1,
		},
		"a sweep that finds a command sent by an invocation that died": {
			prepare: func(r *rig.Rig) {
				boot(r)
				r.CrashAt("RunCommand", fault.HangAfter)
				must(submission("first", "sleep 0.1", 5)(r))
				r.Restart()
				r.Advance(10 * time.Minute)
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) { return r.Sweep() },
			ran:    []string{"first"}, ends: 1, boots: 1,
		},
		"a cancel of a running task": {
			prepare: func(r *rig.Rig) {
				boot(r)
				must(submission("first", "sleep 30", 5)(r))
				until("the script to start", func() bool { return len(r.ECS.Runs(instanceID)) == 1 })
			},
			invoke: func(r *rig.Rig) (handler.Outcome, error) {
				return r.SubmitTask(encode(map[string]any{
					"dedupeKey": "cancel-first", "instanceId": instanceID,
					"cancel": map[string]any{"taskId": taskID("first")},
				}))
			},
			ran: []string{"first"}, ends: 1, boots: 1,
		},
		"a malformed payload": {
			prepare: func(r *rig.Rig) {},
			invoke:  func(r *rig.Rig) (handler.Outcome, error) { return r.TaskCompleted([]byte(`{"cut`)) },
		},
	}
}

func boot(r *rig.Rig) {
	r.Create(instanceID)
	must(r.FirstHeartbeat(r.Boot(instanceID)))
}

// submission submits a command under a key of its own, so that repeating it
// is a duplicate.
func submission(name, content string, priority int) func(*rig.Rig) (handler.Outcome, error) {
	return func(r *rig.Rig) (handler.Outcome, error) {
		return r.SubmitTask(encode(map[string]any{
			"dedupeKey": "key of " + name, "instanceId": instanceID, "priority": priority,
			"run": map[string]any{"name": name, "type": "RunShellScript", "content": content},
		}))
	}
}

// taskID is the id of the task that submission made.
func taskID(name string) string {
	return remediation.Key("task", remediation.Key("submission", "dedupeKey", "key of "+name), instanceID)
}

// stranger is the end of a command that others started.
func stranger(status, code, exit string) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	return encode(map[string]any{
		"id": "stranger-1", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:CloudAssistant:TaskCompleted",
		"aliyunaccountid": rig.Account, "aliyunregionid": rig.Region, "time": now,
		"data": map[string]any{
			"instanceId": instanceID, "invokeId": "t-stranger", "commandId": "c-stranger", "commandName": "stranger",
			"invocationStatus": status, "errorCode": code, "exitCode": exit, "repeatMode": "Once", "repeats": "1",
			"startTime": now, "finishTime": now,
		},
	})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func must(_ handler.Outcome, err error) {
	if err != nil {
		panic(err)
	}
}

// patience is the time of invocations that meet no fault.
const patience = 20 * time.Second

func newRig(t *testing.T, flows string) *rig.Rig {
	return rig.New(t, rig.Options{
		Flows: flows, Timeout: patience,
		Settings: func(s *handler.Settings) { s.Ledger.PerTry = 250 * time.Millisecond },
		ECS:      func(o *ecs.Options) { o.Delays.AbortAfter = time.Minute },
	})
}

// TestEveryFailedCallIsMadeGood fails the n-th call of every scenario's
// invocation, in every mode, until a run meets no fault.
func TestEveryFailedCallIsMadeGood(t *testing.T) {
	for name := range scenarios() {
		for _, mode := range fault.Modes {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n++ {
					s := scenarios()[name] // its own kept events
					if !runWithFault(t, s, fault.Fault{Nth: n, Mode: mode}) {
						if n == 1 {
							t.Error("the invocation made no call at all")
						}
						return
					}
					if t.Failed() {
						t.Fatalf("failed with call %d struck", n)
					}
				}
			})
		}
	}
}

// runWithFault reports whether the fault struck.
func runWithFault(t *testing.T, s scenario, f fault.Fault) bool {
	r := newRig(t, s.flows)
	s.prepare(r)
	r.Faults.Add(f)
	struck := r.Faults.Struck()
	r.Timeout = time.Second // the hanging calls wait for it
	_, err := s.invoke(r)
	r.Timeout = patience
	struck = r.Faults.Struck() - struck
	r.Faults.Clear()

	var refused *handler.Error
	if err != nil && !errors.As(err, &refused) {
		t.Errorf("the handler failed with %v, want a *handler.Error", err)
	}
	if err != nil {
		again(t, func() (handler.Outcome, error) { return s.invoke(r) })
	}
	finish(t, r, s)
	check(t, r, s, "in the end")

	before := snapshot(r)
	again(t, func() (handler.Outcome, error) { return s.invoke(r) })
	finish(t, r, s)
	if after := snapshot(r); after != before {
		t.Errorf("one more delivery changed\n%s\nto\n%s", before, after)
	}
	check(t, r, s, "after one more delivery")
	if t.Failed() {
		t.Logf("log:\n%s", r.Log)
	}
	return struck > 0
}

// finish delivers the events of all that runs, and sweeps until nothing is
// due, past the end of every claim.
func finish(t *testing.T, r *rig.Rig, s scenario) {
	t.Helper()
	deliver := func() {
		for r.Pending(event.KindTaskCompleted) > 0 {
			end := r.Take(event.KindTaskCompleted)
			again(t, func() (handler.Outcome, error) { return r.TaskCompleted(end) })
		}
	}
	for range 6 {
		deliver()
		r.Advance(3 * time.Minute)
		again(t, r.Sweep)
		waitForRuns(t, r)
	}
	deliver()
}

// again delivers until the handler succeeds, as EventBridge does. On a busy
// machine an invocation can run out of its short time.
func again(t *testing.T, deliver func() (handler.Outcome, error)) {
	t.Helper()
	var err error
	for range 5 {
		if _, err = deliver(); err == nil {
			return
		}
	}
	t.Fatalf("five deliveries without success: %v", err)
}

// until waits for something that happens outside the test's control.
func until(what string, happened func() bool) {
	for give := time.Now().Add(20 * time.Second); !happened(); {
		if time.Now().After(give) {
			panic("waited in vain for " + what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// waitForRuns waits until every script that was started has ended and its
// event is there.
func waitForRuns(t *testing.T, r *rig.Rig) {
	t.Helper()
	until("scripts to end", func() bool {
		runs := r.ECS.Runs(instanceID)
		for _, run := range runs {
			if run.End.IsZero() {
				return false
			}
		}
		return len(r.Records(instanceID).Executions)+r.Pending(event.KindTaskCompleted) >= len(runs)
	})
}

func check(t *testing.T, r *rig.Rig, s scenario, when string) {
	t.Helper()
	ran := map[string]int{}
	for _, run := range r.ECS.Runs(instanceID) {
		name, _ := remediation.SplitName(run.Name)
		ran[name]++
	}
	for _, name := range s.ran {
		if ran[name] != 1 {
			t.Errorf("%s, %s ran %d times, want once", when, name, ran[name])
		}
	}
	if len(ran) != len(s.ran) {
		t.Errorf("%s, %v ran, want %v", when, ran, s.ran)
	}
	if got := len(r.Records(instanceID).Executions); got != s.ends {
		t.Errorf("%s, %d executions are recorded, want %d", when, got, s.ends)
	}
	prints := map[string]bool{}
	for _, m := range r.Inbox.Messages() {
		prints[m.Fingerprint] = true
	}
	if len(prints) != s.alerts {
		t.Errorf("%s, %d different alerts arrived, want %d", when, len(prints), s.alerts)
	}
	state := r.State(instanceID)
	if len(state.Effects) > 0 || len(state.Runs) > 0 || state.Instance.BootSeq != s.boots {
		t.Errorf("%s, effects %v and flow runs %v are open and %d boots counted, want none and %d",
			when, state.Effects, state.Runs, state.Instance.BootSeq, s.boots)
	}
	history := 0
	for _, day := range []time.Duration{0, -24 * time.Hour} {
		err := r.Ledger().History(context.Background(), time.Now().Add(day), func(remediation.Execution) error {
			history++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for now := r.Now(); now.Day() != time.Now().UTC().Day(); now = now.Add(-24 * time.Hour) {
		err := r.Ledger().History(context.Background(), now, func(remediation.Execution) error {
			history++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if history != s.ends {
		t.Errorf("%s, the history has %d executions, want %d", when, history, s.ends)
	}
}

// snapshot is everything that one more delivery must not change.
func snapshot(r *rig.Rig) string {
	var b strings.Builder
	s := r.State(instanceID)
	fmt.Fprintf(&b, "boot %s seq %d, %d tasks, %d effects, %d runs of scripts\n",
		s.Instance.Boot, s.Instance.BootSeq, len(s.Tasks), len(s.Effects), len(r.ECS.Runs(instanceID)))
	records := r.Records(instanceID)
	for _, task := range records.Tasks {
		fmt.Fprintf(&b, "task %s %s attempt %d\n", task.Name, task.State, task.Attempt)
	}
	for _, run := range records.Runs {
		fmt.Fprintf(&b, "flow %s %s, %d steps\n", run.Flow, run.Result, len(run.Steps))
	}
	fmt.Fprintf(&b, "%d executions, %d boots, %d alerts\n",
		len(records.Executions), len(records.Boots), len(r.Inbox.Messages()))
	return b.String()
}
