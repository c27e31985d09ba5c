package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"aftercare/tests/bench/budget"
)

// measureStorm has a fleet boot within a minute, with commands that wait for each
// instance, and ends each command that ECS accepts. It is an error if a command did
// not run exactly once.
func (r *results) measureStorm() (err error) {
	c := newCloud(60 * r.rate)
	c.period = r.minute
	s, err := r.newSite(r.latency, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	fleet, total := storm{rate: r.rate, instances: r.instances}, waitingEach*r.instances
	if err := fleet.prepare(s); err != nil {
		return err
	}
	var settings []string
	if r.sends > 0 {
		settings = append(settings, fmt.Sprint("AFTERCARE_SENDS_PER_MINUTE=", r.sends))
	}
	if r.minute < time.Minute {
		settings = append(settings, "AFTERCARE_WAKE_PRECISION="+r.minute.String(), "AFTERCARE_CLAIM_GRACE=2s", "AFTERCARE_DEADLINE_MARGIN=100ms")
	}
	heartbeats, err := s.pool(budget.FirstHeartbeat, 4, r.minute, settings...)
	if err != nil {
		return err
	}
	ends, err := s.pool(budget.TaskCompleted, 4, r.minute, settings...)
	if err != nil {
		return err
	}
	sweeps, err := s.pool(budget.Sweep, 1, r.minute*11/12, settings...)
	if err != nil {
		return err
	}
	time.Sleep(time.Until(time.Now().Truncate(r.minute).Add(r.minute)))
	begun := time.Now()
	s.beginCount()
	broken := make(chan error, 4*r.instances+1)
	var delivering sync.WaitGroup
	booted := make([]time.Time, r.instances)
	for n := range r.instances {
		delivering.Add(1)
		time.AfterFunc(r.minute*time.Duration(n)/time.Duration(r.instances), func() {
			defer delivering.Done()
			s.boot(instanceOf(n))
			booted[n] = time.Now()
			broken <- deliver(heartbeats, budget.Heartbeat(instanceOf(n)))
		})
	}
	sweep := time.NewTicker(r.minute)
	look := time.NewTicker(20 * time.Millisecond)
	defer sweep.Stop()
	defer look.Stop()
	for ended := 0; ended < total; {
		select {
		case err := <-broken:
			if err != nil {
				return err
			}
		case <-sweep.C:
			delivering.Go(func() {
				if _, err := sweeps.call([]byte(`{}`)); err != nil {
					broken <- err
				}
			})
		case <-look.C:
			list := s.ends()
			for _, end := range list[ended:] {
				delivering.Go(func() { broken <- deliver(ends, budget.End(end)) })
			}
			if ended = len(list); time.Since(begun) > r.limit {
				return fmt.Errorf("%d of %d commands ran within %s", ended, total, r.limit)
			}
		}
	}
	delivering.Wait()
	took := time.Since(begun)
	for len(broken) > 0 {
		if err := <-broken; err != nil {
			return err
		}
	}
	return r.noteStorm(s, begun, took, booted)
}

// noteStorm checks that each command ran once, and notes the figures of a storm.
func (r *results) noteStorm(s *site, begun time.Time, took time.Duration, booted []time.Time) error {
	total := waitingEach * r.instances
	_, refused, _, last := s.tally()
	var waits []time.Duration
	ran := map[string]bool{}
	for _, a := range s.accepted {
		var n int
		if _, err := fmt.Sscanf(a.instance, "i-bench%d", &n); err != nil {
			return err
		}
		ran[a.instance+" "+a.name] = true
		waits = append(waits, a.at.Sub(booted[n]))
	}
	if len(ran) != total || len(s.accepted) != total {
		return fmt.Errorf("%d commands ran %d times, want each of %d once", len(ran), len(s.accepted), total)
	}
	most := 0
	for _, p := range s.processes {
		if all, _, err := residentKB(p.cmd.Process.Pid); err == nil {
			most = max(most, all)
		}
	}
	name := fmt.Sprintf("storm of %d, %d a second in a minute of %s", r.instances, r.rate, r.minute)
	calls, by, _ := s.calls()
	events := (1 + waitingEach) * r.instances
	for _, f := range []struct {
		what   string
		value  float64
		format string
	}{
		{"commands, each of which ran once", float64(total), "%.0f"},
		{"events/s", float64(events) / took.Seconds(), "%.0f"},
		{"heartbeat to release, p50", quantile(waits, 0.5).Seconds(), "%.2f s"},
		{"heartbeat to release, p99", quantile(waits, 0.99).Seconds(), "%.2f s"},
		{"Tablestore calls for each event", ratio(calls, events), "%.2f"},
		{"of these, loads", ratio(by["GetRange instances"], events), "%.2f"},
		{"refusals for each command, all made good later", ratio(refused, total), "%.3f"},
		{"the last command, times the ideal time", float64(last.Sub(begun)) / (float64(total) / float64(60*r.rate) * float64(r.minute)), "%.2f"},
		{"resident memory of a function, at most", float64(most) / 1024, "%.1f MB"},
	} {
		r.note(name, f.what, f.value, f.format, goal{}, "")
	}
	return nil
}
