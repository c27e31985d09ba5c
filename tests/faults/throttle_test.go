package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/handler"
	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// refusal is an error of the service that means that nothing was sent.
func refusal(call string, status int, code string) fault.Fault {
	return fault.Fault{Call: call, Mode: fault.ErrorBefore, Status: status, Code: code}
}

// atNoon moves the clock to 12:00:30 of the next day in the zone of the daily
// quota, so that neither a minute nor a day ends by chance.
func atNoon(r *rig.Rig) {
	now := r.Now()
	noon := now.Add(8 * time.Hour).Truncate(24 * time.Hour).Add(36*time.Hour + 30*time.Second).Add(-8 * time.Hour)
	r.Advance(noon.Sub(now))
}

func calls(r *rig.Rig, call string) int { return r.Faults.Calls()[call] }

// (decide rule 38)
func TestAThrottledCommandIsSentOnceLater(t *testing.T) {
	for name, c := range map[string]struct {
		faults []fault.Fault
		call   string
		// waits is how long nothing is sent, at least, and over when it is. A busy
		// machine takes its time besides.
		waits, over time.Duration
		alerts      int
	}{
		"RunCommand, for the minute":             {[]fault.Fault{refusal("RunCommand", 400, "Throttling.User")}, "RunCommand", 15 * time.Second, 2 * time.Minute, 0},
		"RunCommand, by status 429":              {[]fault.Fault{refusal("RunCommand", 429, "Throttling")}, "RunCommand", 15 * time.Second, 2 * time.Minute, 0},
		"RunCommand, for the day":                {[]fault.Fault{refusal("RunCommand", 403, "Invocation.ExceedQuota")}, "RunCommand", 11 * time.Hour, 12*time.Hour + 15*time.Minute, 0},
		"InvokeCommand, for the minute":          {[]fault.Fault{refusal("InvokeCommand", 400, "Throttling.User")}, "InvokeCommand", 15 * time.Second, 2 * time.Minute, 0},
		"InvokeCommand, for the day":             {[]fault.Fault{refusal("InvokeCommand", 403, "Invocation.ExceedQuota")}, "InvokeCommand", 11 * time.Hour, 12*time.Hour + 15*time.Minute, 0},
		"RunCommand, for want of a right":        {[]fault.Fault{refusal("RunCommand", 403, "Forbidden.RAM")}, "RunCommand", 15 * time.Second, 3 * time.Minute, 1},
		"RunCommand, while the instance is down": {[]fault.Fault{refusal("RunCommand", 403, "IncorrectInstanceStatus")}, "RunCommand", 15 * time.Second, 3 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, scenario{})
			boot(r)
			atNoon(r)
			submit, ran := submission("first", "true", 5), "first"
			if c.call == "InvokeCommand" {
				submit, ran = savedSubmission(save(r, "true"), nil), "saved"
			}
			for _, f := range c.faults {
				r.Faults.Add(f)
			}
			out, err := submit(r)
			if err != nil || out.Items[0].Left != 1 || out.Items[0].Answer.Outcome != "releasing" {
				t.Fatalf("answered %+v, %v, want success with one effect left; log:\n%s", out, err, r.Log)
			}
			r.Advance(c.waits)
			// Other invocations for the instance leave the command alone meanwhile.
			must(r.TaskCompleted(stranger("Success", "", "0")))
			for range 2 {
				again(t, r.Sweep)
				again(t, func() (handler.Outcome, error) { return submit(r) })
			}
			if got := calls(r, c.call); got != 1 || len(r.ECS.Runs(instanceID)) != 0 {
				t.Fatalf("%s was called %d times after %s, want only the refused one", c.call, got, c.waits)
			}
			r.Advance(c.over - c.waits)
			again(t, r.Sweep)
			again(t, r.Sweep)
			if got := calls(r, c.call); got != 2 {
				t.Errorf("%s was called %d times after %s, want two; log:\n%s", c.call, got, c.over, r.Log)
			}
			if calls(r, "DescribeInvocations") != 0 {
				t.Error("a refused command was searched for")
			}
			finish(t, r)
			check(t, look(t, r), scenario{ran: []string{ran}, ends: 2, boots: 1, alerts: c.alerts}, "in the end")
		})
	}
}

