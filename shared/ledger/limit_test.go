package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

func TestACommitThatNoBatchTakesIsRefusedWithoutACall(t *testing.T) {
	tasks := func(n, bytes int) []decide.Task {
		var out []decide.Task
		for i := range n {
			out = append(out, decide.Task{ID: fmt.Sprint("t", i), Reason: strings.Repeat("r", bytes)})
		}
		return out
	}
	once := &decide.InputRecord{Key: strings.Repeat("a", 32)}
	twice := decide.Task{ID: "t", State: decide.TaskRunning}
	for name, c := range map[string]struct {
		changes decide.Changes
		reason  string
	}{
		"200 rows":                   {decide.Changes{Input: once, EndedTasks: tasks(199, 1)}, ""},
		"201 rows":                   {decide.Changes{Input: once, EndedTasks: tasks(200, 1)}, "201 rows, at most 200 fit"},
		"nearly 4 MB":                {decide.Changes{Input: once, EndedTasks: tasks(4, 1<<20-1000)}, ""},
		"more than 4 MB":             {decide.Changes{Input: once, EndedTasks: tasks(4, 1<<20)}, "at most 4194304 fit into a batch"},
		"a column of nearly 2 MB":    {decide.Changes{Input: once, EndedTasks: tasks(1, 2<<20-1000)}, ""},
		"a column of more than 2 MB": {decide.Changes{Input: once, EndedTasks: tasks(1, 2<<20)}, "column data has"},
		"a row written and removed": {decide.Changes{Input: once, Tasks: []decide.Change[decide.Task]{
			{After: &twice}, {Before: &twice},
		}}, "row live/task/t appears twice"},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, faults := open(t)
			err := l.Commit(t.Context(), engine.Commit{ID: "c", InstanceID: instanceID, Changes: c.changes, At: start})
			calls := faults.Calls()["BatchWriteRow"]
			switch {
			case c.reason == "" && (err != nil || calls != 1):
				t.Errorf("%v after %d calls, want it written", err, calls)
			case c.reason != "" && (!errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), c.reason) || calls != 0):
				t.Errorf("%v after %d calls, want it refused for %q", err, calls, c.reason)
			}
		})
	}
}

// TestTheLargestDecisionsFitIntoABatch lets one end meet everything that can
// be due at once, in texts that JSON makes six times as long: forty flows,
// tasks of the largest size, ends that waited for their tasks; and for most rows tasks whose time is over and that
// were steps of flow runs, without which there is room for most bytes.
// (ledger rule 13)
func TestTheLargestDecisionsFitIntoABatch(t *testing.T) {
	if testing.Short() {
		t.Skip("make faults commits the largest decisions")
	}
	long := func(n int) string { return strings.Repeat("<", n) }
	p := decide.DefaultPolicy()
	p.AlertOn, p.MaxQueued = map[event.Status]bool{event.StatusFailed: true}, 1000
	var flows []flow.Definition
	for i := range 40 {
		flows = append(flows, definition(fmt.Sprint("flow", i), long(4000)))
	}
	p.Flows = flow.NewSet(flows)
	now := start.Add(time.Hour)
	for _, expired := range []int{0, 60} {
		s := decide.NewState(instanceID)
		s.Instance.Boot = decide.BootBootable
		for i := range expired + 30 {
			id := fmt.Sprintf("task%02d", i)
			task := decide.Task{
				ID: id, State: decide.TaskQueued, Name: id, Attempt: 1, SubmittedAt: start, ExpiresAt: now.Add(time.Hour), Priority: 9,
				Command: command.Command{Run: &command.Run{Name: id, Type: "RunShellScript", Content: long(18 << 10)}},
			}
			if i < expired {
				r := flow.NewRun(id, definition("of-"+id, long(1000)), flow.Event{Kind: flow.TaskCompleted}, 0)
				r.Begin(flow.Moment{Now: start})
				task.ExpiresAt, task.RunID, task.Step, task.StepAttempt, task.Chain = start, "run"+id, "step", 1, []string{"of-" + id}
				s.Runs[task.RunID] = decide.FlowRun{ID: task.RunID, Flow: "of-" + id, Chain: []string{"of-" + id}, CreatedAt: start, Run: r}
			}
			s.Tasks[id] = task
		}
		for i := range 5 {
			id := fmt.Sprintf("t-late%d", i)
			s.Unmatched[id] = decide.Unmatched{
				Event: event.TaskCompleted{InvokeID: id, Status: event.StatusSuccess, FinishTime: now}, Received: start,
			}
		}
		end := execution("t-last")
		end.Event.FinishTime, end.Event.ErrorDesc = now, long(500<<10)
		var in decide.Input = decide.Ended{Event: end.Event, Received: now, Source: decide.SourceEvent}
		l, _, faults := open(t)
		claims, commits := 0, 0
		for more := true; more; in = (decide.Continue{}) {
			if commits++; commits > 100 {
				t.Fatal("there is always more to do")
			}
			id := fmt.Sprint("commit", commits)
			d := decide.Decide(s, in, decide.Facts{}, p, decide.Moment{
				Now: now, Claim: decide.Claim{Commit: id, Until: now.Add(time.Minute)},
			})
			mustCommit(t, l, engine.Commit{ID: id, InstanceID: instanceID, Changes: d.Changes, At: now})
			s, more = d.Next, d.More
			s.Instance.Rev = d.Changes.Instance.NextRev(now)
			claims += d.Claimed
		}
		// Commands: 30, and 30 of the flows, whose further runs wait. Alerts: one for
		// the end, one for the ten flows that were stopped at each end, and one for
		// each task whose time was over. Of these 61, 50 are followed; 8 of the others
		// had been told by an earlier commit.
		if want := 30 + 30 + 1 + 6 + expired + min(8, expired); claims != want || len(s.Runs) < 150 || faults.Calls()["BatchWriteRow"] != commits {
			t.Errorf("%d sends and messages were claimed by %d commits in %v, and %d runs are live, want %d", claims, commits, faults.Calls(), len(s.Runs), want)
		}
	}
}
