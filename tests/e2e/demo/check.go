package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/cloud"
)

// check compares one outcome with what it should be.
type check struct {
	step      int // of the scenario
	what      string
	got, want string
}

func (c check) ok() bool { return c.got == c.want }

func (s *story) check(step int, what string, got, want any) {
	s.checks = append(s.checks, check{step, what, fmt.Sprint(got), fmt.Sprint(want)})
}

// each checks one thing on every instance, in one row.
func (s *story) each(step int, what string, got, want func(id string) any) {
	row := func(of func(id string) any) string {
		first, same := fmt.Sprint(of(instances[0])), true
		var all []string
		for _, id := range instances {
			value := fmt.Sprint(of(id))
			all = append(all, strings.TrimPrefix(id, "i-demo-")+" "+value)
			same = same && value == first
		}
		if same {
			return first + " on each"
		}
		return strings.Join(all, ", ")
	}
	s.check(step, what, row(got), row(want))
}

// facts is the outcome of the scenario.
type facts struct {
	all     map[string]ledger.Records // by instance
	tasks   map[string]decide.Task    // by id
	runs    map[string][]cloud.Run    // by instance, in the order in which they started
	history map[string][]ledger.Entry // by instance
	log     []logLine
	received
}

// given returns the name that a person or a flow gave to a command that ran:
// its task has it. The name on the wire only leads to the task.
func (f facts) given(r cloud.Run) string {
	_, id := command.Split(r.Name)
	return f.tasks[id].Name
}

// checkAll checks the outcome of the scenario.
func (s *story) checkAll(ctx context.Context) (err error) {
	f := facts{tasks: map[string]decide.Task{}, runs: map[string][]cloud.Run{}}
	if f.all, err = s.recorded(ctx); err != nil {
		return err
	}
	for _, id := range instances {
		if f.runs[id], err = s.c.Runs(ctx, id); err != nil {
			return err
		}
		for _, t := range f.all[id].Tasks {
			f.tasks[t.ID] = t
		}
	}
	if f.history, err = s.history(ctx); err != nil {
		return err
	}
	// One for every command and step that ended badly, two by restart-api, its onFailure
	// and its limit, and two about commands that waited too long.
	bad := badEnds(f.all)
	alerts := 4 + len(bad)
	if err := s.until(ctx, "the alerts", func() (bool, error) {
		f.received, err = s.received(ctx)
		return len(f.heard) >= alerts && f.firing() >= alerts && len(f.over) >= 2, err
	}); err != nil {
		maps.DeleteFunc(bad, func(about string, _ bool) bool { return f.heard[about] })
		return fmt.Errorf("%w: %d of %d came, %d of them open, and %d are over; not among them are %q", err,
			len(f.heard), alerts, f.firing(), len(f.over), slices.Sorted(maps.Keys(bad)))
	}
	if f.log, err = s.c.functionLog(); err != nil {
		return err
	}
	s.checkOrder(f)
	s.checkNames(f)
	s.checkEnds(f)
	s.checkDiagnostics(f)
	s.checkSwept(f)
	s.checkRestarts(f.all, f.log, f.alerts)
	if err := s.checkOperated(ctx, f); err != nil {
		return err
	}
	s.checkAlerts(f, alerts)
	if err := s.checkBacktest(ctx, f); err != nil {
		return err
	}
	return s.checkOnce(ctx, f)
}

// history reads the history of the scenario.
func (s *story) history(ctx context.Context) (map[string][]ledger.Entry, error) {
	history := map[string][]ledger.Entry{}
	ends := ledger.Query{
		From: s.start.Add(-time.Hour), Before: time.Now().Add(time.Hour), Kinds: []ledger.EntryKind{ledger.EntryExecution},
	}
	err := s.c.ledger.History(ctx, ends, func(e ledger.Entry) error {
		history[e.InstanceID] = append(history[e.InstanceID], e)
		return nil
	})
	return history, err
}

// checkOrder: the commands that waited for an instance's boot started by
// priority, 9 first.
func (s *story) checkOrder(f facts) {
	for _, o := range []struct{ id, want string }{
		{web, installAgent + ", " + warmCache + ", " + cleanLogs},
		{db, "apply-schema, " + checkDisk},
		{batch, "mount-volume, " + longReport},
	} {
		var order []string
		for _, r := range f.runs[o.id] {
			if name := f.given(r); slices.Contains(strings.Split(o.want, ", "), name) {
				order = append(order, name)
			}
		}
		s.check(2, "order of release on "+o.id, strings.Join(order, ", "), o.want)
	}
	// Also on the instance that is stopped and started again: two starts within
	// a minute count as one boot.
	s.each(2, "boots counted", func(id string) any { return len(f.all[id].Boots) }, beats(1, 0))
}

