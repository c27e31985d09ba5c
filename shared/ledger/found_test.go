package ledger_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
)

func TestTheRecentRecordsOfAnInstanceAreTheNewest(t *testing.T) {
	l, _, faults := open(t)
	for i := range 30 {
		must(t, record(t, l, instanceID, fmt.Sprint("t-", i), start.Add(time.Duration(i)*time.Minute)))
	}
	for _, c := range []struct {
		since       time.Time
		most        int
		last, first int
		more        bool
		calls       int
	}{
		{time.Time{}, 5, 29, 25, true, 1}, {time.Time{}, 30, 29, 0, false, 2}, {time.Time{}, 0, 29, 0, false, 2},
		{start.Add(20 * time.Minute), 0, 29, 20, false, 1}, {start.Add(20 * time.Minute), 10, 29, 20, false, 1},
		{start.Add(20*time.Minute + time.Millisecond), 0, 29, 21, false, 1},
	} {
		faults.ResetCalls()
		r, more, err := l.Recent(t.Context(), instanceID, c.since, c.most)
		must(t, err)
		var got, want []string
		for _, e := range r.Executions {
			got = append(got, e.Event.InvokeID)
		}
		for i := c.last; i >= c.first; i-- {
			want = append(want, fmt.Sprint("t-", i))
		}
		calls := map[string]int{"GetRange": 1, "BatchGetRow": c.calls}
		if !slices.Equal(got, want) || more != c.more || !maps.Equal(faults.Calls(), calls) {
			t.Errorf("at most %d since %s: %v, more %t, %v; want %v, %t, %v", c.most, c.since, got, more, faults.Calls(), want, c.more, calls)
		}
	}
}

func TestRecordsAreFoundByTheBeginningOfTheirID(t *testing.T) {
	l, _, faults := open(t)
	c := creation("c1", full())
	for i := range 12 {
		c.Changes.EndedTasks = append(c.Changes.EndedTasks, decide.Task{ID: fmt.Sprintf("ab%02d", i)})
	}
	c.Changes.EndedRuns = []decide.FlowRun{{ID: "ab99", Flow: "f"}, {ID: "b", Flow: "f"}}
	c.Changes.Execution = execution("t-1")
	mustCommit(t, l, c)
	for id, want := range map[string][3]int{"ab": {10, 1, 0}, "ab01": {1, 0, 0}, "b": {0, 1, 0}, "t-": {0, 0, 1}, "x": {}} {
		faults.ResetCalls()
		r, err := l.Find(t.Context(), instanceID, id)
		if got := [3]int{len(r.Tasks), len(r.Runs), len(r.Executions)}; got != want || err != nil || faults.Calls()["GetRange"] != 3 {
			t.Errorf("%s: found %v, %v in the calls %v, want %v", id, got, err, faults.Calls(), want)
		}
	}
}

// TestARecordThatIsCompletedIsPutWhole, with what a later version added.
// (ledger rule 67)
func TestARecordThatIsCompletedIsPutWhole(t *testing.T) {
	l, server, faults := open(t)
	c := creation("c1", full())
	c.Changes.Execution = execution("t-1")
	c.Changes.Execution.TaskID, c.Changes.Execution.RunID, c.Changes.Execution.Step = "", "", ""
	mustCommit(t, l, c)
	const row = "log/exec/t-1/once"
	want := rawRows(t, server)[row]
	want["later"], want["v"] = future, int64(7)
	putter(t, server, "aftercare_instances", partition())(row, want)
	s := whole(t, l)
	faults.ResetCalls()
	done := ledgertest.Between("c2", s, s)
	decided := decide.Decided{Flows: []decide.FlowDecision{{Flow: "f", What: decide.FlowStarted}}}
	done.Changes.Matched = []decide.Matched{
		{Execution: "exec/t-1/once", TaskID: "late", RunID: "r", Step: "s", Decided: decided},
		{Execution: "exec/expired/once", TaskID: "none"},
	}
	mustCommit(t, l, done)
	if diff := cmp.Diff(map[string]int{"BatchGetRow": 1, "BatchWriteRow": 1}, faults.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	rows := rawRows(t, server)
	maps.Copy(want, map[string]any{"task_id": "late", "run_id": "r", "step": "s"})
	want["brief"] = strings.Replace(want["brief"].(string), `"eventId"`, `"taskId":"late","eventId"`, 1)
	want["decided"] = rows[row]["decided"]
	if diff := cmp.Diff(want, rows[row]); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	r, err := l.Records(t.Context(), instanceID)
	if err != nil || len(r.Executions) != 1 || !cmp.Equal(r.Executions[0].Decided, decided) {
		t.Errorf("records %+v, %v, want one with the decision", r.Executions, err)
	}
}

func TestKnownNamesWhatIsRecorded(t *testing.T) {
	l, _, faults := open(t)
	var ends []event.TaskCompleted
	want := map[string]bool{}
	for i := range ledger.MaxKnown {
		e := *execution(fmt.Sprint("t-", i))
		if i%5 == 1 {
			e.Event.RepeatMode, e.Event.StartTime = "Period", start
		}
		ends = append(ends, e.Event)
		if i%4 == 1 {
			continue
		}
		mustCommit(t, l, engine.Commit{ID: "c", InstanceID: instanceID, At: start, Changes: decide.Changes{Execution: &e}})
		want[e.Event.Key()] = true
	}
	faults.ResetCalls()
	got, err := l.Known(t.Context(), instanceID, ends)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("known ends, %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(map[string]int{"BatchGetRow": 1}, faults.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	twice := []event.TaskCompleted{ends[0], ends[0], ends[1]}
	if got, err := l.Known(t.Context(), instanceID, twice); err != nil || len(got) != 1 || !got[ends[0].Key()] {
		t.Errorf("asked for one twice: %v, %v", got, err)
	}
}
