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

	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
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

// checkAll looks at what came of it all.
func (s *story) checkAll(ctx context.Context) error {
	all, err := s.recorded(ctx)
	if err != nil {
		return err
	}
	if err := s.checkOrder(ctx, all); err != nil {
		return err
	}
	s.checkEnds(all)
	runs, err := s.c.Runs(ctx, web)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if name, _ := remediation.SplitName(r.Name); name == "collect-logs-after-install/collect" {
			// The text is flows.yaml's, the instance's id the flow's parameter.
			printed, _, _ := strings.Cut(r.Output, " by invocation ")
			s.check(3, "what the follow-up of install-agent printed", printed, "installed on "+web)
		}
	}
	s.check(4, "commands submitted twice that got one task", s.same, s.submitted)
	if err := s.checkAlerts(ctx); err != nil {
		return err
	}
	return s.checkOnce(ctx, all)
}

// checkOrder: each instance's commands that waited for its boot were started
// by priority, 9 first.
func (s *story) checkOrder(ctx context.Context, all map[string]ledger.Records) error {
	for id, want := range map[string]string{
		web:   "install-agent, warm-cache, rotate-logs",
		db:    "apply-schema, check-disk",
		batch: "mount-volume, long-report",
	} {
		runs, err := s.c.Runs(ctx, id)
		if err != nil {
			return err
		}
		var order []string
		for _, r := range runs {
			name, _ := remediation.SplitName(r.Name)
			if strings.Contains(want, name) {
				order = append(order, name)
			}
		}
		s.check(2, "order of release on "+id, strings.Join(order, ", "), want)
		// Also of the one that is stopped and started again: two starts
		// within a minute cannot be told from one.
		s.check(2, "boots counted of "+id, len(all[id].Boots), 1)
	}
	return nil
}

// checkEnds: how each command ended is on record.
func (s *story) checkEnds(all map[string]ledger.Records) {
	ends := map[string]string{}
	for _, records := range all {
		for _, t := range records.Tasks {
			ends[t.Name] = fmt.Sprintf("%s, attempt %d", t.State, t.Attempt)
		}
	}
	for _, e := range []struct {
		step       int
		name, want string
	}{
		{2, "install-agent", "succeeded, attempt 1"},
		{2, "apply-schema", "succeeded, attempt 1"},
		{3, "collect-logs-after-install/collect", "succeeded, attempt 1"},
		{3, "collect-logs-after-install/disk", "succeeded, attempt 1"},
		{3, "check-disk", "failed, attempt 1"},
		{3, "long-report", "timed_out, attempt 1"},
		{3, "vacuum", "aborted, attempt 1"},
		{3, "drop-caches", "cancelled, attempt 1"},
		{3, "reload-config", "succeeded, attempt 2"},
		{5, "renew-certificate", "succeeded, attempt 1"},
		{5, "sync-clock", "succeeded, attempt 1"},
	} {
		s.check(e.step, e.name+" ended as", ends[e.name], e.want)
	}
	for _, records := range all {
		for _, r := range records.Runs {
			if r.Flow == "collect-logs-after-install" {
				s.check(3, "the flow "+r.Flow+" took its steps", len(r.Steps), 2)
			}
		}
		for _, e := range records.Executions {
			if e.Name == "check-disk" {
				s.check(3, "exit code on record of check-disk", *e.Event.ExitCode, 3)
			}
		}
	}
}

// checkAlerts: each bad end raised one alert, with a valid signature.
func (s *story) checkAlerts(ctx context.Context) error {
	if err := s.until(ctx, "the alerts", func() (bool, error) {
		box, err := s.c.Inbox(ctx)
		return len(box.Messages) >= 4, err
	}); err != nil {
		return err
	}
	box, err := s.c.Inbox(ctx)
	if err != nil {
		return err
	}
	about := map[string]int{}
	verified := 0
	for _, m := range box.Messages {
		if m.Verified {
			verified++
		}
		for _, name := range []string{"check-disk", "long-report", "vacuum", "reload-config", "drop-caches"} {
			if strings.Contains(string(m.Body), name) {
				about[name]++
			}
		}
		if strings.Contains(string(m.Body), "reload-config") {
			s.check(3, "the alert about reload-config says that it was queued again",
				strings.Contains(string(m.Body), "queued again"), true)
		}
	}
	for _, name := range []string{"check-disk", "long-report", "vacuum", "reload-config"} {
		s.check(3, "alerts about "+name, about[name], 1)
	}
	s.check(3, "alerts about drop-caches, which was cancelled", about["drop-caches"], 0)
	s.check(3, "alerts with a valid signature", verified, len(box.Messages))
	s.check(3, "alerts refused", len(box.Refusals), 0)
	return nil
}

// checkOnce: nothing ran twice, nothing is recorded twice, nothing is left.
func (s *story) checkOnce(ctx context.Context, all map[string]ledger.Records) error {
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
	for _, id := range instances {
		runs, err := s.c.Runs(ctx, id)
		if err != nil {
			return err
		}
		started := map[string]int{}
		most := 0
		for _, r := range runs {
			started[r.Name]++
			most = max(most, started[r.Name])
		}
		s.check(4, "most often that one command ran on "+id, most, 1)
		ran := 0
		for _, e := range all[id].Executions {
			if e.Event.Status != event.StatusAborted && e.Event.Status != event.StatusCancelled {
				ran++
			}
		}
		s.check(4, "executions of scripts on record of "+id, ran, len(runs))
		s.check(4, "executions in the history of "+id, history[id], len(all[id].Executions))
		state, err := s.c.ledger.Load(ctx, id)
		if err != nil {
			return err
		}
		s.check(5, "open tasks, effects and flow runs of "+id, len(state.Tasks)+len(state.Effects)+len(state.Runs), 0)
	}
	for id, name := range map[string]string{db: "renew-certificate", web: "sync-clock"} {
		swept, err := s.c.swept(id)
		if err != nil {
			return err
		}
		s.check(5, "a sweep finished "+name, swept, true)
	}
	dead, err := s.c.DeadLetters(ctx)
	if err != nil {
		return err
	}
	s.check(4, "events that EventBridge gave up", len(dead), 0)
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
