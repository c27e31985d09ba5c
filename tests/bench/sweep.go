package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"aftercare/tests/bench/budget"
)

// sweeping is a case in which a sweep finds many wake-ups due.
type sweeping struct {
	name string
	// ended says that the events of the commands' ends arrived, so that nothing
	// is due. Otherwise the sweep has to ask for each end, which was a failure.
	ended   bool
	minutes int     // within which all should finish
	calls   float64 // the goal for each wake-up; 0 means none
	today   [3]string
}

var sweepings = []sweeping{
	{name: "sweep with nothing due", ended: true, minutes: 1, calls: 2, today: [3]string{"8,750 of 10,000", "3.01", "869 µs"}},
	{name: "sweep with an end to ask for", minutes: 2, today: [3]string{"2,104 of 10,000 in one minute", "8.0", "2850 µs"}},
}

// Of a sweep.
const (
	sweepLatency = 10 * time.Millisecond // of each call of Tablestore
	sweepTimeout = 55 * time.Second
	sweepCPU     = 20 * time.Millisecond // in each sweepPeriod
	sweepPeriod  = 100 * time.Millisecond
	// prepareTimeout is the timeout of the invocations that prepare wake-ups.
	prepareTimeout = 30 * time.Second
	commandTimeout = 10 * time.Second
	// endsDue is longer than a claim lasts, so that each instance has one
	// wake-up.
	endsDue   = commandTimeout + 25*time.Second
	endMargin = "AFTERCARE_END_MARGIN=25s"
)

// soon makes wake-ups due a second after the deadline of an invocation.
var soon = []string{"AFTERCARE_CLAIM_GRACE=1s", "AFTERCARE_WAKE_PRECISION=100ms", endMargin, unlimited}

func (c sweeping) measure(r *results) (err error) {
	s, err := r.newSite(0, newCloud(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := c.prepare(s, r.wakeUps); err != nil {
		return err
	}
	s.latency, s.status = sweepLatency, "Failed"
	if _, err := s.pool(budget.Sweep, 1, sweepTimeout, "AFTERCARE_END_MARGIN=1s"); err != nil {
		return err
	}
	p := s.processes[len(s.processes)-1]
	release := hold(p.cmd.Process, sweepCPU, sweepPeriod)
	defer release()
	s.beginCount()
	begun := time.Now()
	woken, finished := 0, 0
	var last time.Duration
	for minute := range c.minutes {
		time.Sleep(time.Until(begun.Add(time.Duration(minute) * time.Minute)))
		a, err := p.invoke("sweep", []byte(`{}`), sweepTimeout)
		if err != nil {
			return err
		}
		last = time.Since(begun)
		var out struct {
			Items []struct{ Woken, Failed int }
		}
		if err := json.Unmarshal(a.body, &out); err != nil || len(out.Items) != 1 {
			return fmt.Errorf("the sweep answered %s: %w", a.body, err)
		}
		woken += out.Items[0].Woken
		finished += out.Items[0].Woken - out.Items[0].Failed
		if !c.ended {
			_, _, finished, _ = s.tally()
		}
		fmt.Fprintf(os.Stderr, "  %3.0f s: %d finished\n", last.Seconds(), finished)
		if finished >= r.wakeUps {
			break
		}
	}
	cpu, err := cpuTime(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	calls, by, _ := s.calls()
	calls -= by["GetRange wakeups"] // lists of 100
	r.note(c.name, fmt.Sprintf("of %d finished within %d min", r.wakeUps, c.minutes), float64(finished), "%.0f", atLeast(float64(r.wakeUps)), c.today[0])
	each := goal{}
	if c.calls > 0 {
		each = atMost(c.calls)
	}
	r.note(c.name, "Tablestore calls for each, but lists of wake-ups", ratio(calls, woken), "%.2f", each, c.today[1])
	r.note(c.name, "CPU for each", micros(cpu)/float64(max(woken, 1)), "%.0f µs", goal{}, c.today[2])
	r.note(c.name, "took", last.Seconds(), "%.0f s", goal{}, "")
	return nil
}

// prepare sends a command to each of n instances, whose ends are due when it
// returns.
func (c sweeping) prepare(s *site, n int) error {
	for i := range n {
		s.boot(instanceOf(i))
	}
	submit, err := s.pool(budget.SubmitTask, 4, prepareTimeout, soon...)
	if err != nil {
		return err
	}
	if err := submit.mustAll(submissions(n, budget.Submission{
		Key: "key", Name: "check", Content: "exit 3", Timeout: commandTimeout.String(),
	})); err != nil {
		return err
	}
	sent := s.ends()
	if len(sent) != n {
		return fmt.Errorf("%d commands were sent, want %d", len(sent), n)
	}
	if c.ended {
		ends, err := s.pool(budget.TaskCompleted, 4, prepareTimeout, soon...)
		if err != nil {
			return err
		}
		var payloads [][]byte
		for from := 0; from < n; from += 100 {
			payloads = append(payloads, budget.End(sent[from:min(from+100, n)]...))
		}
		if err := ends.mustAll(payloads); err != nil {
			return err
		}
	}
	for _, p := range s.processes {
		p.end()
	}
	s.processes = nil
	time.Sleep(prepareTimeout + endsDue)
	return nil
}