// beats is what is wanted of the instances whose agents send heartbeats, and of the
// old one.
func beats(of, without any) func(id string) any {
	return func(id string) any {
		if id == old {
			return without
		}
		return of
	}
}

// checkNames: a command's name on the wire is one word that leads to its task;
// people see the name that was given.
func (s *story) checkNames(f facts) {
	for _, n := range []struct{ instance, given, word string }{
		{web, installAgent, "-install-"},
		{web, warmCache, "command"},
		{web, cleanLogs, "command"},
		{db, checkDisk, "command"},
		{batch, longReport, "long-report"},
	} {
		task := f.tasks[s.tasks[n.given]]
		wire := "none"
		for _, r := range f.runs[n.instance] {
			if r.InvokeID == task.InvokeID {
				wire = r.Name
			}
		}
		s.check(2, "name on the wire of "+n.given, wire, n.word+"."+task.ID)
	}
	s.each(7, "commands that ran whose name on the wire was one word", func(id string) any {
		n := 0
		for _, r := range f.runs[id] {
			if len(strings.Fields(r.Name)) == 1 && !strings.ContainsFunc(r.Name, func(c rune) bool { return c > '~' }) {
				n++
			}
		}
		return n
	}, func(id string) any { return len(f.runs[id]) })
	for _, n := range []struct{ instance, given, places string }{
		{db, checkDisk, "alerts, history, records"}, {batch, longReport, "alerts, history, records"}, {web, reloadConfig, "history, records"}, // it was sent again
	} {
		places := map[string]bool{}
		see := func(place, name string) {
			if name != n.given {
				place += " as " + name
			}
			places[place] = true
		}
		id := s.tasks[n.given]
		for _, e := range f.all[n.instance].Executions {
			if e.TaskID == id {
				see("records", e.Name)
			}
		}
		for _, e := range f.history[n.instance] {
			if e.TaskID == id {
				see("history", e.Name)
			}
		}
		for _, a := range f.alerts {
			if a.TaskID == id {
				see("alerts", a.CommandName)
			}
		}
		s.check(3, "where people see the name "+n.given, strings.Join(slices.Sorted(maps.Keys(places)), ", "), n.places)
	}
}

// checkEnds: each command's end is on record.
func (s *story) checkEnds(f facts) {
	ends := map[string]string{}
	code := "none"
	for _, records := range f.all {
		for _, t := range records.Tasks {
			ends[t.ID] = fmt.Sprintf("%s, attempt %d", t.State, t.Attempt)
		}
		for _, e := range records.Executions {
			if e.Name == checkDisk {
				code = fmt.Sprint(*e.Event.ExitCode)
			}
		}
	}
	s.check(3, "exit code on record of "+checkDisk, code, 3)
	for _, e := range []struct {
		step       int
		name, want string
	}{
		{2, installAgent, "succeeded, attempt 1"},
		{2, "apply-schema", "succeeded, attempt 1"},
		{3, checkDisk, "failed, attempt 1"},
		{3, longReport, "timed_out, attempt 1"},
		{3, "vacuum", "aborted, attempt 1"},
		{3, "drop-caches", "cancelled, attempt 1"},
		{3, reloadConfig, "succeeded, attempt 2"},
		{4, "renew-certificate", "succeeded, attempt 1"},
		{4, "sync-clock", "succeeded, attempt 1"},
	} {
		s.check(e.step, e.name+" ended as", ends[s.tasks[e.name]], e.want)
	}
}

// checkDiagnostics: the shipped flow ran after the first failure of each
// command.
func (s *story) checkDiagnostics(f facts) {
	printed := ""
	for _, r := range f.runs[db] {
		if f.given(r) == "collect-diagnostics/system" {
			printed, _, _ = strings.Cut(r.Output, " (invocation ")
		}
	}
	// The text is flows.yaml's, the name and the code the flow's parameters.
	s.check(3, "what collect-diagnostics printed on "+db, printed, checkDisk+" ended as Failed with exit code 3")
	want := map[string]string{db: "succeeded", batch: "succeeded", api1: "succeeded", api2: "succeeded"}
	s.each(3, "runs of collect-diagnostics", func(id string) any { return cmp.Or(results(f.all[id], "collect-diagnostics"), "none") },
		func(id string) any { return cmp.Or(want[id], "none") })
	s.each(2, "runs of bootstrap, which is shipped in dry-run", func(id string) any { return cmp.Or(results(f.all[id], "bootstrap"), "none") },
		beats("dry-run", "none"))
}

