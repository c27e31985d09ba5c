package main

import (
	"fmt"
	"slices"
	"time"

	"aftercare/shared/flow"
	"aftercare/tests/bench/budget"
)

// most is the largest number of flows to measure with.
const most = 500

// copies returns n flows: the given ones, and copies of them under other names.
func copies(flows []flow.Definition, n int) []flow.Definition {
	var out []flow.Definition
	for i := range n {
		d := flows[i%len(flows)]
		if i >= len(flows) {
			d.Name = fmt.Sprintf("%s-%d", d.Name, i)
			d.When += fmt.Sprintf(" && event.instanceId != %q", d.Name)
		}
		out = append(out, d)
	}
	return out
}

// manyFlowsFigures compares a process of task-completed that has the most flows
// with one that has the deployed ones.
type manyFlowsFigures struct {
	shipped, most, answer []time.Duration // from the start to the first poll; with the most, to the first answer
	few, many             series          // of ends that start nothing
}

func (r *results) measureFlows() error {
	row := budget.Rows()[0]
	if err := r.prepare(); err != nil {
		return err
	}
	m := &r.manyFlows
	for i := range r.options.starts {
		turns := []struct {
			flows string
			took  *[]time.Duration
		}{{shippedFlows, &m.shipped}, {manyFlows, &m.most}}
		if i%2 > 0 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			took, err := firstPoll(r.binary(row.Function), r.latency, r.environment(turn.flows, row))
			if err != nil {
				return err
			}
			*turn.took = append(*turn.took, took)
		}
	}
	var processes [2]*process
	for i, flows := range []string{shippedFlows, manyFlows} {
		p, err := start(r.binary(row.Function), r.latency, r.environment(flows, row))
		if err != nil {
			return err
		}
		defer p.end()
		processes[i] = p
		p.answerWith(r.seen[row.Name].Calls)
		if _, err := p.event(row, r.seen[row.Name].Payload); err != nil {
			return err
		}
		m.answer = append(m.answer, time.Since(p.started))
	}
	for range r.rounds {
		if err := r.observe(row); err != nil {
			return err
		}
		if err := duel(row, r.seen[row.Name], r.events, processes, [2]*series{&m.few, &m.many}); err != nil {
			return err
		}
	}
	return nil
}

func (r *results) flows() *table {
	m := &r.manyFlows
	ratios := make([]float64, len(m.most))
	for i := range ratios {
		ratios[i] = float64(m.most[i]) / float64(m.shipped[i])
	}
	ratio := median(ratios)
	t := &table{
		title: fmt.Sprintf("task-completed with %d flows, taking turns with the %d deployed ones", most, len(r.shipped)),
		head: []string{
			"to the first poll, deployed", fmt.Sprintf("%d flows", most), "ratio", fmt.Sprintf("goal ≤ %.1f", goalMany),
			"to the first answer, deployed", fmt.Sprintf("%d flows", most), "CPU of an end that starts none, ratio",
		},
	}
	t.add(ms(median(m.shipped)), ms(median(m.most)), times(ratio), r.judge(ratio, atMost(goalMany)),
		ms(m.answer[0]), ms(m.answer[1]), times(m.many.ratio(&m.few)))
	return t
}
