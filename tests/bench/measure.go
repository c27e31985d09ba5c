package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/tests/bench/budget"
)

// sample is one round of one row.
type sample struct {
	cpu       time.Duration // for each event, of the process only
	p50, p99  time.Duration
	perSecond float64
	bytes     int64 // sent to the services, for each event
}

// series is a program's rounds of one row.
type series struct {
	samples []sample
	// calls are those of the event that made the most. differing counts the
	// events whose calls differ from the row's, and difference says how the
	// first of them differs.
	calls      budget.Calls
	events     int
	differing  int
	difference string
}

func (s *series) cpu() time.Duration {
	return of(s.samples, func(x sample) time.Duration { return x.cpu })
}
func (s *series) p50() time.Duration {
	return of(s.samples, func(x sample) time.Duration { return x.p50 })
}
func (s *series) p99() time.Duration {
	return of(s.samples, func(x sample) time.Duration { return x.p99 })
}
func (s *series) perSecond() float64 {
	return of(s.samples, func(x sample) float64 { return x.perSecond })
}
func (s *series) bytes() int64 { return of(s.samples, func(x sample) int64 { return x.bytes }) }

// ratio returns the median of the rounds' ratios of CPU to another series, each
// round compared with the same round there.
func (s *series) ratio(to *series) float64 {
	ratios := make([]float64, len(s.samples))
	for i := range ratios {
		ratios[i] = float64(s.samples[i].cpu) / float64(to.samples[i].cpu)
	}
	return median(ratios)
}

// timeout returns the timeout of a row's invocations.
func timeout(row budget.Row) time.Duration {
	if row.Timeout > 0 {
		return row.Timeout
	}
	return 10 * time.Second
}

// event has a process handle one event of a row.
func (p *process) event(row budget.Row, payload []byte) (time.Duration, error) {
	a, err := p.invoke(row.Name, payload, timeout(row))
	return a.took, err
}

// lap is a part of a round.
type lap struct {
	cpu, all time.Duration
	took     []time.Duration
	bytes    int64
}