// checkSwept: sweeps finished what the killed functions had begun.
func (s *story) checkSwept(f facts) {
	s.check(4, "who sent renew-certificate", sender(f.log, s.tasks["renew-certificate"]).Function, "sweep")
	s.check(4, "who found sync-clock running", sender(f.log, s.tasks["sync-clock"]).Function, "sweep")
}

// checkAlerts: each command that ended badly raised one alert. The webhook got it
// once, and the robot in a message with others.
func (s *story) checkAlerts(f facts, want int) {
	about := map[string]int{}
	unsigned := 0
	for _, a := range f.alerts {
		if !a.verified {
			unsigned++
		}
		if a.Kind == decide.AlertExecution {
			about[a.CommandName]++
		}
	}
	var counts []string
	alerting := []string{checkDisk, longReport, "vacuum", reloadConfig}
	for _, name := range alerting {
		counts = append(counts, fmt.Sprint(about[name]))
	}
	s.check(3, "alerts about "+strings.Join(alerting, ", "), strings.Join(counts, ", "), "1, 1, 1, 0")
	s.check(3, "alerts about drop-caches, which was cancelled", about["drop-caches"], 0)
	s.check(7, "alerts in all: one for each command or step that ended badly, two of flows, two about long waits", len(f.heard), want)
	var over []string
	for _, a := range f.over {
		over = append(over, a.CommandName+" on "+a.InstanceID)
	}
	slices.Sort(over)
	s.check(5, "alerts that are over: the command has succeeded since, or was sent", strings.Join(over, ", "), "check-api on "+api1+", mount-share on "+job1)
	s.check(7, "alerts without a valid signature", unsigned, 0)
	signed := 0
	for _, m := range f.messages {
		if m.verified {
			signed++
		}
	}
	s.check(7, "alerts in chat messages are as many, or newer versions", f.firing() >= want, true)
	s.check(7, "chat messages with a valid signature", signed, len(f.messages))
	s.check(7, "chat messages are fewer than alerts", len(f.messages) < want, true)
	s.check(7, "messages that the chat robot or the webhook refused", f.refused, 0)
}

// checkOnce: nothing ran twice, nothing is on record twice, nothing is left open.
func (s *story) checkOnce(ctx context.Context, f facts) error {
	most, ran, open := map[string]int{}, map[string]int{}, map[string]int{}
	for _, id := range instances {
		started := map[string]int{}
		for _, r := range f.runs[id] {
			started[r.Name]++
			most[id] = max(most[id], started[r.Name])
		}
		for _, e := range f.all[id].Executions {
			if e.Event.Status != event.StatusAborted && e.Event.Status != event.StatusCancelled {
				ran[id]++
			}
		}
		state, err := s.c.ledger.Whole(ctx, id)
		if err != nil {
			return err
		}
		open[id] = len(state.Tasks) + len(state.Sends) + len(state.Messages) + len(state.Runs)
	}
	givenUp, err := s.c.givenUp(ctx)
	if err != nil {
		return err
	}
	s.check(7, "commands submitted twice that got one task", s.same, s.submitted)
	s.each(7, "times that any one command ran, at most", func(id string) any { return most[id] }, func(string) any { return 1 })
	s.each(7, "executions of scripts on record", func(id string) any { return ran[id] }, func(id string) any { return len(f.runs[id]) })
	s.each(7, "executions in the history", func(id string) any { return len(f.history[id]) }, func(id string) any { return len(f.all[id].Executions) })
	s.each(7, "tasks, effects and flow runs left open", func(id string) any { return open[id] }, func(string) any { return 0 })
	s.check(7, "events that EventBridge gave up on", givenUp, 0)
	return nil
}

// difference says how two sets of records differ.
func difference(a, b map[string]ledger.Records) string {
	for _, id := range instances {
		if !reflect.DeepEqual(a[id], b[id]) {
			return "the records of " + id
		}
	}
	return "nothing"
}

// printChecks prints the table, and returns how many checks failed.
func (s *story) printChecks(w io.Writer) (failed int) {
	slices.SortStableFunc(s.checks, func(a, b check) int { return cmp.Compare(a.step, b.step) })
	t := table{}
	t.add("step", "checked", "result")
	for _, c := range s.checks {
		result := "ok      " + c.got
		if !c.ok() {
			failed++
			result = fmt.Sprintf("FAILED  %s, want %s", c.got, c.want)
		}
		t.add(fmt.Sprint(c.step), c.what, result)
	}
	fmt.Fprintln(w)
	t.print(w)
	fmt.Fprintf(w, "\ndemo: %d checks, %d failed\n", len(s.checks), failed)
	return failed
}
