package flow_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/flow"

	"github.com/google/go-cmp/cmp"
)

// [30] [31] [32]
func TestTheRetryOfAStepWithoutOne(t *testing.T) {
	want := flow.Retry{
		Max: 2, On: []string{"ClientIsUpgrading", "ClientNotOnline", "ClientNotRunning", "DeliveryTimeout", "InstanceNotRunning", "TaskConcurrencyLimit"},
		Backoff: seconds(10), Factor: 2, MaxBackoff: seconds(300),
	}
	if diff := cmp.Diff(flow.DefaultRetry(), want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
}

// [32]
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
			r.CommandEnded("a", n+1, flow.StepEnd{Status: flow.StepFailed, InvocationStatus: "Failed"}, at(now))
			delay := r.Pending.Until.Sub(begun.Add(now))
			if delay < 0 || delay >= bound {
				t.Fatalf("retry %d after %v, want less than %v", n+1, delay, bound)
			}
			sums[n] += delay
			seen[delay] = true
			now += delay
			r.Advance(at(now))
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