// TestAThrottleAfterALostAnswerIsNoProofOfNothing: the try before may have
// been accepted, and it was.
// (decide rule 23)
func TestAThrottleAfterALostAnswerIsNoProofOfNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, scenario{})
	boot(r)
	r.Faults.Add(fault.Fault{Call: "RunCommand", Mode: fault.CutAfter})
	f := refusal("RunCommand", 400, "Throttling.User")
	f.Nth = 2
	r.Faults.Add(f)
	must(submission("first", "true", 5)(r))
	// After more than the hour in which it may be sent again.
	r.Advance(2 * time.Hour)
	again(t, r.Sweep)
	if got := calls(r, "RunCommand"); got != 2 || calls(r, "DescribeInvocations") == 0 {
		t.Errorf("RunCommand was called %d times and DescribeInvocations %d, want two and a search", got, calls(r, "DescribeInvocations"))
	}
	finish(t, r)
	check(t, look(t, r), scenario{ran: []string{"first"}, ends: 1, boots: 1}, "in the end")
}

// TestTheLocalECSThrottlesByTheMinute: the service accepts two commands a
// minute; what it refuses keeps its place.
// (decide rule 36)
func TestTheLocalECSThrottlesByTheMinute(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{
		OneClock: true, Timeout: patience,
		ECS: func(o *ecs.Options) { o.Throttle = map[string]int{"RunCommand": 2}; o.Delays.AbortAfter = time.Minute },
	})
	queueFive(r)
	first := minuteBegins(r)
	must(r.FirstHeartbeat(r.Boot(instanceID)))
	// The third call shows that the minute's quota is used up; the commands
	// after it are not tried.
	if got := calls(r, "RunCommand"); got != 3 {
		t.Errorf("RunCommand was called %d times in the first minute, want 3", got)
	}
	inMinutes(t, r, first, 2)
}

// TestTheCapOfAFunctionInstance: AFTERCARE_SENDS_PER_MINUTE.
func TestTheCapOfAFunctionInstance(t *testing.T) {
	t.Parallel()
	r := rig.New(t, rig.Options{
		Timeout: patience, Settings: func(s *handler.Settings) { s.SendsPerMinute = 2 },
		ECS: func(o *ecs.Options) { o.Delays.AbortAfter = time.Minute },
	})
	queueFive(r)
	first := minuteBegins(r)
	must(r.FirstHeartbeat(r.Boot(instanceID)))
	if got := calls(r, "RunCommand"); got != 2 {
		t.Errorf("RunCommand was called %d times in the first minute, want 2", got)
	}
	// The cap belongs to the function instance, and counts all instances.
	r.Create("i-other")
	must(r.FirstHeartbeat(r.Boot("i-other")))
	other := submissionOf("other", "true", 5)
	other["instanceId"] = "i-other"
	must(r.SubmitTask(encode(other)))
	if n := len(r.ECS.Runs("i-other")); n != 0 {
		t.Error("a third command was sent in the minute")
	}
	must(r.Another().SubmitTask(encode(other)))
	inMinutes(t, r, first, 2)
	for range 8 {
		if len(r.ECS.Runs("i-other")) == 1 {
			return
		}
		r.Advance(time.Minute)
		again(t, r.Sweep)
	}
	t.Error("the other command never ran")
}

func queueFive(r *rig.Rig) {
	r.Create(instanceID)
	for i := range 5 {
		must(submission(fmt.Sprint("task", i), "true", 9-i)(r))
	}
}

// minuteBegins moves the clock to the beginning of the next minute, and returns it.
func minuteBegins(r *rig.Rig) time.Time {
	now := r.Now()
	r.Advance(now.Truncate(time.Minute).Add(time.Minute + time.Second).Sub(now))
	return r.Now().Truncate(time.Minute)
}

// inMinutes checks that five tasks run at most two a minute since the first, in
// order.
func inMinutes(t *testing.T, r *rig.Rig, first time.Time, most int) {
	t.Helper()
	for range 8 {
		runs := r.ECS.Runs(instanceID)
		if minutes := 1 + int(r.Now().Sub(first)/time.Minute); len(runs) > most*minutes {
			t.Fatalf("%d commands ran in %d minutes, want at most %d in each", len(runs), minutes, most)
		}
		if len(runs) == 5 {
			break
		}
		r.Advance(time.Minute)
		again(t, r.Sweep)
		waitForRuns(t, r)
	}
	finish(t, r)
	var order []string
	for _, run := range r.ECS.Runs(instanceID) {
		order = append(order, r.Given(run.Name))
	}
	if got := strings.Join(order, " "); got != "task0 task1 task2 task3 task4" {
		t.Errorf("ran in the order %s; log:\n%s", got, r.Log)
	}
	if v := look(t, r); len(v.records.Tasks) != 5 || slices.ContainsFunc(v.records.Tasks, func(t decide.Task) bool {
		return t.State != decide.TaskSucceeded || t.Attempt != 1
	}) {
		t.Errorf("tasks %+v, want five that succeeded in their first attempt", v.records.Tasks)
	}
}
