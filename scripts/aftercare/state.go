package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// readState reads the output of the command show.
func readState(path string) (*view, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	var v view
	if err := json.Unmarshal(text, &v); err != nil || v.Instance.ID == "" {
		return nil, fmt.Errorf("%s is not what 'aftercare show ID -o json' prints", path)
	}
	return &v, nil
}

// state rebuilds the part of the state that decides whether flows start. Runs
// and tasks exist in it, but cannot advance.
func (v view) state() decide.State {
	s := decide.NewState(v.Instance.ID)
	s.Instance = v.Instance.Instance
	s.Instance.ID = v.Instance.ID
	chains := map[string][]string{}
	for _, r := range v.FlowRuns {
		chains[r.ID] = r.Chain
		run := decide.FlowRun{ID: r.ID, Flow: r.Flow, Chain: r.Chain, Cause: r.Cause, CreatedAt: r.CreatedAt}
		run.StartedAt = r.StartedAt
		if r.StartedAt.IsZero() {
			run.CheckAt = time.Unix(1<<40, 0) // so that it does not begin
		} else {
			run.Pending.State = flow.PendingCommand // so that it does not advance
		}
		s.Runs[r.ID] = run
	}
	for _, t := range v.Tasks {
		s.Tasks[t.ID] = decide.Task{
			ID: t.ID, State: decide.TaskState(t.State), Kind: decide.SendKind(t.Kind), Name: t.Name, InvokeID: t.InvokeID, Chain: chains[t.RunID],
		}
	}
	for _, l := range v.Limits {
		s.Limits[l.Flow] = l
	}
	for _, f := range v.Failing {
		s.Failing[f.Name] = f
	}
	return s
}
