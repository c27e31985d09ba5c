package faults_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/remediation"
	"aftercare/tests/rig"
)

func check(t *testing.T, r *rig.Rig, s scenario, when string) {
	t.Helper()
	ran := map[string]int{}
	for _, run := range r.ECS.Runs(instanceID) {
		name, _ := remediation.SplitName(run.Name)
		ran[name]++
	}
	for _, name := range s.ran {
		if ran[name] != 1 {
			t.Errorf("%s, %s ran %d times, want once", when, name, ran[name])
		}
	}
	if len(ran) != len(s.ran) {
		t.Errorf("%s, %v ran, want %v", when, ran, s.ran)
	}
	if got := len(r.Records(instanceID).Executions); got != s.ends {
		t.Errorf("%s, %d executions are recorded, want %d", when, got, s.ends)
	}
	prints := map[string]bool{}
	for _, m := range r.Inbox.Messages() {
		prints[m.Fingerprint] = true
	}
	if len(prints) != s.alerts {
		t.Errorf("%s, %d different alerts arrived, want %d", when, len(prints), s.alerts)
	}
	state := r.State(instanceID)
	if len(state.Effects) > 0 || len(state.Runs) > 0 || state.Instance.BootSeq != s.boots {
		t.Errorf("%s, effects %v and flow runs %v are open and %d boots counted, want none and %d",
			when, state.Effects, state.Runs, state.Instance.BootSeq, s.boots)
	}
	history := 0
	for _, day := range []time.Duration{0, -24 * time.Hour} {
		err := r.Ledger().History(context.Background(), time.Now().Add(day), func(remediation.Execution) error {
			history++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for now := r.Now(); now.Day() != time.Now().UTC().Day(); now = now.Add(-24 * time.Hour) {
		err := r.Ledger().History(context.Background(), now, func(remediation.Execution) error {
			history++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if history != s.ends {
		t.Errorf("%s, the history has %d executions, want %d", when, history, s.ends)
	}
}

// snapshot is everything that one more delivery must not change.
func snapshot(r *rig.Rig) string {
	var b strings.Builder
	s := r.State(instanceID)
	fmt.Fprintf(&b, "boot %s seq %d, %d tasks, %d effects, %d runs of scripts\n",
		s.Instance.Boot, s.Instance.BootSeq, len(s.Tasks), len(s.Effects), len(r.ECS.Runs(instanceID)))
	records := r.Records(instanceID)
	for _, task := range records.Tasks {
		fmt.Fprintf(&b, "task %s %s attempt %d\n", task.Name, task.State, task.Attempt)
	}
	for _, run := range records.Runs {
		fmt.Fprintf(&b, "flow %s %s, %d steps\n", run.Flow, run.Result, len(run.Steps))
	}
	fmt.Fprintf(&b, "%d executions, %d boots, %d alerts\n",
		len(records.Executions), len(records.Boots), len(r.Inbox.Messages()))
	return b.String()
}
