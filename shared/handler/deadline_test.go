package handler_test

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// hanging is an invocation one of whose services never answers.
type hanging struct {
	prepare func(r *rig.Rig) []byte
	handler func(r *rig.Rig) handler.Handler
	// call hangs from its nth time on, before its effect.
	call string
	nth  int
	// fails: the input is not committed, so the handler must fail. Otherwise
	// it must succeed with these.
	fails  bool
	result string
	left   int
	// stores: something is stored after the call, in the time that is kept for it.
	stores bool
}

// booted makes an instance that is recorded as bootable.
func booted(r *rig.Rig) {
	r.Create("i-1")
	if _, err := r.FirstHeartbeat(r.Boot("i-1")); err != nil {
		panic(err)
	}
}

func submitted(name, content string) []byte { return submit("i-1", name, content, 5, "key of "+name) }

// leaveClaim leaves a command that was claimed and not sent, long ago.
func leaveClaim(r *rig.Rig) {
	booted(r)
	r.CrashAt("RunCommand", fault.HangBefore)
	if _, err := r.SubmitTask(submitted("job", "true")); err != nil {
		panic(err)
	}
	r.Restart()
	r.Advance(10 * time.Minute)
}

func hangings() map[string]hanging {
	strangersEnd := func(*rig.Rig) []byte { return encode(cloudEvent(event.KindTaskCompleted, endData("t-1"))) }
	badEnd := func(*rig.Rig) []byte {
		return encode(cloudEvent(event.KindTaskCompleted, endData("t-1").with("invocationStatus", "Failed")))
	}
	beat := func(*rig.Rig) []byte { return encode(cloudEvent(event.KindFirstHeartbeat, beatData())) }
	toBooted := func(r *rig.Rig) []byte { booted(r); return submitted("job", "true") }
	return map[string]hanging{
		"task-completed, any call":                    {strangersEnd, taskCompleted, "", 1, true, "", 0, false},
		"task-completed, the commit":                  {strangersEnd, taskCompleted, "BatchWriteRow", 1, true, "", 0, false},
		"task-completed, the alert":                   {badEnd, taskCompleted, "PutRow", 2, false, handler.ResultRecorded, 1, false},
		"task-completed, the commit of results":       {badEnd, taskCompleted, "BatchWriteRow", 2, false, handler.ResultRecorded, 1, false},
		"task-completed, the quarantine":              {func(*rig.Rig) []byte { return []byte("{") }, taskCompleted, "PutRow", 1, true, "", 0, false},
		"first-heartbeat, any call":                   {beat, firstHeartbeat, "", 1, true, "", 0, false},
		"first-heartbeat, the first command of three": {queueOfThree, firstHeartbeat, "RunCommand", 1, false, handler.ResultNoticed, 3, false},
		"first-heartbeat, the last command of three":  {queueOfThree, firstHeartbeat, "RunCommand", 3, false, handler.ResultNoticed, 1, true},
		"submit-task, any call":                       {toBooted, submitTask, "", 1, true, "", 0, false},
		"submit-task, the command":                    {toBooted, submitTask, "RunCommand", 1, false, handler.ResultAccepted, 1, false},
		"submit-task, the agent's status": {func(r *rig.Rig) []byte { r.Create("i-1"); return submitted("job", "true") },
			submitTask, "DescribeCloudAssistantStatus", 1, false, handler.ResultAccepted, 0, true},
		"submit-task, the stop of a running command": {func(r *rig.Rig) []byte {
			item, err := r.SubmitTask(toBooted(r))
			if err != nil {
				panic(err)
			}
			r.Take(event.KindTaskCompleted) // its end is never delivered
			return encode(object{"instanceId": "i-1", "cancel": object{"taskId": item.Items[0].Answer.TaskID}})
		}, submitTask, "StopInvocation", 1, false, handler.ResultAccepted, 1, false},
		"sweep, any call":   {func(r *rig.Rig) []byte { return nil }, sweep, "", 1, true, "", 0, false},
		"sweep, its commit": {func(r *rig.Rig) []byte { leaveClaim(r); return nil }, sweep, "BatchWriteRow", 1, false, handler.ResultSwept, 0, true},
		"sweep, the search for a command": {func(r *rig.Rig) []byte { leaveClaim(r); return nil },
			sweep, "DescribeInvocations", 1, false, handler.ResultSwept, 0, true},
	}
}

// queueOfThree is the first heartbeat of an instance for which three commands
// wait.
func queueOfThree(r *rig.Rig) []byte {
	r.Create("i-1")
	for _, name := range []string{"a", "b", "c"} {
		if _, err := r.SubmitTask(submitted(name, "true")); err != nil {
			panic(err)
		}
	}
	return r.Boot("i-1")
}

// TestAnInvocationEndsWithItsTime, and leaves no goroutine that waits for
// anything. But where something is stored later, its time ends with the call that hangs,
// however slow the machine is. The test must not run beside others, whose
// goroutines it would take for its own.
// (decide rule 28)
func TestAnInvocationEndsWithItsTime(t *testing.T) {
	for name, c := range hangings() {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t, rig.Options{Settings: func(s *handler.Settings) { s.Margin = time.Second }})
			payload := c.prepare(r)
			h := c.handler(r)
			hangs := fault.Fault{Call: c.call, Nth: c.nth, Times: -1, Mode: fault.HangBefore}
			if c.stores {
				r.Timeout = 5 * time.Second
			}
			ctx, cancel := r.Context()
			defer cancel()
			if !c.stores {
				hangs.OnStrike = cancel
			}
			r.Faults.Add(hangs)
			out, err := h(ctx, payload)
			if waiting := waitingGoroutines(); len(waiting) > 0 {
				t.Errorf("goroutines are left:\n%s", strings.Join(waiting, "\n\n"))
			}
			if r.Faults.Struck() == 0 {
				t.Error("nothing hung")
			}
			if c.fails {
				wantRefused(t, out, err)
			} else if err != nil || len(out.Items) != 1 || out.Items[0].Result != c.result || out.Items[0].Left != c.left {
				t.Errorf("the handler answered %+v, %v, want %s with %d effects left; log:\n%s", out.Items, err, c.result, c.left, r.Log)
			}
			r.Faults.Clear()
		})
	}
}

// TestAnInvocationsTimeEndsAMarginBeforeItsDeadline: this one has two seconds, and
// would hang for an hour until its deadline.
func TestAnInvocationsTimeEndsAMarginBeforeItsDeadline(t *testing.T) {
	r := rig.New(t, rig.Options{
		Timeout: time.Hour + 2*time.Second, Settings: func(s *handler.Settings) { s.Margin = time.Hour },
	})
	r.Faults.Add(fault.Fault{Times: -1, Mode: fault.HangBefore})
	answer := make(chan error)
	go func() {
		_, err := r.TaskCompleted(encode(end("i-1", "t-1")))
		answer <- err
	}()
	select {
	case err := <-answer:
		wantRefused(t, handler.Outcome{}, err)
	case <-time.After(time.Minute):
		t.Error("the invocation goes beyond its time")
	}
}

var waits = regexp.MustCompile(`(?m)^goroutine \d+ \[(?:select|chan|IO wait|sync|sleep|semacquire)`)

// waitingGoroutines are the stacks of goroutines of the code under test that
// wait. One that only has yet to return is fine.
func waitingGoroutines() []string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var out []string
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if waits.MatchString(stack) && strings.Contains(stack, "aftercare/shared/") && !strings.Contains(stack, "testing.tRunner(") {
			out = append(out, stack)
		}
	}
	return out
}
