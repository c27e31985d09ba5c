// Command bench measures the functions' real binaries: the calls, CPU and time
// of an event, and the start and memory of a process. It compares each figure
// with its goal, and with two programs measured in the same run: a bare
// handler, which makes the same calls through the same SDKs, and a function
// that does nothing.
//
// The functions run under a local runtime API. When an event's cost is measured,
// stand-ins for their services give the local cloud's answers, recorded anew for
// every round, after a fixed time. When many events meet, they call the local
// Tablestore, which keeps state, and a stand-in for ECS that refuses commands as
// the vendor documents. All state comes from events and submissions. Without TLS
// and distance, times and CPU are lower than in production, both for the
// functions and for the bare handler. Function Compute's own part of a cold
// start is not measured.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	"aftercare/tests/bench/budget"
)

// options are the command's flags.
type options struct {
	rounds     int
	events     int
	starts     int
	settle     int
	wakeUps    int
	executions int
	instances  int
	rate       int
	sends      int
	minute     time.Duration
	latency    time.Duration
	limit      time.Duration
	parts      *regexp.Regexp
	markdown   bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how many times to measure everything; the medians are printed")
	flag.IntVar(&o.events, "events", 100, "events of each kind in a round; fewer of kinds that send many commands")
	flag.IntVar(&o.wakeUps, "wakeups", 10_000, "how many wake-ups a sweep finds due")
	flag.IntVar(&o.executions, "executions", 100_000, "how many executions an instance has had")
	flag.IntVar(&o.instances, "instances", 200, "how many instances boot in a storm")
	flag.IntVar(&o.rate, "rate", 50, "how many commands a second ECS allows in a storm")
	flag.IntVar(&o.sends, "sends", 0, "AFTERCARE_SENDS_PER_MINUTE in a storm; 0 for the default")
	flag.DurationVar(&o.minute, "minute", time.Minute, "what counts as a minute of the clock in a storm; the functions get it as AFTERCARE_WAKE_PRECISION")
	flag.DurationVar(&o.latency, "latency", time.Millisecond, "the time that Tablestore and ECS take to answer")
	flag.DurationVar(&o.limit, "limit", 4*time.Minute, "how long to wait until a throttled fleet has got its commands")
	quick := flag.Bool("quick", false, "measure a little of everything: the figures are rough")
	pattern := flag.String("run", "", "measure only the parts whose names match this `regexp`: "+strings.Join(names(), "; "))
	flag.BoolVar(&o.markdown, "markdown", false, "print the tables in Markdown")
	flag.Parse()
	o.starts, o.settle = 8*o.rounds, 1000
	if *quick {
		o.rounds, o.events, o.starts, o.settle = min(o.rounds, 2), min(o.events, 20), 6, 200
		o.wakeUps, o.executions, o.limit = min(o.wakeUps, 500), min(o.executions, 5000), min(o.limit, time.Minute)
	}
	var err error
	if o.parts, err = regexp.Compile(*pattern); err == nil {
		err = run(os.Stdout, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is one part of the benchmark, with its tables beside the one of all
// goals.
type part struct {
	name    string
	measure func(*results) error
	tables  []func(*results) *table
}

func parts() []part {
	list := []part{
		{"events", (*results).measureEvents, []func(*results) *table{(*results).eventCosts, (*results).calls, (*results).million}},
		{"processes", (*results).measureProcesses, []func(*results) *table{(*results).processes}},
		{"many flows", (*results).measureFlows, []func(*results) *table{(*results).flows}},
		{"many processes", (*results).measureCrowds, []func(*results) *table{(*results).many}},
		{"local Tablestore", (*results).measureTablestore, []func(*results) *table{(*results).local}},
		{"an end beside a queue", (*results).measureQueue, nil},
		{"storm", (*results).measureStorm, nil},
		{"failures", (*results).measureFailures, nil},
		{"instance with a history", (*results).measureView, nil},
		{"lists", (*results).measureLists, nil},
		{"decisions", (*results).measureDecisions, nil},
	}
	for _, c := range contentions {
		list = append(list, part{name: c.name, measure: c.measure})
	}
	for _, c := range sweepings {
		list = append(list, part{name: c.name, measure: c.measure})
	}
	for _, c := range storms {
		list = append(list, part{name: c.name(), measure: c.measure})
	}
	return list
}

func names() []string {
	var out []string
	for _, p := range parts() {
		out = append(out, p.name)
	}
	return out
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
	var errs []error
	for _, part := range parts() {
		if !o.parts.MatchString(part.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\n", part.name)
		if err := part.measure(r); err != nil { // the others took long, too
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
			continue
		}
		for _, t := range part.tables {
			t(r).print(out, o.markdown)
		}
	}
	r.cases().print(out, o.markdown)
	fmt.Fprintf(out, "\n%d goals met, %d missed; load at the end %s; took %s\n", r.met, r.missed, load(), time.Since(begun).Round(time.Second))
	return errors.Join(errs...)
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
	manyFlows        manyFlowsFigures
	footprints       map[string]footprint
	crowds           map[string]map[int]sample // by row and number of processes
	tablestore       []operation
	figures          []figure
	met, missed      int // goals
}

// prepare observes every row once, and writes the plans of the bare handler.
func (r *results) prepare() error {
	if r.seen != nil {
		return r.observe(r.rows...)
	}
	r.seen = map[string]budget.Observation{}
	if err := r.observe(r.rows...); err != nil {
		return err
	}
	for _, row := range r.rows {
		calls, err := planOf(r.seen[row.Name].Calls)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.plan(row), encodePlan(calls), 0o600); err != nil {
			return err
		}
	}
	return nil
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

// rowsOf returns the rows of a function. The other programs have no rows of
// their own: they are measured with the first.
func (r *results) rowsOf(program string) []budget.Row {
	var out []budget.Row
	for _, row := range r.rows {
		if row.Function == program {
			out = append(out, row)
		}
	}
	if out == nil {
		return r.rows[:1]
	}
	return out
}

// warmUp is how many events of each row a process handles before the first round.
const warmUp = 10

func (r *results) measureEvents() error {
	if err := r.prepare(); err != nil {
		return err
	}
	r.functions, r.bares = map[string]*series{}, map[string]*series{}
	processes := map[string]*process{}
	begin := func(key, program string, rows ...budget.Row) error {
		p, err := start(r.binary(program), r.latency, r.environment(rowFlows, rows[0]))
		if err != nil {
			return err
		}
		processes[key] = p
		for _, row := range rows {
			p.answerWith(r.seen[row.Name].Calls)
			for range events(row, warmUp) {
				if _, err := p.event(row, r.seen[row.Name].Payload); err != nil {
					return err
				}
			}
		}
		return nil
	}
	defer func() {
		for _, p := range processes {
			p.end()
		}
	}()
	for _, name := range append([]string{noop, raw}, budget.Functions...) {
		if err := begin(name, name, r.rowsOf(name)...); err != nil {
			return err
		}
	}
	for _, row := range r.rows { // a bare handler knows one plan
		r.functions[row.Name], r.bares[row.Name] = &series{}, &series{}
		if err := begin(bare+row.Name, bare, row); err != nil {
			return err
		}
	}
	for range r.rounds {
		for _, row := range r.rows {
			if err := r.observe(row); err != nil {
				return err
			}
			err := duel(row, r.seen[row.Name], events(row, r.events),
				[2]*process{processes[row.Function], processes[bare+row.Name]}, [2]*series{r.functions[row.Name], r.bares[row.Name]})
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
	worst := 0.0
	for _, row := range r.rows {
		worst = max(worst, r.functions[row.Name].ratio(r.bares[row.Name]))
	}
	r.note("an input", "CPU, times the bare handler's: the highest", worst, "%.2f", atMost(goalCPU), "1.36, flattered by 6 to 9 %")
	end := r.functions[r.rows[0].Name].calls
	r.note("an execution", "Tablestore calls in order", float64(len(end.Path)), "%.0f", atMost(2), "2")
	r.note("an execution", "Tablestore calls beside them", float64(len(end.Beside)), "%.0f", atMost(1), "2")
	return nil
}

// compared lists the programs whose starts and memory are compared.
func compared() []string {
	return append(budget.Functions[:len(budget.Functions):len(budget.Functions)], bare, noop, raw)
}

func (r *results) measureProcesses() error {
	if err := r.prepare(); err != nil {
		return err
	}
	r.starts = map[string][]startTimes{}
	for range r.options.starts {
		for _, name := range append(compared(), alerts) {
			row := r.rowsOf(name)[0]
			s, err := r.measureStart(name, row)
			if err != nil {
				return err
			}
			r.starts[name] = append(r.starts[name], s)
		}
	}
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
		f, err := footprintAfter(r.binary(name), r.options, r.environment(rowFlows, rows[0]), rows, r.seen, r.options.settle)
		if err != nil {
			return err
		}
		r.footprints[name] = f
	}
	var size, poll, resident float64
	for _, name := range budget.Functions {
		mb, err := r.sizeMB(name)
		if err != nil {
			return err
		}
		size, poll, resident = max(size, mb), max(poll, r.pollRatio(name)), max(resident, r.residentRatio(name))
	}
	r.note("a function", "binary: the largest", size, "%.1f MB", atMost(goalSizeMB), "14.2 MB")
	r.note("a function", "resident memory, times a no-op's: the highest", resident, "%.2f", atMost(goalResident), "1.69")
	r.note("a function", "start to first poll, times a no-op's: the highest", poll, "%.2f", atMost(goalPoll), "1.68")
	if size, err := r.sizeMB(alerts); err == nil {
		r.note("the function alerts", "binary", size, "%.1f MB", atMost(goalAlertsMB), "")
	}
	r.note("the function alerts", "start to first poll, times a no-op's", r.pollRatio(alerts), "%.2f", atMost(goalPoll), "")
	return nil
}

// crowdSizes lists how many processes run at once.
func (r *results) crowdSizes() []int {
	if r.events < 50 {
		return []int{10}
	}
	return []int{10, 50}
}

func (r *results) measureCrowds() error {
	if err := r.prepare(); err != nil {
		return err
	}
	r.crowds = map[string]map[int]sample{}
	for _, name := range budget.Functions {
		for _, size := range r.crowdSizes() {
			if err := r.observe(r.rowsOf(name)...); err != nil {
				return err
			}
			c, err := startCrowd(r.binary(name), r.options, r.environment(rowFlows, r.rows[0]), size)
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
