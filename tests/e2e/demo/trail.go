package main

import (
	"fmt"
	"slices"
	"strings"

	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
)

// trail finds causes in one instance's records.
type trail struct {
	tasks  map[string]remediation.Task
	runs   map[string]remediation.FlowRun
	byKey  map[string]remediation.Execution // by the key that causes name
	byTask map[string]remediation.Execution
}

func newTrail(records ledger.Records) trail {
	t := trail{
		map[string]remediation.Task{}, map[string]remediation.FlowRun{},
		map[string]remediation.Execution{}, map[string]remediation.Execution{},
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
func (t trail) up(task remediation.Task) string {
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
func (t trail) down(e remediation.Execution) string {
	way := e.Name
	for _, d := range e.Decided.Flows {
		if d.What != remediation.FlowStarted {
			continue
		}
		way += " > " + d.Flow
		if task := t.lastTask([]remediation.FlowRun{t.runs[d.RunID]}); task.ID != "" {
			way += " > " + t.down(t.byTask[task.ID])
		}
	}
	return way
}

// lastTask returns the last task of the last run.
func (t trail) lastTask(runs []remediation.FlowRun) (task remediation.Task) {
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
func ending(e remediation.Execution) string {
	if code := e.Event.ExitCode; code != nil && e.Event.Status == event.StatusFailed {
		return fmt.Sprintf("%s ended with exit code %d", e.Name, *code)
	}
	return e.Name + " ended as " + string(e.Event.Status)
}

// decidedOf returns the decision about one flow when a command ended.
func decidedOf(e remediation.Execution, name string) remediation.FlowDecision {
	for _, d := range e.Decided.Flows {
		if d.Flow == name {
			return d
		}
	}
	return remediation.FlowDecision{}
}
