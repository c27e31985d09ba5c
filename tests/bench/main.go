// Command bench measures the functions' real binaries: the calls, CPU and time
// of an event, and the start and memory of a process. It compares each figure
// with its goal, and with two programs measured in the same run: a bare
// handler, which makes the same calls through the same SDKs, and a function
// that does nothing.
//
// The functions run under a local runtime API. Stand-ins for their services
// give the local cloud's answers, recorded anew for every round, after a fixed
// time. Without TLS and distance, times and CPU are lower than in production,
// both for the functions and for the bare handler. Function Compute's own part
// of a cold start is not measured.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/plan"
)

// options are the command's flags.
type options struct {
	rounds   int
	events   int
	starts   int
	settle   int
	latency  time.Duration
	quick    bool
	markdown bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how many times to measure everything; the medians are printed")
	flag.IntVar(&o.events, "events", 100, "events of each kind in a round; fewer of kinds that send many commands")
	flag.DurationVar(&o.latency, "latency", time.Millisecond, "the time that Tablestore, ECS and the webhook take to answer")
	flag.BoolVar(&o.quick, "quick", false, "measure for half a minute only: the figures are rough")
	flag.BoolVar(&o.markdown, "markdown", false, "print the tables in Markdown")
	flag.Parse()
	o.starts, o.settle = 8*o.rounds, 1000
	if o.quick {
		o.rounds, o.events, o.starts, o.settle = min(o.rounds, 2), min(o.events, 20), 6, 200
	}
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, o options) error {
	begun := time.Now()
	dir, err := os.MkdirTemp("", "aftercare-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(os.Stderr, "building\n")
	p, err := build(dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s/%s, %d CPUs, load %s; %d rounds of up to %d events, services answer in %s\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load(), o.rounds, o.events, o.latency)
	r := &results{options: o, programs: p, rows: budget.Rows()}
	for _, part := range []struct {
		name    string
		measure func(*results) error
	}{
		{"planning", (*results).prepare},
		{"measuring events", (*results).measureEvents},
		{"measuring starts", (*results).measureStarts},
		{"measuring many flows", (*results).measureFlows},
		{"measuring memory", (*results).measureFootprints},
		{"measuring many processes", (*results).measureCrowds},
		{"measuring the local Tablestore", (*results).measureTablestore},
	} {
		fmt.Fprintf(os.Stderr, "%s\n", part.name)
		if err := part.measure(r); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	for _, t := range r.tables() {
		t.print(out, o.markdown)
	}
	fmt.Fprintf(out, "\n%s; load at the end %s; took %s\n", r.verdict(), load(), time.Since(begun).Round(time.Second))
	return nil
}

// results is everything that is measured.
type results struct {
	options
	programs
	rows []budget.Row
	seen map[string]budget.Observation // by row, the latest

	functions, bares map[string]*series // by row
	noop, raw        series
	starts           map[string][]startTimes // by program
	manyStarts       []manyStart
	decisions        []decision
	footprints       map[string]footprint
	crowds           map[string]map[int]sample // by row and number of processes
	tablestore       []operation
}

// prepare observes every row once, and writes the plan of the bare handler.
func (r *results) prepare() error {
	r.seen = map[string]budget.Observation{}
	r.functions, r.bares = map[string]*series{}, map[string]*series{}
	if err := r.observe(r.rows...); err != nil {
		return err
	}
	p := plan.Plan{}
	for _, row := range r.rows {
		r.functions[row.Name], r.bares[row.Name] = &series{}, &series{}
		calls, err := planOf(r.seen[row.Name].Calls)
		if err != nil {
			return err
		}
		p[row.Name] = calls
	}
	return os.WriteFile(r.plan(), encodePlan(p), 0o600)
}

// observe observes rows anew. An observation ages: two minutes later the same
// events would ask for the agent's status, or find a wake-up due.
func (r *results) observe(rows ...budget.Row) error {
	for _, row := range rows {
		seen, err := observe(row)
		if err != nil {
			return err
		}
		r.seen[row.Name] = seen
	}
	return nil
}

// rowsOf returns the rows of a function, and all rows for other programs.
func (r *results) rowsOf(program string) []budget.Row {
	var out []budget.Row
	for _, row := range r.rows {
		if row.Function == program {
			out = append(out, row)
		}
	}
	if out == nil {
		return r.rows
	}
	return out
}

// warmUp is how many events of each row a process handles before the first round.
const warmUp = 10

func (r *results) measureEvents() error {
	env := r.environment(rowFlows)
	processes := map[string]*process{}
	for _, name := range append([]string{bare, noop, raw}, budget.Functions...) {
		p, err := start(r.binary(name), r.latency, env)
		if err != nil {
			return err
		}
		defer p.end()
		processes[name] = p
		for _, row := range r.rowsOf(name) {
			p.answerWith(r.seen[row.Name].Calls)
			for range events(row, warmUp) {
				if _, err := p.event(row, r.seen[row.Name].Payload); err != nil {
					return err
				}
			}
		}
	}
	for range r.rounds {
		for _, row := range r.rows {
			if err := r.observe(row); err != nil {
				return err
			}
			err := duel(row, r.seen[row.Name], events(row, r.events),
				[2]*process{processes[row.Function], processes[bare]}, [2]*series{r.functions[row.Name], r.bares[row.Name]})
			if err != nil {
				return err
			}
		}
		idle := r.rows[0]
		err := duel(idle, r.seen[idle.Name], r.events,
			[2]*process{processes[noop], processes[raw]}, [2]*series{&r.noop, &r.raw})
		if err != nil {
			return err
		}
	}
	return nil
}

// compared lists the programs whose starts and memory are compared.
func compared() []string {
	return append(budget.Functions[:len(budget.Functions):len(budget.Functions)], bare, noop, raw)
}

func (r *results) measureStarts() error {
	r.starts = map[string][]startTimes{}
	if err := r.observe(r.rows...); err != nil {
		return err
	}
	for range r.options.starts {
		for _, name := range compared() {
			row := r.rowsOf(name)[0]
			s, err := r.measureStart(name, row)
			if err != nil {
				return err
			}
			r.starts[name] = append(r.starts[name], s)
		}
	}
	return nil
}

func (r *results) measureFootprints() error {
	r.footprints = map[string]footprint{}
	for _, name := range compared() {
		var rows []budget.Row
		for _, row := range r.rowsOf(name) {
			if row.ECS <= 3 {
				rows = append(rows, row)
			}
		}
		if err := r.observe(rows...); err != nil {
			return err
		}
		f, err := footprintAfter(r.binary(name), r.options, r.environment(rowFlows), rows, r.seen, r.options.settle)
		if err != nil {
			return err
		}
		r.footprints[name] = f
	}
	return nil
}

// crowdSizes lists how many processes run at once.
func (r *results) crowdSizes() []int {
	if r.quick {
		return []int{10}
	}
	return []int{10, 50}
}

func (r *results) measureCrowds() error {
	r.crowds = map[string]map[int]sample{}
	for _, name := range budget.Functions {
		for _, size := range r.crowdSizes() {
			if err := r.observe(r.rowsOf(name)...); err != nil {
				return err
			}
			c, err := startCrowd(r.binary(name), r.options, r.environment(rowFlows), size)
			if err != nil {
				return err
			}
			for _, row := range r.rowsOf(name) {
				s, err := c.handle(row, r.seen[row.Name], 4*events(row, r.events))
				if err != nil {
					c.end()
					return err
				}
				if r.crowds[row.Name] == nil {
					r.crowds[row.Name] = map[int]sample{}
				}
				r.crowds[row.Name][size] = s
			}
			c.end()
		}
	}
	return nil
}
