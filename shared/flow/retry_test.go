package flow_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// [30]
func TestACommandIsTriedAgainAtMostMaxTimes(t *testing.T) {
	p := begin(t, definition(retry(runStep("a"), 2, "Failed"), runStep("no")))
	p.end(1, "a", 1, failure).end(2, "a", 2, failure).wants("run a 1", "run a 2", "run a 3")
	p.end(3, "a", 3, failure).wants().wantSteps("a failed").wantEnd(flow.ResultFailed, "step a ended as failed")
	if got := p.record("a"); got.Attempts != 3 || !cmp.Equal(got.Tasks, []string{"task-1", "task-2", "task-3"}) {
		t.Errorf("%d attempts with the tasks %v, want 3", got.Attempts, got.Tasks)
	}
}

// [30] [31]
func TestWhatIsTriedAgain(t *testing.T) {
	end := func(status, invocationStatus, errorCode string) flow.StepEnd {
		return flow.StepEnd{Status: status, InvocationStatus: invocationStatus, ErrorCode: errorCode}
	}
	tests := []struct {
		name  string
		on    []string
		end   flow.StepEnd
		again bool
	}{
		{"a status that is listed", []string{"Timeout"}, end("timed_out", "Timeout", ""), true},
		{"a status that is not", []string{"Timeout"}, end("failed", "Failed", ""), false},
		{"an error code that is listed", []string{"DiskFull"}, end("failed", "Failed", "DiskFull"), true},
		{"an error code that is not", []string{"DiskFull"}, end("failed", "Failed", "ExitCodeNonzero"), false},
		{"a success", []string{"Failed", "Odd"}, end("succeeded", "Success", "Odd"), false},
		{"Error is Failed", []string{"Failed"}, end("failed", "Error", ""), true},
		{"an unknown status is Failed", []string{"Failed"}, end("failed", "Exploded", ""), true},
		{"an unknown status is nothing else", []string{"Aborted"}, end("failed", "Exploded", ""), false},
		{"a command that was stopped", []string{"Terminated"}, end("terminated", "Terminated", ""), true},
		{"a task that expired has no status", []string{"Failed", "Timeout", "Aborted", "Invalid", "Terminated"}, expired, false},
		{"a task that was cancelled", []string{"ClientNotOnline", "Aborted"}, cancelled, false},
		{"one that could not be sent", []string{"Invalid"}, end("invalid", "", ""), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := begin(t, definition(retry(runStep("a"), 1, test.on...))).end(1, "a", 1, test.end)
			want := []string{"run a 1"}
			if test.again {
				want = append(want, "run a 2")
			}
			p.wants(want...)
		})
	}
}

// [30] [31] [32]
func TestTheRetryOfAStepWithoutOne(t *testing.T) {
	want := flow.Retry{
		Max: 2, On: []string{"ClientIsUpgrading", "ClientNotOnline", "ClientNotRunning", "DeliveryTimeout", "InstanceNotRunning", "TaskConcurrencyLimit"},
		Backoff: seconds(10), Factor: 2, MaxBackoff: seconds(300),
	}
	if diff := cmp.Diff(flow.DefaultRetry(), want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
	p := begin(t, definition(runStep("a"))).wants("run a 1")
	p.end(0, "a", 1, offline).wants().advance(10 * time.Second).wants("run a 2")
	p.end(10*time.Second, "a", 2, offline).wants().advance(30 * time.Second).wants("run a 3")
	p.end(30*time.Second, "a", 3, offline).wants().wantSteps("a aborted")
	begin(t, definition(runStep("a"))).end(0, "a", 1, failure).wantSteps("a failed")
}

// [32] [33]
func TestDelaysAreARandomPartOfAGrowingBound(t *testing.T) {
	const runs = 400
	s := runStep("a")
	s.Retry = &flow.Retry{Max: 10, On: []string{"Failed"}, Backoff: seconds(10), Factor: 3, MaxBackoff: seconds(60)}
	bounds := []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, time.Minute, time.Minute}
	sums := make([]time.Duration, len(bounds))
	seen := map[time.Duration]bool{}
	for seed := range runs {
		r := flow.NewRun(fmt.Sprint("run-", seed), definition(s), ended(), 0)
		r.Begin(at(0))
		var now time.Duration
		for n, bound := range bounds {
			other := roundTrip(t, r)
			r.CommandEnded("a", n+1, failure, at(now))
			other.CommandEnded("a", n+1, failure, at(now))
			if !r.Due().Equal(other.Due()) {
				t.Fatalf("deciding twice gave %v and %v", r.Due(), other.Due())
			}
			delay := r.Pending.Until.Sub(begun.Add(now))
			if delay < 0 || delay >= bound || !r.Due().Equal(r.Pending.Until) {
				t.Fatalf("retry %d after %v, due %v, want less than %v", n+1, delay, r.Due(), bound)
			}
			sums[n] += delay
			seen[delay] = true
			now += delay
			if got := r.Advance(at(now - 1)); len(got) > 0 && delay > 0 {
				t.Fatalf("retry %d came before its time", n+1)
			}
			if got := r.Advance(at(now)); len(got) != 1 || got[0].Attempt != n+2 {
				t.Fatalf("got %v, want attempt %d", got, n+2)
			}
		}
	}
	for n, sum := range sums {
		if mean := sum / runs; mean < bounds[n]*4/10 || mean > bounds[n]*6/10 {
			t.Errorf("the mean delay of retry %d is %v, want about half of %v", n+1, mean, bounds[n])
		}
	}
	if len(seen) < runs*len(bounds)*9/10 {
		t.Errorf("only %d delays differ", len(seen))
	}
}