// runLap has a process handle n events of a row, one after another, and adds
// them to l.
func (s *series) runLap(p *process, row budget.Row, seen budget.Observation, n int, l *lap) error {
	p.answerWith(seen.Calls)
	before, err := cpuTime(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	begun := time.Now()
	for range n {
		took, err := p.event(row, seen.Payload)
		if err != nil {
			return err
		}
		l.took = append(l.took, took)
		calls, sent := p.invocationCalls()
		l.bytes += sent
		s.note(row, budget.Sort(calls))
	}
	l.all += time.Since(begun)
	after, err := cpuTime(p.cmd.Process.Pid)
	l.cpu += after - before
	return err
}

// note notes the calls of one event.
func (s *series) note(row budget.Row, c budget.Calls) {
	if s.events == 0 || c.Count() > s.calls.Count() {
		s.calls = c
	}
	s.events++
	if d := row.Differences(c); len(d) > 0 {
		if s.differing == 0 {
			s.difference = strings.Join(d, "; ")
		}
		s.differing++
	}
}

// add adds a round, given all its laps in one.
func (s *series) add(l lap) {
	n := len(l.took)
	s.samples = append(s.samples, sample{
		cpu: l.cpu / time.Duration(n), p50: quantile(l.took, 0.5), p99: quantile(l.took, 0.99),
		perSecond: float64(n) / l.all.Seconds(), bytes: l.bytes / int64(n),
	})
}

// lapEvents is how many events a process handles before the other's turn: few,
// so that other load on the machine slows both alike.
const lapEvents = 5

// duel measures n events of a row on two processes that take turns.
func duel(row budget.Row, seen budget.Observation, n int, p [2]*process, s [2]*series) error {
	var laps [2]lap
	for done := 0; done < n; done += lapEvents {
		for i := range p {
			i = (i + done/lapEvents) % 2
			if err := s[i].runLap(p[i], row, seen, min(lapEvents, n-done), &laps[i]); err != nil {
				return err
			}
		}
	}
	for i := range s {
		s[i].add(laps[i])
	}
	return nil
}

// events returns how many events of a row to measure in a round: n, and fewer
// for a row that takes long.
func events(row budget.Row, n int) int { return max(n*4/(4+row.ECS), min(n, 10)) }

// startTimes is the time from a process's start to its first poll and to its
// first answer.
type startTimes struct {
	poll, answer time.Duration
	// idle is the no-op's time to its first poll, measured just before or after.
	idle time.Duration
}

// measureStart starts a program twice: once with the deployed flows, until it
// polls, and once until it has handled one event of the row. Both include the
// time to create the process. The bare handler reads its plan meanwhile.
func (r *results) measureStart(name string, row budget.Row) (s startTimes, err error) {
	order := []string{noop, name}
	polls := []*time.Duration{&s.idle, &s.poll}
	if len(r.starts[name])%2 > 0 { // the second of two is a little faster
		slices.Reverse(order)
		slices.Reverse(polls)
	}
	for i, program := range order {
		if *polls[i], err = firstPoll(r.binary(program), r.latency, r.environment(shippedFlows, row)); err != nil {
			return s, err
		}
	}
	if name == alerts {
		return s, nil
	}
	p, err := start(r.binary(name), r.latency, r.environment(rowFlows, row))
	if err != nil {
		return s, err
	}
	defer p.end()
	p.answerWith(r.seen[row.Name].Calls)
	_, err = p.event(row, r.seen[row.Name].Payload)
	s.answer = time.Since(p.started)
	return s, err
}

func firstPoll(binary string, latency time.Duration, env environment) (time.Duration, error) {
	p, err := start(binary, latency, env)
	if err != nil {
		return 0, err
	}
	defer p.end()
	return p.firstPoll()
}

// footprint is a process's memory and dials after many invocations.
type footprint struct {
	residentKB, ownKB int // medians of the second half
	dials             int
}

// footprintAfter starts a process, has it handle n events, of each row in turn,
// and returns its footprint.
func footprintAfter(binary string, o options, env environment, rows []budget.Row, seen map[string]budget.Observation, n int) (footprint, error) {
	p, err := start(binary, o.latency, env)
	if err != nil {
		return footprint{}, err
	}
	defer p.end()
	var all, own []int
	for i := range n {
		row := rows[i%len(rows)]
		p.answerWith(seen[row.Name].Calls)
		if _, err := p.event(row, seen[row.Name].Payload); err != nil {
			return footprint{}, err
		}
		if i < n/2 || i%10 > 0 {
			continue
		}
		a, o, err := residentKB(p.cmd.Process.Pid)
		if err != nil {
			return footprint{}, err
		}
		all, own = append(all, a), append(own, o)
	}
	return footprint{median(all), median(own), int(p.door.dials.Load())}, nil
}

// crowd is many processes of one program that share the events.
type crowd []*process

func startCrowd(binary string, o options, env environment, n int) (crowd, error) {
	var c crowd
	for range n {
		p, err := start(binary, o.latency, env)
		if err != nil {
			c.end()
			return nil, err
		}
		c = append(c, p)
	}
	return c, nil
}

func (c crowd) end() {
	for _, p := range c {
		p.end()
	}
}

// handle has the crowd handle n events of a row, all processes at once.
func (c crowd) handle(row budget.Row, seen budget.Observation, n int) (sample, error) {
	type result struct {
		took []time.Duration
		err  error
	}
	results := make(chan result, len(c))
	each := (n + len(c) - 1) / len(c)
	for _, p := range c { // not measured, because the first event dials
		p.answerWith(seen.Calls)
		if _, err := p.event(row, seen.Payload); err != nil {
			return sample{}, err
		}
	}
	begun := time.Now()
	for _, p := range c {
		go func() {
			var r result
			for range each {
				took, err := p.event(row, seen.Payload)
				if err != nil {
					r.err = err
					break
				}
				r.took = append(r.took, took)
			}
			results <- r
		}()
	}
	var took []time.Duration
	for range c {
		r := <-results
		if r.err != nil {
			return sample{}, fmt.Errorf("%d processes, %s: %w", len(c), row.Name, r.err)
		}
		took = append(took, r.took...)
	}
	return sample{
		p50: quantile(took, 0.5), p99: quantile(took, 0.99),
		perSecond: float64(len(took)) / time.Since(begun).Seconds(),
	}, nil
}
