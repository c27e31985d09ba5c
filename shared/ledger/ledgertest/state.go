package ledgertest

import (
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// InstanceID is the instance of the states and records made here.
const InstanceID = "i-ledger-1"

// Start is when they begin.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Full is a state with one row of each kind, or more.
func Full() decide.State {
	s := decide.NewState(InstanceID)
	s.Instance.Boot, s.Instance.BootSeq, s.Instance.BootTime, s.Instance.Seen = decide.BootBootable, 3, Start, true
	s.Instance.WakeAt, s.Instance.Waiting = Start.Add(time.Hour), 1
	code := int64(3)
	s.Tasks["t1"] = decide.Task{
		ID: "t1", State: decide.TaskQueued, Name: "one", Priority: 9, SubmittedAt: Start, Attempt: 1,
		Command: command.Command{Run: &command.Run{Name: "one", Content: "echo", Parameters: map[string]string{"a": "b"}}},
	}
	s.Tasks["t2"] = decide.Task{ID: "t2", State: decide.TaskRunning, InvokeID: "t-2", Deadline: Start, ExitCode: &code}
	s.Sends["s1"] = decide.Send{Key: "s1", Kind: decide.SendStop, TaskID: "t2", Claim: decide.Claim{Commit: "c0", Until: Start}}
	m := decide.Message{Key: "m1", Rev: 2, Kind: decide.MessageAlert, Alert: &decide.Alert{Summary: "s", ExitCode: &code}}
	s.Messages[m.Row()] = m
	s.Runs["r1"] = decide.FlowRun{ID: "r1", Flow: "f", Chain: []string{"f"}, Run: flow.NewRun("r1", Flow("f", "echo"), flow.Event{Kind: flow.TaskCompleted}, 1)}
	s.Limits["f"] = decide.Limit{Flow: "f", Starts: []time.Time{Start}, Refused: 1, Until: Start.Add(time.Hour)}
	s.Failing["check disk / now"] = decide.Failing{Name: "check disk / now", Count: 2, Last: Start}
	s.Repairs["end"] = decide.Repairs{Kind: decide.RepairEnd, Since: Start, Count: 4}
	s.Alerted["a1"] = decide.Alerted{Alert: decide.Alert{Fingerprint: "a1", Lasting: true, CommandName: "one", At: Start}, Until: []decide.Until{"command/one"}}
	s.Unmatched["t-9"] = decide.Unmatched{Event: event.TaskCompleted{InvokeID: "t-9", ExitCode: &code}, Received: Start}
	return s
}

// Between is the commit that turns one state into another.
func Between(id string, before, after decide.State) engine.Commit {
	i := after.Instance
	i.Rev = before.Instance.Rev
	i.Waiting = 0
	for _, t := range after.Tasks {
		if t.State == decide.TaskQueued {
			i.Waiting++
		}
	}
	return engine.Commit{ID: id, InstanceID: before.Instance.ID, At: Start, Next: after, Changes: decide.Changes{
		Instance:  &i,
		Tasks:     changes(before.Tasks, after.Tasks),
		Sends:     changes(before.Sends, after.Sends),
		Messages:  changes(before.Messages, after.Messages),
		Runs:      changes(before.Runs, after.Runs),
		Unmatched: changes(before.Unmatched, after.Unmatched),
		Limits:    changes(before.Limits, after.Limits),
		Failing:   changes(before.Failing, after.Failing),
		Repairs:   changes(before.Repairs, after.Repairs),
		Alerted:   changes(before.Alerted, after.Alerted),
	}}
}

// changes are all rows of both maps, whether or not they differ.
func changes[T any](before, after map[string]T) (out []decide.Change[T]) {
	for key, row := range after {
		c := decide.Change[T]{After: &row}
		if old, ok := before[key]; ok {
			c.Before = &old
		}
		out = append(out, c)
	}
	for key, row := range before {
		if _, ok := after[key]; !ok {
			out = append(out, decide.Change[T]{Before: &row})
		}
	}
	return out
}

// Creation is an instance's first commit.
func Creation(id string, s decide.State) engine.Commit {
	return Between(id, decide.NewState(s.Instance.ID), s)
}

// Flow is a flow of one step.
func Flow(name, content string) flow.Definition {
	return flow.Definition{
		Name: name, On: []string{flow.TaskCompleted}, Mode: flow.ModeLive, Timeout: flow.Duration(time.Hour), WhenBusy: flow.BusyQueue,
		Limits: flow.Limits{PerInstance: flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)}},
		Steps: []flow.Step{{ID: "step", Run: &command.Run{
			Name: name + "/step", Type: "RunShellScript", Content: content, Timeout: flow.Duration(time.Minute),
		}}},
	}
}

// Execution is the record of an end.
func Execution(invokeID string) *decide.Execution {
	code := int64(3)
	return &decide.Execution{
		Event: event.TaskCompleted{
			Envelope:   event.Envelope{ID: "ev", Source: "acs.ecs", Kind: event.KindTaskCompleted, Account: "1", Region: "r", Time: Start},
			InstanceID: InstanceID, InvokeID: invokeID, CommandID: "c", CommandName: "n", Status: event.StatusFailed,
			ExitCode: &code, ErrorCode: "ExitCodeNonzero", ErrorDesc: "d", RepeatMode: "Once", Repeats: 1,
			StartTime: Start, FinishTime: Start.Add(time.Second), OwnerUID: "o", PlayerUID: "p",
		},
		Name: "n", TaskID: "task", RunID: "run", Step: "step", Source: "event", Received: Start.Add(time.Minute),
	}
}
