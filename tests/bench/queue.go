package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"aftercare/tests/bench/budget"
)

const (
	queuedCommands = 200
	queuedSize     = 12 << 10 // of each script
)

// measureQueue compares the CPU of an end that releases nothing on an instance
// with many queued commands and on one with none.
func (r *results) measureQueue() (err error) {
	s, err := r.newSite(r.latency, newCloud(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	submit, err := s.pool(budget.SubmitTask, 1, time.Minute)
	if err != nil {
		return err
	}
	script := "echo " + strings.Repeat("x", queuedSize)
	for n := range queuedCommands {
		if err := submit.mustAll(submissions(1, budget.Submission{Key: fmt.Sprint(n), Name: "check", Content: script})); err != nil {
			return err
		}
	}
	ends, err := s.pool(budget.TaskCompleted, 1, time.Minute)
	if err != nil {
		return err
	}
	p := s.processes[len(s.processes)-1]
	n := 0
	// lap has the process handle some ends of an instance's commands.
	lap := func(instance string) (time.Duration, error) {
		before, err := cpuTime(p.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		for range lapEvents {
			n++
			end := budget.Ended{Instance: instance, Invoke: fmt.Sprintf("t-queue%05d", n), Name: "other", Status: "Success", Exit: "0"}
			if err := ends.mustAll([][]byte{budget.End(end)}); err != nil {
				return 0, err
			}
		}
		after, err := cpuTime(p.cmd.Process.Pid)
		return (after - before) / lapEvents, err
	}
	var ratios []float64
	var queued []time.Duration
	for i := range r.rounds*r.events/lapEvents + 1 {
		empty, err := lap("i-empty")
		if err != nil {
			return err
		}
		full, err := lap(instanceOf(0))
		if err != nil {
			return err
		}
		if i > 0 {
			ratios, queued = append(ratios, float64(full)/float64(empty)), append(queued, full)
		}
	}
	const name = "an end, 200 commands of 12 KB in the queue"
	r.note(name, "CPU, times that of an empty queue", median(ratios), "%.2f", atMost(2), "24")
	r.note(name, "CPU", millis(median(queued)), "%.1f ms", goal{}, "54 ms")
	return nil
}
