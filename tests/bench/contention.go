package main

import (
	"errors"
	"fmt"
	"time"

	"aftercare/tests/bench/budget"
)

// contention is a case in which many inputs reach one instance at once.
type contention struct {
	name, function string
	prepare        func(instance string) (function string, payload []byte)
	input          func(instance string, n int) []byte
	calls          float64 // the goal for each event
	today          [4]string
}

// crowded is how many inputs arrive at once, each at a process of its own.
const crowded = 50

var contentions = []contention{
	{
		name: "50 submissions at once to one instance", function: budget.SubmitTask, calls: 10,
		prepare: func(instance string) (string, []byte) {
			return budget.SubmitTask, budget.Submission{Key: "first", Instances: []string{instance}, Name: "first", Content: "echo"}.Payload()
		},
		input: func(instance string, n int) []byte {
			return budget.Submission{Key: fmt.Sprint("key ", n), Instances: []string{instance}, Name: "check", Content: "echo check"}.Payload()
		},
		today: [4]string{"43 %", "23", "0.83 to 0.95 s", "1.60 to 1.68 s"},
	},
	{
		name: "50 bad ends at once to one instance", function: budget.TaskCompleted, calls: 12,
		prepare: func(instance string) (string, []byte) { return budget.FirstHeartbeat, budget.Heartbeat(instance) },
		input: func(instance string, n int) []byte {
			return budget.End(budget.Ended{
				Instance: instance, Invoke: fmt.Sprintf("t-%s-%d", instance, n), Name: "other", Status: "Failed", Code: "ExitCodeNonzero", Exit: "3",
			})
		},
		today: [4]string{"57 %", "26", "", ""},
	},
}

// measure has the inputs arrive in each round at an instance that the rounds
// before have not touched.
func (c contention) measure(r *results) (err error) {
	s, err := r.newSite(r.latency, newCloud(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	crowd, err := s.pool(c.function, crowded, time.Minute, unlimited)
	if err != nil {
		return err
	}
	var first *pool
	var took []time.Duration
	failed, calls := 0, 0
	for round := range r.rounds + 1 { // a first one, in which the processes dial
		instance := fmt.Sprintf("i-crowded%d", round)
		function, payload := c.prepare(instance)
		if first == nil {
			if first, err = s.pool(function, 1, time.Minute, unlimited); err != nil {
				return err
			}
		}
		if err := first.mustAll([][]byte{payload}); err != nil {
			return err
		}
		inputs := make([][]byte, crowded)
		for n := range inputs {
			inputs[n] = c.input(instance, n)
		}
		s.beginCount()
		t, f, err := crowd.callAll(inputs)
		if err != nil {
			return err
		}
		if n, _, _ := s.calls(); round > 0 {
			took, failed, calls = append(took, t...), failed+f, calls+n
		}
	}
	r.note(c.name, "not committed", percent(failed, len(took)), "%.0f %%", atMost(0), c.today[0])
	r.note(c.name, "Tablestore calls for each", float64(calls)/float64(len(took)), "%.1f", atMost(c.calls), c.today[1])
	r.note(c.name, "p50", quantile(took, 0.5).Seconds(), "%.2f s", goal{}, c.today[2])
	r.note(c.name, "p99", quantile(took, 0.99).Seconds(), "%.2f s", atMost(2), c.today[3])
	return nil
}
