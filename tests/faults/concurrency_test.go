package faults_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

const crowd = 8

// invocation is one delivery to one function instance.
type invocation func(p *rig.Process) (handler.Outcome, error)

// atOnce makes all invocations at the same time, each in a function instance of
// its own, and repeats those that fail. It returns their only items, in
// the order of the invocations.
func atOnce(t *testing.T, r *rig.Rig, invocations ...invocation) []handler.Item {
	t.Helper()
	var ready, done sync.WaitGroup
	ready.Add(1)
	items := make([]handler.Item, len(invocations))
	errs := make([]error, len(invocations))
	for i, invoke := range invocations {
		p := r.Another()
		done.Go(func() {
			ready.Wait()
			var out handler.Outcome
			for range 5 {
				if out, errs[i] = invoke(p); errs[i] == nil {
					break
				}
			}
			if errs[i] == nil && len(out.Items) == 1 {
				items[i] = out.Items[0]
			}
		})
	}
	ready.Done()
	done.Wait()
	for i, err := range errs {
		if err != nil || items[i].Result == "" {
			t.Fatalf("invocation %d: %v, %+v; log:\n%s", i, err, items[i], r.Log)
		}
	}
	return items
}

// same is n deliveries of one input.
func same(n int, invoke invocation) []invocation {
	var out []invocation
	for range n {
		out = append(out, invoke)
	}
	return out
}

// oneWins checks that one of the items has the result, and every other one is a
// duplicate with the same answer.
func oneWins(t *testing.T, items []handler.Item, result string) {
	t.Helper()
	count := map[string]int{}
	for _, item := range items {
		count[item.Result]++
		if item.Answer != nil && !reflect.DeepEqual(item.Answer, items[0].Answer) {
			t.Errorf("answers %+v and %+v differ", item.Answer, items[0].Answer)
		}
	}
	if count[result] != 1 || count[handler.ResultDuplicate] != len(items)-1 {
		t.Errorf("results %v, want one %s, and the rest duplicates", count, result)
	}
}

// sentOnce checks that nobody sent a command that another had claimed, even if
// the service would recognize the duplicate.
func sentOnce(t *testing.T, r *rig.Rig, want int) {
	t.Helper()
	if got := r.Faults.Calls()["RunCommand"]; got != want {
		t.Errorf("RunCommand was called %d times, want %d", got, want)
	}
}

// (decide rules 10, 80)
func TestOneEventGivenToManyIsHandledOnce(t *testing.T) {
	for name, c := range map[string]struct {
		flows  string
		end    func(r *rig.Rig) []byte
		ran    []string
		ends   int
		alerts int
	}{
		"a bad end": {
			end:  func(*rig.Rig) []byte { return stranger("Failed", "ExitCodeNonzero", "3") },
			ends: 1, alerts: 1,
		},
		"an end of an own command, with a flow": {
			flows: twoSteps,
			end: func(r *rig.Rig) []byte {
				boot(r)
				must(submission("first", "true", 5)(r))
				return r.Take(event.KindTaskCompleted)
			},
			ran: []string{"first", "follow/second", "follow/third"}, ends: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario{flows: c.flows, ran: c.ran, ends: c.ends, alerts: c.alerts}
			r := newRig(t, s)
			end := c.end(r)
			items := atOnce(t, r, same(crowd, func(p *rig.Process) (handler.Outcome, error) { return p.TaskCompleted(end) })...)
			oneWins(t, items, handler.ResultRecorded)
			finish(t, r)
			v := look(t, r)
			s.boots = v.state.Instance.BootSeq
			check(t, v, s, "in the end")
			sentOnce(t, r, len(c.ran))
			if n := len(r.Alerts()); n != c.alerts {
				t.Errorf("%d alerts arrived, want %d", n, c.alerts)
			}
		})
	}
}

// (decide rule 10)
func TestOneHeartbeatGivenToManyIsOneBoot(t *testing.T) {
	t.Parallel()
	s := scenario{ran: []string{"task0", "task1", "task2"}, ends: 3, boots: 1}
	r := newRig(t, s)
	r.Create(instanceID)
	for i := range 3 {
		must(submission(fmt.Sprint("task", i), "true", i)(r))
	}
	beat := r.Boot(instanceID)
	atOnce(t, r, same(crowd, func(p *rig.Process) (handler.Outcome, error) { return p.FirstHeartbeat(beat) })...)
	finish(t, r)
	v := look(t, r)
	check(t, v, s, "in the end")
	sentOnce(t, r, 3)
	if len(v.records.Boots) != 1 {
		t.Errorf("boots %+v, want one", v.records.Boots)
	}
}

// (decide rule 12)
func TestOneSubmissionGivenToManyIsOneTask(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*rig.Rig)
		answer  string
		ran     []string
	}{
		"for an instance that waits":  {func(r *rig.Rig) { r.Create(instanceID) }, "queued", nil},
		"for an instance that is up":  {boot, "releasing", []string{"first"}},
		"for an instance not learned": {func(r *rig.Rig) { r.Create(instanceID); r.Boot(instanceID) }, "releasing", []string{"first"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario{ran: c.ran, ends: len(c.ran)}
			r := newRig(t, s)
			c.prepare(r)
			payload := encode(submissionOf("first", "true", 5))
			items := atOnce(t, r, same(crowd, func(p *rig.Process) (handler.Outcome, error) { return p.SubmitTask(payload) })...)
			oneWins(t, items, handler.ResultAccepted)
			if a := items[0].Answer; a.TaskID != taskID("first") || a.Outcome != c.answer {
				t.Errorf("answered %+v, want task %s %s", a, taskID("first"), c.answer)
			}
			finish(t, r)
			v := look(t, r)
			s.boots = v.state.Instance.BootSeq
			check(t, v, s, "in the end")
			sentOnce(t, r, len(c.ran))
		})
	}
}

