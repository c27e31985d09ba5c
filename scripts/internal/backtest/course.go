package backtest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// course is how a run goes.
type course struct {
	// real: as its record says. Then chain are the flows that led to it, and last the
	// tasks of its steps that are not tried again; endedBy is the end that ended it.
	real    bool
	chain   []string
	tasks   map[string]bool
	endedBy string
	over    time.Time // when it ended
}

// Ends that come late are still those of their run, for a while.
const (
	remembered = 24 * time.Hour
	mostCourse = 50 // of an instance that are not looked through
)

// forget drops the courses of runs that ended long ago.
func (i *instance) forget(now time.Time) {
	if len(i.began) > mostCourse {
		maps.DeleteFunc(i.began, func(_ string, c course) bool { return !c.over.IsZero() && now.Sub(c.over) > remembered })
	}
}

// last reports whether a step's attempt was not tried again.
func (c course) last(e *decide.Execution) bool { return c.tasks[e.TaskID] }

// sameTime is how far apart a run may begin in the backtest and in its record: sweeps
// look at what waits each minute.
const sameTime = 3 * time.Minute

// forever is when a run ends whose end is not known yet.
var forever = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// begin takes the place of all that a run does: it holds the run until it ends.
func (w *World) begin(ctx context.Context, i *instance, r decide.FlowRun, at time.Time) error {
	w.started(i, r.Flow)
	record, err := w.record(ctx, i, r)
	if err != nil {
		return err
	}
	tally := w.tallies[r.Flow]
	if record != nil {
		c := course{real: true, chain: r.Chain, tasks: map[string]bool{}}
		for _, s := range record.Steps {
			if n := len(s.Tasks); n > 0 {
				c.tasks[s.Tasks[n-1]] = true
			}
			c.endedBy = strings.TrimPrefix(s.EndedBy, "exec/")
		}
		i.began[r.ID] = c
		tally.Cost.add(record.Steps)
		until := record.EndedAt
		if until.IsZero() {
			until = forever
		}
		i.state.Runs[r.ID] = held(r, until, record.Result)
		return nil
	}
	i.began[r.ID] = course{}
	h := decide.Rehearse(i.state, r, at)
	tally.Cost.add(h.Steps)
	if h.Result == flow.StepMaybe {
		w.unknown("how a run of flow " + r.Flow + " would go: it " + h.Reason)
	}
	i.state.Runs[r.ID] = held(r, at.Add(h.Took), h.Result)
	zero := int64(0)
	for _, s := range h.Steps {
		if s.Status != flow.StepPlanned || s.Kind != flow.KindRun && s.Kind != flow.KindInvoke {
			continue
		}
		id := decide.Key("task", r.ID, s.ID, "1")
		t := decide.Task{ID: id, Kind: decide.SendRun, Name: r.Flow + "/" + s.ID, State: decide.TaskRunning, InvokeID: "assumed-" + id, Attempt: w.policy.MaxAttempts, Chain: r.Chain}
		for _, a := range h.Actions {
			if a.Step == s.ID && a.Run != nil {
				t.Name = a.Run.Name
			} else if a.Step == s.ID && a.Invoke != nil {
				t.CommandID, t.Name = a.Invoke.CommandID, ""
			}
		}
		i.state.Tasks = map[string]decide.Task{id: t}
		ev := event.TaskCompleted{
			InstanceID: i.state.Instance.ID, InvokeID: t.InvokeID, CommandID: t.CommandID, CommandName: t.Name, Status: event.StatusSuccess, ExitCode: &zero, FinishTime: at,
		}
		ev.Kind, ev.Time, ev.Region = event.KindTaskCompleted, at, r.Event.Region
		if err := w.decide(ctx, i, decide.Ended{Event: ev, Received: at, Source: decide.SourceEvent}, at, choice{InvokeID: t.InvokeID, Command: t.Name, key: id, Assumed: true}); err != nil {
			return err
		}
	}
	return nil
}

// record is that of the same run, if it went the way that this one would; nil
// otherwise.
func (w *World) record(ctx context.Context, i *instance, r decide.FlowRun) (*decide.FlowRun, error) {
	if live, ok := i.live[r.ID]; ok {
		return matching(r, &live), nil
	}
	record, err := w.past.EndedRun(ctx, i.state.Instance.ID, r.Flow, r.ID)
	if err != nil || record == nil {
		return nil, err
	}
	return matching(r, record), nil
}

func matching(r decide.FlowRun, record *decide.FlowRun) *decide.FlowRun {
	began := !record.StartedAt.IsZero() && record.Result != flow.ResultDryRun && record.StartedAt.Sub(r.StartedAt).Abs() < sameTime
	if began && bytes.Equal(stepsOf(r.Definition), stepsOf(record.Definition)) {
		return record
	}
	return nil
}

// stepsOf is what decides how a run goes, once it has begun.
func stepsOf(d flow.Definition) []byte {
	b, _ := json.Marshal([]any{d.Steps, d.OnFailure, d.Finally, d.Timeout}) // it was read from JSON or YAML
	return b
}

// held is a run of which nothing is left but to end at a time.
func held(r decide.FlowRun, until time.Time, result string) decide.FlowRun {
	end := flow.ResultSucceeded
	if result == flow.ResultFailed || result == flow.ResultTimedOut {
		end = flow.ResultFailed
	}
	wait := flow.Step{ID: "course", Wait: "1s"}
	r.Untold = nil
	r.Definition.Steps, r.Definition.OnFailure, r.Definition.Finally = []flow.Step{wait, {ID: "end", Stop: end}}, nil, nil
	r.Section, r.Index, r.Result, r.FailedStep = flow.SectionSteps, 0, "", ""
	r.Pending, r.Deadline = flow.Pending{State: flow.PendingWait, Attempt: 1, Until: until}, forever
	r.Steps = []flow.StepRecord{{ID: wait.ID, Kind: flow.KindWait}}
	return r
}

// finish ends a run at a time: what ends it is played next.
func (w *World) finish(ctx context.Context, i *instance, id string, at time.Time) error {
	r, there := i.state.Runs[id]
	if !there {
		return nil
	}
	i.state.Runs = maps.Clone(i.state.Runs)
	r.Pending.Until = at
	i.state.Runs[id] = r
	return w.decide(ctx, i, decide.WakeUp{}, at, choice{})
}
