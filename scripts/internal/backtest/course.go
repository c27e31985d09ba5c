package backtest

import (
	"bytes"
	"cmp"
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
	// recorded: as its record says. Then chain are the flows that led to it, and
	// endedBy is the key of the end that ended it.
	recorded bool
	chain    []string
	endedBy  string
	over     time.Time // when it ended
}

// remembered is how long ends that come late are still those of their run.
const remembered = 24 * time.Hour

// sameTime is how far apart a run may begin in the backtest and in its record: sweeps
// look at what waits each minute.
const sameTime = 3 * time.Minute

// forever is when a run ends whose end is not known yet.
var forever = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// begin takes the place of all that a run does: it holds the run until it ends.
func (w *World) begin(ctx context.Context, i *instance, r decide.FlowRun, at time.Time) error {
	record, err := w.record(ctx, i, r)
	if err != nil {
		return err
	}
	if record == nil {
		return w.rehearse(ctx, i, r, at)
	}
	c := course{recorded: true, chain: r.Chain}
	if n := len(record.Steps); n > 0 {
		c.endedBy = strings.TrimPrefix(record.Steps[n-1].EndedBy, "exec/")
	}
	until := record.EndedAt
	if until.IsZero() {
		until = forever
	}
	w.hold(i, r, c, record.Steps, until, record.Result)
	return nil
}

// record is that of the same run, if it went the way that this one would; nil
// otherwise.
func (w *World) record(ctx context.Context, i *instance, r decide.FlowRun) (*decide.FlowRun, error) {
	record, err := w.past.run(ctx, i.state.Instance.ID, r)
	if record == nil || record.StartedAt.IsZero() || record.Result == flow.ResultDryRun ||
		record.StartedAt.Sub(r.StartedAt).Abs() >= sameTime || !bytes.Equal(stepsOf(r.Definition), stepsOf(record.Definition)) {
		return nil, err
	}
	return record, nil
}

// stepsOf is what decides how a run goes, once it has begun.
func stepsOf(d flow.Definition) []byte {
	b, _ := json.Marshal([]any{d.Steps, d.OnFailure, d.Finally, d.Timeout}) // it was read from JSON or YAML
	return b
}

// rehearse has a run go as its rehearsal says, and plays the ends of its commands.
func (w *World) rehearse(ctx context.Context, i *instance, r decide.FlowRun, at time.Time) error {
	h := decide.Rehearse(i.state, r, at, nil)
	if h.Result == flow.StepMaybe {
		w.unknown("how a run of flow " + r.Flow + " would go: it " + h.Reason)
	}
	w.hold(i, r, course{}, h.Steps, at.Add(h.Took.D()), h.Result)
	planned := map[string]bool{}
	for _, s := range h.Steps {
		planned[s.ID] = s.Status == flow.StepPlanned
	}
	for _, a := range h.Actions {
		id := decide.Key("task", r.ID, a.Step, "1")
		t := decide.Task{ID: id, Kind: decide.SendRun, State: decide.TaskRunning, InvokeID: "assumed-" + id, Attempt: w.policy.MaxAttempts, Chain: r.Chain}
		switch {
		case !planned[a.Step]:
			continue
		case a.Run != nil:
			t.Name = a.Run.Name
		case a.Invoke != nil:
			t.CommandID = a.Invoke.CommandID
		default:
			continue // an alert
		}
		i.state.Tasks = map[string]decide.Task{id: t}
		ev := event.TaskCompleted{
			InstanceID: i.state.Instance.ID, InvokeID: t.InvokeID, CommandID: t.CommandID, CommandName: t.Name, Status: event.StatusSuccess, ExitCode: new(int64), FinishTime: at,
		}
		ev.Kind, ev.Time, ev.Region = event.KindTaskCompleted, at, r.Event.Region
		in := decide.Ended{Event: ev, Received: at, Source: decide.SourceEvent}
		if err := w.decide(ctx, i, in, at, Choice{Command: cmp.Or(t.Name, t.CommandID) + " (assumed)", event: id}); err != nil {
			return err
		}
	}
	return nil
}

// hold counts a run that begins. Nothing is left of it but to end at a time.
func (w *World) hold(i *instance, r decide.FlowRun, c course, steps []flow.StepRecord, until time.Time, result string) {
	i.began[r.ID] = c
	r.Steps = steps
	w.tallies[r.Flow].Count(i.state.Instance.ID, r)
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
	i.state.Runs[r.ID] = r
}

// finish ends a run at a time: what ends it is played next.
func (w *World) finish(ctx context.Context, i *instance, id string, at time.Time) error {
	r, under := i.state.Runs[id]
	if !under {
		return nil
	}
	r.Pending.Until = at
	i.state.Runs[id] = r
	return w.decide(ctx, i, decide.WakeUp{}, at, Choice{})
}

// ended counts a run that is over, unless it was counted when it began. Those that
// ended long ago are forgotten.
func (w *World) ended(i *instance, r decide.FlowRun) {
	c, counted := i.began[r.ID]
	if !counted {
		w.tallies[r.Flow].Count(i.state.Instance.ID, r)
		return
	}
	c.over = r.EndedAt
	i.began[r.ID] = c
	maps.DeleteFunc(i.began, func(_ string, c course) bool { return !c.over.IsZero() && r.EndedAt.Sub(c.over) > remembered })
}
