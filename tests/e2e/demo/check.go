package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
	"aftercare/tests/localcloud/cloud"
)

// check is one thing that the demo looked at.
type check struct {
	step      int // of the scenario
	what      string
	got, want string
}

func (c check) ok() bool { return c.got == c.want }

func (s *story) check(step int, what string, got, want any) {
	s.checks = append(s.checks, check{step, what, fmt.Sprint(got), fmt.Sprint(want)})
}

// each checks one thing of every instance, in one row.
func (s *story) each(step int, what string, got, want func(id string) any) {
	row := func(of func(id string) any) string {
		first, same := fmt.Sprint(of(instances[0])), true
		var all []string
		for _, id := range instances {
			all = append(all, fmt.Sprint(of(id)))
			same = same && all[len(all)-1] == first
		}
		if same {
			return first + " on each"
		}
		return strings.Join(all, ", ")
	}
	s.check(step, what, row(got), row(want))
}

// facts is what came of it all.
type facts struct {
	all    map[string]ledger.Records
	runs   map[string][]cloud.Run // by instance
	log    []logLine
	alerts []alertText
}

// checkAll looks at what came of it all.
func (s *story) checkAll(ctx context.Context) (err error) {
	f := facts{runs: map[string][]cloud.Run{}}
	if f.all, err = s.recorded(ctx); err != nil {
		return err
	}
	for _, id := range instances {
		if f.runs[id], err = s.c.Runs(ctx, id); err != nil {
			return err
		}
	}
	// Every bad end raises one, and so do restart-api's onFailure and its limit.
	alerts := 2 + badEnds(f.all)
	if err := s.until(ctx, "the alerts", func() (bool, error) {
		f.alerts, err = s.alerts(ctx)
		return len(f.alerts) >= alerts, err
	}); err != nil {
		return err
	}
	if f.log, err = s.c.functionLog(); err != nil {
		return err
	}
	s.checkOrder(f)
	s.checkEnds(f)
	s.checkDiagnostics(f)
	s.checkSwept(f)
	s.checkRestarts(f.all, f.log, f.alerts)
	if err := s.checkAlerts(ctx, f, alerts); err != nil {
		return err
	}
	return s.checkOnce(ctx, f)
}

// checkOrder: each instance's commands that waited for its boot were started
// by priority, 9 first.
func (s *story) checkOrder(f facts) {
	for _, o := range []struct{ id, want string }{
		{web, "install-agent, warm-cache, rotate-logs"},
		{db, "apply-schema, check-disk"},
		{batch, "mount-volume, long-report"},
	} {
		var order []string
		for _, r := range f.runs[o.id] {
			if name, _ := command.Split(r.Name); slices.Contains(strings.Split(o.want, ", "), name) {
				order = append(order, name)
			}
		}
		s.check(2, "order of release on "+o.id, strings.Join(order, ", "), o.want)
	}
	// Also of the one that is stopped and started again: two starts within a
	// minute cannot be told from one.
	s.each(2, "boots counted", func(id string) any { return len(f.all[id].Boots) }, func(string) any { return 1 })
}

// checkEnds: how each command ended is on record.
func (s *story) checkEnds(f facts) {
	ends := map[string]string{}
	code := "none"
	for _, records := range f.all {
		for _, t := range records.Tasks {
			ends[t.ID] = fmt.Sprintf("%s, attempt %d", t.State, t.Attempt)
		}
		for _, e := range records.Executions {
			if e.Name == "check-disk" {
				code = fmt.Sprint(*e.Event.ExitCode)
			}
		}
	}
	s.check(3, "exit code on record of check-disk", code, 3)
	for _, e := range []struct {
		step       int
		name, want string
	}{
		{2, "install-agent", "succeeded, attempt 1"},
		{2, "apply-schema", "succeeded, attempt 1"},
		{3, "check-disk", "failed, attempt 1"},
		{3, "long-report", "timed_out, attempt 1"},
		{3, "vacuum", "aborted, attempt 1"},
		{3, "drop-caches", "cancelled, attempt 1"},
		{3, "reload-config", "succeeded, attempt 2"},
		{4, "renew-certificate", "succeeded, attempt 1"},
		{4, "sync-clock", "succeeded, attempt 1"},
	} {
		s.check(e.step, e.name+" ended as", ends[s.tasks[e.name]], e.want)
	}
}