// TestSubmissionsThatMeetTheHeartbeatAreNotLost: each runs once, and none is
// sent while the instance is down, where it would be aborted.
// (decide rule 77)
func TestSubmissionsThatMeetTheHeartbeatAreNotLost(t *testing.T) {
	for round := range 4 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			t.Parallel()
			s := scenario{boots: 1}
			r := newRig(t, s)
			r.Create(instanceID)
			invocations := []invocation{
				func(p *rig.Process) (handler.Outcome, error) { return p.FirstHeartbeat(r.Boot(instanceID)) },
			}
			for i := range crowd - 1 {
				name := fmt.Sprint("task", i)
				s.ran = append(s.ran, name)
				invocations = append(invocations, func(p *rig.Process) (handler.Outcome, error) {
					return p.SubmitTask(encode(submissionOf(name, "true", 5)))
				})
			}
			s.ends = len(s.ran)
			for _, item := range atOnce(t, r, invocations...)[1:] {
				if item.Result != handler.ResultAccepted || item.Answer.Outcome != "queued" && item.Answer.Outcome != "releasing" {
					t.Errorf("a submission was answered %+v", item)
				}
			}
			finish(t, r)
			v := look(t, r)
			check(t, v, s, "in the end")
			sentOnce(t, r, len(s.ran))
			for _, task := range v.records.Tasks {
				if task.Attempt != 1 || task.State != decide.TaskSucceeded {
					t.Errorf("task %s %s in attempt %d, want it succeeded in the first", task.Name, task.State, task.Attempt)
				}
			}
		})
	}
}

// (decide rules 21, 24)
func TestSweepsAtOnceSendOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, scenario{})
	var instances []string
	for i := range 6 {
		id := fmt.Sprint("i-sweep-", i)
		instances = append(instances, id)
		r.Create(id)
		must(r.FirstHeartbeat(r.Boot(id)))
		submission := submissionOf("first", "true", 5)
		submission["instanceId"] = id
		// Half die before they send, half right after.
		r.CrashAt("RunCommand", []fault.Mode{fault.HangBefore, fault.HangAfter}[i%2])
		must(r.SubmitTask(encode(submission)))
		r.Restart()
	}
	r.Advance(10 * time.Minute)
	items := atOnce(t, r, same(crowd, (*rig.Process).Sweep)...)
	for _, item := range items {
		if item.Failed > 0 || item.Complete == nil || !*item.Complete {
			t.Errorf("a sweep says %+v", item)
		}
	}
	// The six sends before, and another for each of the three that had not
	// arrived.
	sentOnce(t, r, 9)
	for _, id := range instances {
		until("the script to run", func() bool { return len(r.ECS.Runs(id)) > 0 })
		if s := r.State(id); len(r.ECS.Runs(id)) != 1 || len(s.Sends)+len(s.Messages) > 0 {
			t.Errorf("instance %s: %d scripts ran and effects %v are open, want one and none", id, len(r.ECS.Runs(id)), s.Sends)
		}
	}
}

// TestEverythingAtOnceHappensOnce gives one instance's inputs to many function
// instances, a different one to each and some of them twice.
func TestEverythingAtOnceHappensOnce(t *testing.T) {
	t.Parallel()
	s := scenario{
		flows: twoSteps, boots: 2, alerts: 1,
		ran: []string{"first", "follow/second", "follow/third", "cancelled", "other"}, ends: 6,
	}
	r := newRig(t, s)
	boot(r)
	must(submission("first", "true", 5)(r))
	end := r.Take(event.KindTaskCompleted)
	must(submission("cancelled", rig.Sleeper, 5)(r))
	until("the script to begin", func() bool { return r.Begun() == 1 })
	submitted := encode(submissionOf("other", "true", 5))
	cancel := encode(map[string]any{
		"dedupeKey": "cancel", "instanceId": instanceID, "cancel": map[string]any{"taskId": taskID("cancelled")},
	})
	bad, beat := stranger("Failed", "ExitCodeNonzero", "3"), newerBeat(r)
	inputs := []invocation{
		func(p *rig.Process) (handler.Outcome, error) { return p.TaskCompleted(end) },
		func(p *rig.Process) (handler.Outcome, error) { return p.TaskCompleted(bad) },
		func(p *rig.Process) (handler.Outcome, error) { return p.SubmitTask(submitted) },
		func(p *rig.Process) (handler.Outcome, error) { return p.SubmitTask(cancel) },
		func(p *rig.Process) (handler.Outcome, error) { return p.FirstHeartbeat(beat) },
		(*rig.Process).Sweep,
	}
	atOnce(t, r, append(inputs, inputs[:5]...)...)
	finish(t, r)
	v := look(t, r)
	check(t, v, s, "in the end")
	sentOnce(t, r, 5)
	states := map[string]decide.TaskState{}
	for _, task := range v.records.Tasks {
		states[task.Name] = task.State
	}
	if len(states) != 5 || states["cancelled"] != decide.TaskTerminated || states["other"] != decide.TaskSucceeded {
		t.Errorf("tasks %v, want five, one of them terminated", states)
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.Log)
	}
}
