package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/ledger"
	"aftercare/tests/rig"
)

// view is everything that an invocation can leave behind.
type view struct {
	state   decide.State
	records ledger.Records
	history int
	// ran counts the starts of scripts by the command's name.
	ran map[string]int
	// alerts counts those in the inbox by what they are about.
	alerts map[string]int
	// untold counts the concerns of which people were not told, kept those about
	// quarantine of which they were.
	untold, kept int
}

func look(t *testing.T, r *rig.Rig) view {
	t.Helper()
	v := view{state: r.State(instanceID), records: r.Records(instanceID), ran: map[string]int{}, alerts: map[string]int{}}
	for _, row := range rows(t, r, "aftercare_history") {
		if strings.HasPrefix(row.key[0].(string), "exec") {
			v.history++
		}
	}
	for _, run := range r.ECS.Runs(instanceID) {
		v.ran[r.Given(run.Name)]++
	}
	for _, a := range r.Alerts() {
		v.alerts[about(a)]++
	}
	concerns, err := r.Ledger().Concerns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	letters := r.Letters()
	for key, c := range concerns {
		switch {
		case !slices.ContainsFunc(letters, func(l dispatch.Letter) bool { return l.Key == key && l.Rev == c.Rev }):
			v.untold++
		case c.Alert.Kind == decide.AlertQuarantine:
			v.kept++
		}
	}
	return v
}

// check compares a view with the scenario's expectations.
func check(t *testing.T, v view, s scenario, when string) {
	t.Helper()
	for _, name := range s.ran {
		if v.ran[name] != 1 {
			t.Errorf("%s, %s ran %d times, want once", when, name, v.ran[name])
		}
	}
	if len(v.ran) != len(s.ran) {
		t.Errorf("%s, %v ran, want %v", when, v.ran, s.ran)
	}
	if got := len(v.records.Executions); got != s.ends || v.history != s.ends {
		t.Errorf("%s, %d executions are recorded and %d are in the history, want %d", when, got, v.history, s.ends)
	}
	if len(v.alerts) != s.alerts {
		t.Errorf("%s, %d different alerts arrived, want %d", when, len(v.alerts), s.alerts)
	}
	if v.untold != 0 || v.kept != s.kept {
		t.Errorf("%s, people were not told of %d concerns, and of quarantine %d times, want 0 and %d", when, v.untold, v.kept, s.kept)
	}
	if len(v.state.Sends)+len(v.state.Messages) > 0 || len(v.state.Runs) > 0 || v.state.Instance.BootSeq != s.boots {
		t.Errorf("%s, effects %v and flow runs %v are open and %d boots counted, want none and %d",
			when, v.state.Sends, v.state.Runs, v.state.Instance.BootSeq, s.boots)
	}
}

// String returns everything that one more delivery must not change.
func (v view) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "boot %s seq %d, %d tasks, %d effects, scripts %v\n",
		v.state.Instance.Boot, v.state.Instance.BootSeq, len(v.state.Tasks), len(v.state.Sends)+len(v.state.Messages), v.ran)
	for _, task := range v.records.Tasks {
		fmt.Fprintf(&b, "task %s %s attempt %d\n", task.Name, task.State, task.Attempt)
	}
	for _, run := range v.records.Runs {
		fmt.Fprintf(&b, "flow %s %s, %d steps\n", run.Flow, run.Result, len(run.Steps))
	}
	fmt.Fprintf(&b, "%d executions, %d boots, alerts %v\n",
		len(v.records.Executions), len(v.records.Boots), v.alerts)
	return b.String()
}