// checkDiagnostics: the shipped flow has looked at the first failure of each
// command.
func (s *story) checkDiagnostics(f facts) {
	printed := ""
	for _, r := range f.runs[db] {
		if name, _ := command.Split(r.Name); name == "collect-diagnostics-system" {
			printed, _, _ = strings.Cut(r.Output, " (invocation ")
		}
	}
	// The text is flows.yaml's, the name and the code the flow's parameters.
	s.check(3, "what collect-diagnostics printed on "+db, printed, "check-disk ended as Failed with exit code 3")
	want := map[string]string{db: "succeeded", batch: "succeeded", api1: "succeeded", api2: "succeeded"}
	var got, wanted []string
	for _, id := range instances {
		got = append(got, cmp.Or(results(f.all[id], "collect-diagnostics"), "none"))
		wanted = append(wanted, cmp.Or(want[id], "none"))
	}
	s.check(3, "runs of collect-diagnostics on each instance", strings.Join(got, ", "), strings.Join(wanted, ", "))
	s.each(2, "runs of bootstrap, which is shipped in dry-run", func(id string) any { return results(f.all[id], "bootstrap") },
		func(string) any { return "dry-run" })
}

// checkSwept: what a killed function left was finished by a sweep.
func (s *story) checkSwept(f facts) {
	s.check(4, "who sent renew-certificate", sender(f.log, s.tasks["renew-certificate"]).Function, "sweep")
	s.check(4, "who found sync-clock running", sender(f.log, s.tasks["sync-clock"]).Function, "sweep")
}

// badEnds counts the executions that alert.
func badEnds(all map[string]ledger.Records) (n int) {
	for _, records := range all {
		for _, e := range records.Executions {
			switch e.Event.Status {
			case event.StatusFailed, event.StatusTimeout, event.StatusAborted:
				n++
			}
		}
	}
	return n
}

// checkAlerts: each bad end raised one alert, with a valid signature.
func (s *story) checkAlerts(ctx context.Context, f facts, want int) error {
	about := map[string]int{}
	verified, again := 0, false
	for _, a := range f.alerts {
		if a.verified {
			verified++
		}
		if a.ofFlow() {
			continue
		}
		about[a.lines["Command"]]++
		again = again || a.lines["Command"] == "reload-config" && strings.Contains(a.lines["What"], "queued again")
	}
	s.check(3, "the alert about reload-config says that it was queued again", again, true)
	var counts []string
	for _, name := range []string{"check-disk", "long-report", "vacuum", "reload-config"} {
		counts = append(counts, fmt.Sprint(about[name]))
	}
	s.check(3, "alerts about check-disk, long-report, vacuum, reload-config", strings.Join(counts, ", "), "1, 1, 1, 1")
	s.check(3, "alerts about drop-caches, which was cancelled", about["drop-caches"], 0)
	s.check(6, "alerts in all: one for each bad end, and two of flows", len(f.alerts), want)
	s.check(6, "alerts with a valid signature", verified, want)
	box, err := s.c.Inbox(ctx)
	if err != nil {
		return err
	}
	s.check(6, "alerts refused", len(box.Refusals), 0)
	return nil
}

// checkOnce: nothing ran twice, nothing is recorded twice, nothing is left.
func (s *story) checkOnce(ctx context.Context, f facts) error {
	history := map[string]int{}
	for day := s.start.Add(-time.Hour); day.Before(time.Now().Add(25 * time.Hour)); day = day.Add(24 * time.Hour) {
		err := s.c.ledger.History(ctx, day, func(e remediation.Execution) error {
			history[e.Event.InstanceID]++
			return nil
		})
		if err != nil {
			return err
		}
	}
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
		state, err := s.c.ledger.Load(ctx, id)
		if err != nil {
			return err
		}
		open[id] = len(state.Tasks) + len(state.Effects) + len(state.Runs)
	}
	dead, err := s.c.DeadLetters(ctx)
	if err != nil {
		return err
	}
	s.check(6, "commands submitted twice that got one task", s.same, s.submitted)
	s.each(6, "most often that one command ran", func(id string) any { return most[id] }, func(string) any { return 1 })
	s.each(6, "executions of scripts on record", func(id string) any { return ran[id] }, func(id string) any { return len(f.runs[id]) })
	s.each(6, "executions in the history", func(id string) any { return history[id] }, func(id string) any { return len(f.all[id].Executions) })
	s.each(6, "tasks, effects and flow runs that are left open", func(id string) any { return open[id] }, func(string) any { return 0 })
	s.check(6, "events that EventBridge gave up", len(dead), 0)
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
	width := 0
	for _, c := range s.checks {
		width = max(width, len(c.what))
	}
	fmt.Fprintf(w, "\n%-4s  %-*s  %s\n", "step", width, "checked", "result")
	for _, c := range s.checks {
		result := "ok      " + c.got
		if !c.ok() {
			failed++
			result = fmt.Sprintf("FAILED  %s, want %s", c.got, c.want)
		}
		fmt.Fprintf(w, "%-4d  %-*s  %s\n", c.step, width, c.what, result)
	}
	fmt.Fprintf(w, "\ndemo: %d checks, %d failed\n", len(s.checks), failed)
	return failed
}
