package decide

import (
	"time"

	"aftercare/shared/event"
)

// Change is one live row before and after a decision. Before is nil for a new
// row, After for a removed one.
type Change[T any] struct {
	Before, After *T
}

// Changes is what one commit writes: all of it or nothing.
type Changes struct {
	// Instance carries the guard; its Rev is the one that was read. It is nil if
	// nothing in the commit depends on live rows.
	Instance  *Instance
	Tasks     []Change[Task]
	Sends     []Change[Send]
	Messages  []Change[Message]
	Runs      []Change[FlowRun]
	Unmatched []Change[Unmatched]
	Limits    []Change[Limit]
	Failing   []Change[Failing]
	Repairs   []Change[Repairs]
	Alerted   []Change[Alerted]

	// Execution and Input are written only if they do not exist yet: otherwise
	// the commit is a duplicate.
	Execution *Execution
	Input     *InputRecord
	// Records for people.
	EndedTasks []Task
	EndedRuns  []FlowRun
	Boots      []Boot
	Acts       []Act
	// Lost are messages that were given up.
	Lost []Message
	// Matched complete records of executions.
	Matched []Matched
}

// Empty reports whether there is nothing to write.
func (c Changes) Empty() bool {
	return c.Instance == nil && c.Execution == nil && c.Input == nil
}

// About returns the ids of the tasks and flow runs that it changes, which may come more
// than once, and how long the task that waited longest had waited before it leaves the
// queue now to be sent.
func (c Changes) About(now time.Time) (tasks, runs []string, waited time.Duration) {
	of := func(task, run string) {
		if task != "" {
			tasks = append(tasks, task)
		}
		if run != "" {
			runs = append(runs, run)
		}
	}
	for _, t := range c.Tasks {
		is := t.After
		if is == nil {
			is = t.Before
		} else if was := t.Before; was != nil && was.State == TaskQueued && is.State == TaskReleasing {
			waited = max(waited, now.Sub(Later(is.SubmittedAt, is.NotBefore)))
		}
		of(is.ID, is.RunID)
	}
	for _, r := range c.Runs {
		is := r.After
		if is == nil {
			is = r.Before
		}
		of("", is.ID)
	}
	for _, t := range c.EndedTasks {
		of(t.ID, t.RunID)
	}
	for _, r := range c.EndedRuns {
		of("", r.ID)
	}
	if e := c.Execution; e != nil {
		of(e.TaskID, e.RunID)
	}
	return tasks, runs, waited
}

// Execution is the record of one run of a command on one instance.
type Execution struct {
	Event event.TaskCompleted
	// Name is the given name of the task's command; without a task, the name
	// in the event.
	Name string
	// TaskID is the task whose attempt this was; empty for commands that others
	// started. RunID and Step identify the flow run and step that sent the
	// command; empty otherwise (flow rule 71).
	TaskID, RunID, Step string
	// Source is how the end was learned: SourceEvent or SourcePoll.
	Source   string
	Received time.Time
	// Decided holds the decisions about flows (flow rule 70).
	Decided Decided
}

// Matched is what was unknown about an execution when it was recorded: its task,
// and so the flows that it starts.
type Matched struct {
	// Execution is the execution's key, as in causes.
	Execution           string
	TaskID, RunID, Step string
	Decided             Decided
}

// InputRecord is the record of a submission or a cancel.
type InputRecord struct {
	Key string // 32 hex digits
	// Answer is the handler's answer, so that a duplicate gets the same.
	Answer string
	// DedupeKey is the caller's own key for the input, if there was one.
	DedupeKey string
	// Hash identifies the body of the request.
	Hash string
}

// Boot is the record of one boot.
type Boot struct {
	Seq          int64
	Time         time.Time
	EventID      string
	EventTime    time.Time
	AgentVersion string
	Decided      Decided
}
