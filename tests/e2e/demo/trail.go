package main

import (
	"fmt"
	"slices"
	"strings"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
)

// trail finds causes in one instance's records.
type trail struct {
	tasks  map[string]decide.Task
	runs   map[string]decide.FlowRun
	byKey  map[string]decide.Execution // by the key that causes name
	byTask map[string]decide.Execution
}

func newTrail(records ledger.Records) trail {
	t := trail{
		map[string]decide.Task{}, map[string]decide.FlowRun{},
		map[string]decide.Execution{}, map[string]decide.Execution{},
	}
	for _, task := range records.Tasks {
		t.tasks[task.ID] = task
	}
	for _, r := range records.Runs {
		t.runs[r.ID] = r
	}
	for _, e := range records.Executions {
		t.byKey["exec/"+e.Event.InvokeID+"/"+e.Event.Suffix()] = e
		t.byTask[e.TaskID] = e
	}
	return t
}

// up names the chain of causes from the command that a person submitted down to
// this task, found by walking from the task upwards.
func (t trail) up(task decide.Task) string {
	way := []string{task.Name}
	for task.RunID != "" && len(way) < 20 {
		run := t.runs[task.RunID]
		e := t.byKey[run.Cause]
		task = t.tasks[e.TaskID]
		way = append(way, run.Flow, e.Name)
	}
	slices.Reverse(way)
	return strings.Join(way, " > ")
}

// down names the same chain, found by walking from the command's end to the
// last command that it led to.
func (t trail) down(e decide.Execution) string {
	way := e.Name
	for _, d := range e.Decided.Flows {
		if d.What != decide.FlowStarted {
			continue
		}
		way += " > " + d.Flow
		if task := t.lastTask([]decide.FlowRun{t.runs[d.RunID]}); task.ID != "" {
			way += " > " + t.down(t.byTask[task.ID])
		}
	}
	return way
}

// lastTask returns the last task of the last run.
func (t trail) lastTask(runs []decide.FlowRun) (task decide.Task) {
	for _, r := range runs {
		for _, s := range r.Steps {
			for _, id := range s.Tasks {
				task = t.tasks[id]
			}
		}
	}
	return task
}

// cause names a cause: the command whose end it is, or else its key.
func (t trail) cause(key string) string {
	if e, ok := t.byKey[key]; ok {
		return e.Name
	}
	return key
}

// ending says how an execution ended, as the cause of a flow.
func ending(e decide.Execution) string {
	if code := e.Event.ExitCode; code != nil && e.Event.Status == event.StatusFailed {
		return fmt.Sprintf("%s ended with exit code %d", e.Name, *code)
	}
	return e.Name + " ended as " + string(e.Event.Status)
}

// decidedOf returns the decision about one flow when a command ended.
func decidedOf(e decide.Execution, name string) decide.FlowDecision {
	for _, d := range e.Decided.Flows {
		if d.Flow == name {
			return d
		}
	}
	return decide.FlowDecision{}
}
