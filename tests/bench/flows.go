package main

import (
	"fmt"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
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

// manyStart is a function's time from its start to its first poll, with the
// deployed flows and with the most flows, and to its first answer with the most.
type manyStart struct{ shipped, most, answer time.Duration }

// decision is the speed of decisions about a command's end with many flows.
type decision struct {
	flows      int
	none, some float64       // decisions a second if no flow starts, and if some do
	first      time.Duration // the first decision takes
}

func (r *results) measureFlows() error {
	row := r.rowsOf(budget.TaskCompleted)[0]
	if err := r.observe(row); err != nil {
		return err
	}
	for i := range r.options.starts {
		var s manyStart
		turns := []struct {
			flows string
			took  *time.Duration
		}{{shippedFlows, &s.shipped}, {manyFlows, &s.most}}
		if i%2 > 0 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			var err error
			if *turn.took, err = firstPoll(r.binary(budget.TaskCompleted), r.latency, r.environment(turn.flows)); err != nil {
				return err
			}
		}
		p, err := start(r.binary(budget.TaskCompleted), r.latency, r.environment(manyFlows))
		if err != nil {
			return err
		}
		p.answerWith(r.seen[row.Name].Calls)
		_, err = p.event(row, r.seen[row.Name].Payload)
		s.answer = time.Since(p.started)
		p.end()
		if err != nil {
			return err
		}
		r.manyStarts = append(r.manyStarts, s)
	}
	for _, n := range []int{10, 100, most} {
		d, err := r.decideWith(n)
		if err != nil {
			return err
		}
		r.decisions = append(r.decisions, d)
	}
	return nil
}

// decideWith measures decisions with n flows in this process, without calls and
// logs.
func (r *results) decideWith(n int) (decision, error) {
	stored, err := flow.Store(copies(r.shipped, n))
	if err != nil {
		return decision{}, err
	}
	set, err := flow.Load(stored)
	if err != nil {
		return decision{}, err
	}
	p := decide.DefaultPolicy()
	p.Flows = set
	now := time.Now().UTC()
	s := decide.NewState("i-bench")
	s.Instance.Rev, s.Instance.Boot, s.Instance.BootSeq, s.Instance.BootSince = 1, decide.BootBootable, 1, now
	end := func(status event.Status) decide.Ended {
		return decide.Ended{Received: now, Source: decide.SourceEvent, Event: event.TaskCompleted{
			Envelope:   event.Envelope{ID: "e-bench", Kind: event.KindTaskCompleted, Time: now},
			InstanceID: "i-bench", InvokeID: "t-bench", CommandName: "other", Status: status,
			RepeatMode: "Once", StartTime: now, FinishTime: now,
		}}
	}
	decide := func(in decide.Input) decide.Decision {
		return decide.Decide(s, in, decide.Facts{}, p, decide.Moment{
			Now: now, Claim: decide.Claim{Commit: "bench", Until: now.Add(time.Minute)},
		})
	}
	d := decision{flows: n}
	begun := time.Now()
	decide(end(event.StatusSuccess))
	d.first = time.Since(begun)
	if runs := len(decide(end(event.StatusFailed)).Next.Runs); runs == 0 {
		return d, fmt.Errorf("no flow of %d starts on a failed command", n)
	}
	d.none = perSecond(r.rounds, func() { decide(end(event.StatusSuccess)) })
	d.some = perSecond(r.rounds, func() { decide(end(event.StatusFailed)) })
	return d, nil
}

// perSecond returns the median of how many times a second f can run.
func perSecond(rounds int, f func()) float64 {
	var rates []float64
	for range rounds {
		n, begun := 0, time.Now()
		for time.Since(begun) < 200*time.Millisecond {
			f()
			n++
		}
		rates = append(rates, float64(n)/time.Since(begun).Seconds())
	}
	return median(rates)
}

func (r *results) flows() *table {
	ratios := make([]float64, len(r.manyStarts))
	for i, s := range r.manyStarts {
		ratios[i] = float64(s.most) / float64(s.shipped)
	}
	t := &table{
		title: fmt.Sprintf("Start of task-completed with %d flows, taking turns with the %d deployed ones", most, len(r.shipped)),
		head:  []string{"to the first poll, deployed", fmt.Sprintf("%d flows", most), "ratio", fmt.Sprintf("goal ≤ %.1f", goalMany), "to the first answer"},
	}
	ratio := median(ratios)
	t.add(ms(of(r.manyStarts, func(s manyStart) time.Duration { return s.shipped })),
		ms(of(r.manyStarts, func(s manyStart) time.Duration { return s.most })), times(ratio), judge(ratio, goalMany),
		ms(of(r.manyStarts, func(s manyStart) time.Duration { return s.answer })))
	return t
}

func (r *results) decide() *table {
	t := &table{
		title: "Decisions about the end of a command, in process, without calls",
		head:  []string{"flows", "decisions/s if none starts", "if some start", "first decision"},
	}
	for _, d := range r.decisions {
		t.add(fmt.Sprint(d.flows), whole(d.none), whole(d.some), ms(d.first))
	}
	return t
}
