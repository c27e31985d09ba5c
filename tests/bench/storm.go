package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"aftercare/tests/bench/budget"
)

// storm is a case in which a fleet boots at once, its commands wait, and ECS
// accepts only so many.
type storm struct {
	rate      int // commands a second that are allowed
	instances int
	today     [3]string
}

// By the vendor's rule, 3,000 commands at 50 a second fit into the first minute:
// the last case is the one that ECS throttles.
var storms = []storm{
	{rate: 10, instances: 400, today: [3]string{"16 %", "2.41", "19.4"}},
	{rate: 50, instances: 1000, today: [3]string{"20 %", "0.10", "7.1"}},
	{rate: 50, instances: 2000},
}

const (
	waitingEach = 3                // commands for each instance
	bootsWithin = 20 * time.Second // of all instances
	sweepAt     = 5 * time.Second  // after each full minute
)

func (c storm) name() string {
	return fmt.Sprintf("throttled at %d a second, %d waiting", c.rate, waitingEach*c.instances)
}

func (c storm) measure(r *results) error {
	ours, err := c.run(r, strconv.Itoa(60*c.rate))
	if err != nil {
		return err
	}
	standard, err := c.run(r, "")
	if err != nil {
		return err
	}
	r.note(c.name(), "of the allowed rate", ours.share(c.rate), "%.0f %%", atLeast(80), c.today[0])
	r.note(c.name(), "wasted sends for each command", ratio(ours.refused, ours.accepted), "%.2f", atMost(0.05), c.today[1])
	r.note(c.name(), "Tablestore calls for each heartbeat", ratio(ours.calls, c.instances), "%.1f", goal{}, c.today[2])
	r.note(c.name(), "not sent when time was up", float64(waitingEach*c.instances-ours.accepted), "%.0f", goal{}, "")
	r.note(c.name(), "of the allowed rate, with the default AFTERCARE_SENDS_PER_MINUTE", standard.share(c.rate), "%.0f %%", goal{}, "")
	return nil
}

// drained is how a storm ended.
type drained struct {
	accepted, refused, calls int
	took                     time.Duration // to the last accepted command, or until time was up
}

// share is the share of the allowed rate that was used, in percent.
func (d drained) share(rate int) float64 {
	return 100 * float64(d.accepted) / (float64(rate) * d.took.Seconds())
}

// run has the fleet boot just after a full minute, with four processes for
// heartbeats and a sweep each minute, and waits until all commands are accepted.
func (c storm) run(r *results, sendsPerMinute string) (d drained, err error) {
	s, err := r.newSite(r.latency, newCloud(60*c.rate))
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := c.prepare(s); err != nil {
		return d, err
	}
	setting := "AFTERCARE_SENDS_PER_MINUTE=" + sendsPerMinute
	heartbeats, err := s.pool(budget.FirstHeartbeat, 4, time.Minute, setting)
	if err != nil {
		return d, err
	}
	sweeps, err := s.pool(budget.Sweep, 1, 55*time.Second, setting)
	if err != nil {
		return d, err
	}
	time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
	begun := time.Now()
	s.beginCount()
	broken := make(chan error, c.instances+100)
	for n := range c.instances {
		time.AfterFunc(bootsWithin*time.Duration(n)/time.Duration(c.instances), func() {
			s.boot(instanceOf(n))
			broken <- deliver(heartbeats, budget.Heartbeat(instanceOf(n)))
		})
	}
	sweep := time.NewTimer(sweepAt)
	look := time.NewTicker(100 * time.Millisecond)
	defer sweep.Stop()
	defer look.Stop()
	said := begun
	for {
		select {
		case err := <-broken:
			if err != nil {
				return d, err
			}
		case <-sweep.C:
			sweep.Reset(time.Minute)
			go func() {
				if _, err := sweeps.call([]byte(`{}`)); err != nil && !errors.Is(err, errFailed) {
					broken <- err
				}
			}()
		case now := <-look.C:
			accepted, refused, _, last := s.tally()
			done := accepted == waitingEach*c.instances
			if now.Sub(said) > 15*time.Second || done {
				said = now
				fmt.Fprintf(os.Stderr, "  %3.0f s: %d sent, %d refused\n", now.Sub(begun).Seconds(), accepted, refused)
			}
			if done || now.Sub(begun) > r.limit {
				d = drained{accepted: accepted, refused: refused, took: now.Sub(begun)}
				d.calls, _, _ = s.calls()
				if done {
					d.took = last.Sub(begun)
				}
				return d, nil
			}
		}
	}
}

// prepare queues the commands of all instances, which have not booted.
func (c storm) prepare(s *site) error {
	submit, err := s.pool(budget.SubmitTask, 4, 2*time.Minute, unlimited)
	if err != nil {
		return err
	}
	for n := range waitingEach {
		err := submit.mustAll(submissions(c.instances, budget.Submission{
			Key: fmt.Sprint("key ", n), Name: fmt.Sprint("check ", n), Content: "echo check", Timeout: "1h",
		}))
		if err != nil {
			return err
		}
	}
	return nil
}

func instanceOf(n int) string { return fmt.Sprintf("i-bench%06d", n) }

// submissions returns one submission for n instances, in payloads for 100 each.
func submissions(n int, s budget.Submission) [][]byte {
	var out [][]byte
	key := s.Key
	for from := 0; from < n; from += 100 {
		s.Instances, s.Key = nil, fmt.Sprint(key, " from ", from) // a key stands for one body
		for i := from; i < min(from+100, n); i++ {
			s.Instances = append(s.Instances, instanceOf(i))
		}
		out = append(out, s.Payload())
	}
	return out
}

// deliver delivers an event until the function does not fail, at most five
// times, as EventBridge does.
func deliver(to *pool, payload []byte) (err error) {
	for range 5 {
		if _, err = to.call(payload); !errors.Is(err, errFailed) {
			return err
		}
		time.Sleep(time.Second)
	}
	return err
}
