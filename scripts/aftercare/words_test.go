package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/tests/rig"
)

// TestEachWordThatAListPrintsIsTakenByItsFilter has one record with each result,
// made by a function whose clock is ahead.
func TestEachWordThatAListPrintsIsTakenByItsFilter(t *testing.T) {
	r := worked(t)
	now := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	var c decide.Changes
	n := 0
	id := func() string { n++; return fmt.Sprintf("%032x", n) }
	for _, state := range flow.StepStatuses {
		if state != flow.StepSkipped {
			c.EndedTasks = append(c.EndedTasks, decide.Task{ID: id(), Name: "some", State: decide.TaskState(state), EndedAt: now})
		}
	}
	for _, result := range []string{
		flow.ResultSucceeded, flow.ResultFailed, flow.ResultTimedOut, flow.ResultRefused, flow.ResultDropped, flow.ResultDryRun, flow.ResultCancelled,
	} {
		c.EndedRuns = append(c.EndedRuns, decide.FlowRun{ID: id(), Flow: "some", EndedAt: now, Run: flow.Run{Result: result}})
	}
	for _, outcome := range decide.ActOutcomes {
		c.Acts = append(c.Acts, decide.Act{Key: id(), Kind: decide.ActStop, At: now, Outcome: outcome})
	}
	c.Lost = append(c.Lost, decide.Message{Key: id(), Kind: decide.MessageAlert, PlannedAt: now})
	ledgertest.MustCommit(t, r.Ledger(), engine.Commit{ID: "words", InstanceID: "i-1", At: now, Changes: c, Next: decide.NewState("i-1")})
	for _, status := range []event.Status{
		event.StatusSuccess, event.StatusFailed, event.StatusTimeout, event.StatusAborted, event.StatusInvalid, event.StatusCancelled, event.StatusTerminated, "Error",
	} {
		e := decide.Execution{Name: "some", Received: now, Event: event.TaskCompleted{InstanceID: "i-1", InvokeID: "t-" + id(), FinishTime: now, Status: status}}
		ledgertest.MustCommit(t, r.Ledger(), engine.Commit{ID: "words" + id(), InstanceID: "i-1", At: now, Changes: decide.Changes{Execution: &e}, Next: decide.NewState("i-1")})
	}
	keys := credentials(t, r)
	list := func(args ...string) (rows []struct{ ID, InstanceID, Result, State string }) {
		t.Helper()
		out, errOut, code := played(t, func(name string) string {
			return map[string]string{
				variableEndpoint: r.Tables.Endpoint(), variableInstance: "rig", variableKeyID: keys.AccessKeyId, variableSecret: keys.AccessKeySecret,
				"ALIBABA_CLOUD_SECURITY_TOKEN": keys.SecurityToken, variableRegion: rig.Region,
			}[name]
		}, append(args, "-o", "json", "--limit", "0")...)
		if err := json.Unmarshal([]byte(out), &rows); code != 0 || err != nil {
			t.Errorf("%q: exit code %d, %v %s", args, code, err, errOut)
		}
		return rows
	}
	for _, c := range []struct {
		args  []string
		flag  string
		words int // at least
	}{
		{[]string{"tasks"}, "--status", 10}, {[]string{"runs"}, "--result", 7}, {[]string{"history"}, "--status", 20}, {[]string{"history", "--kind", "task"}, "--status", 8},
		{[]string{"instances"}, "--state", 2},
	} {
		words := map[string]int{}
		for _, row := range list(c.args...) {
			if word := row.Result + row.State; word != "" { // a boot has none
				words[word]++
			}
		}
		if len(words) < c.words {
			t.Errorf("%q prints %v, which is fewer than %d words", c.args, words, c.words)
		}
		for word, times := range words {
			got := list(slices.Concat(c.args, []string{c.flag, word})...)
			if n := len(got); n < times {
				t.Errorf("%q %s %s lists %d of %d", c.args, c.flag, word, n, times)
			}
		}
	}
}

// A status has its reason, but not the one that only repeats it.
func TestAStatusHasItsReason(t *testing.T) {
	three := int64(3)
	for want, r := range map[string]record{
		"terminated: cancelled by ann: wrong file": {Kind: "task", Result: "terminated", InvokeID: "t-1", Why: "cancelled by ann: wrong file; its execution ended as Terminated"},
		"terminated":                {Kind: "task", Result: "terminated", InvokeID: "t-1", Why: "its execution ended as Terminated"},
		"aborted: ClientNotRunning": {Kind: "task", Result: "aborted", InvokeID: "t-1", ErrorCode: "ClientNotRunning", Why: "its execution ended as Aborted"},
		"failed 3":                  {Kind: "task", Result: "failed", InvokeID: "t-1", ErrorCode: "ExitCodeNonzero", ExitCode: &three, Why: "its execution ended as Failed"},
		"expired: no agent":         {Kind: "task", Result: "expired", Why: "no agent"},
	} {
		if got := r.outcome(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	last := []flow.StepRecord{{ID: "fix", Reason: "exit code 3"}}
	for want, r := range map[string]flowRun{
		"step fix waits for its next attempt, after exit code 3": {Waits: "backoff", Steps: last},
		"step fix waits for its command, after exit code 3":      {Waits: "command", Steps: last},
		"step rest waits":                       {Waits: "wait", Steps: []flow.StepRecord{{ID: "rest"}}},
		"step back waits for the next boot":     {Waits: "boot", Steps: []flow.StepRecord{{ID: "back"}}},
		"waits: another run of it is under way": {Waits: "another run of it is under way"},
	} {
		if got := waitsFor(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What a condition read of an end is said as it was, also what is empty.
func TestAFalseClauseHasTheValuesOfItsEnd(t *testing.T) {
	at := time.Date(2026, 1, 31, 8, 0, 0, 5e8, time.UTC)
	e := execution{EventID: "e-1", CommandName: "check", Status: "Success", FinishTime: at}
	clause := `when was false: event.kind == "manual" || event.id == "e-2" || event.errorCode == "ClientNotRunning" || event.finishTime > "2027" || event.exitCode > 3`
	want := []flow.Value{
		{Name: "event.kind", Value: `"task-completed"`}, {Name: "event.id", Value: `"e-1"`}, {Name: "event.errorCode", Value: `""`},
		{Name: "event.finishTime", Value: `"2026-01-31T08:00:00Z"`}, {Name: "event.exitCode", Value: "-1"},
	}
	if got := valuesIn(clause, endValues(e), nil); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