// [51]
func TestAPausedRunTakesNoStepAndDoesNotTryAgain(t *testing.T) {
	paused := func(d time.Duration) flow.Moment {
		m := at(d)
		m.Hold = true
		return m
	}
	p := begin(t, definition(runStep("a"), runStep("b"))).wants("run a 1").end(0, "a", 1, offline)
	p.decide(func(r *flow.Run) []flow.Action { return r.Advance(paused(time.Minute)) }).wants().wantSteps("a")
	p.advance(2 * time.Minute).wants("run a 2")
	p.decide(func(r *flow.Run) []flow.Action { return r.CommandEnded("a", 2, success, paused(3*time.Minute)) }).
		wants().wantSteps("a succeeded")
	p.advance(4 * time.Minute).wants("run b 1")
}

// [34]
func TestARetryOfWhatMayHaveRunIsRecorded(t *testing.T) {
	tests := []struct {
		name  string
		ends  []flow.StepEnd
		twice bool
	}{
		{"the script did not start", []flow.StepEnd{offline, success}, false},
		{"the script failed", []flow.StepEnd{failure, success}, true},
		{"the script failed once, and then did not start", []flow.StepEnd{failure, offline, success}, true},
		{"it was not tried again", []flow.StepEnd{failure, failure, failure, failure}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := begin(t, definition(retry(runStep("a"), 3, "Failed", "Aborted")))
			for i, end := range test.ends {
				p.end(time.Duration(i), "a", i+1, end)
			}
			if got := p.record("a").MayHaveRunTwice; got != test.twice {
				t.Errorf("got %t, want %t", got, test.twice)
			}
		})
	}
}

// [34] [35]
func TestNothingIsTriedAgainOnceTheTimeIsOver(t *testing.T) {
	slow := runStep("a")
	slow.Retry = &flow.Retry{Max: 10, On: []string{"Failed", "Terminated"}, Backoff: hours(10), Factor: 1, MaxBackoff: hours(10)}
	never := func(t *testing.T, p *player) {
		t.Helper()
		if got := p.record("a"); got.Attempts != 1 || got.MayHaveRunTwice || got.ErrorCode != "ExitCodeNonzero" && got.Reason == "" {
			t.Errorf("the record is %+v, want one attempt that did not run twice", got)
		}
	}
	t.Run("the step's, in a backoff", func(t *testing.T) {
		p := begin(t, definition(timeout(slow, 60))).end(1, "a", 1, failure).wants("run a 1").wantSteps("a").wantDue(time.Minute)
		never(t, p.advance(time.Minute).wants().wantSteps("a timed_out").wantEnd(flow.ResultFailed, "step a ended as timed_out"))
	})
	t.Run("the run's, in a backoff", func(t *testing.T) {
		d := definition(onFailure(slow, flow.FailureContinue))
		d.Timeout = seconds(60)
		p := begin(t, d).end(1, "a", 1, failure).wantDue(time.Minute)
		never(t, p.advance(time.Minute).wants("run a 1").wantSteps("a timed_out").wantEnd(flow.ResultTimedOut, "the run timed out"))
	})
	t.Run("the step's, when the end comes", func(t *testing.T) {
		p := begin(t, definition(timeout(retry(slow, 3, "Failed"), 60))).end(time.Minute, "a", 1, failure)
		never(t, p.wants("run a 1").wantSteps("a timed_out"))
	})
	t.Run("the run's, when the end comes", func(t *testing.T) {
		d := definition(retry(slow, 3, "Failed"))
		d.Timeout = seconds(60)
		p := begin(t, d).end(time.Minute, "a", 1, failure)
		never(t, p.wants("run a 1").wantSteps("a timed_out").wantEnd(flow.ResultTimedOut, "the run timed out"))
	})
	t.Run("the step's, when its command has been stopped", func(t *testing.T) {
		p := begin(t, definition(timeout(retry(slow, 3, "Terminated"), 60))).advance(time.Minute).end(time.Minute, "a", 1, stopped)
		never(t, p.wants("run a 1", "cancel a 1").wantSteps("a timed_out"))
	})
	t.Run("a task that was cancelled", func(t *testing.T) {
		begin(t, definition(runStep("a"))).end(1, "a", 1, cancelled).wantSteps("a cancelled").wantEnd(flow.ResultFailed, "step a ended as cancelled")
	})
}
