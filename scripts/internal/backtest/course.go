package backtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// course is how a run goes.
type course struct {
	chain    []string  // the flows that led to it
	recorded bool      // it goes as its record says
	until    time.Time // when it ends
	endedBy  string    // the input that ends it
	failed   bool      // it fails or times out
}

const (
	// remembered is how long ends that come late are still those of their run.
	remembered = 24 * time.Hour
	// sameTime is how far apart a run may begin in the backtest and in its record:
	// sweeps look at what waits each minute.
	sameTime = 3 * time.Minute
)

// forever is when a run ends whose end is not known yet.
var forever = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// begin takes the place of all that a run does: it holds the run until it ends, and
// plays the ends of its commands if those that are recorded are not its own.
func (w *world) begin(i *instance, r decide.FlowRun, at time.Time) {
	var h flow.Rehearsal
	record := w.record(i.state.Instance.ID, r)
	recorded := goesAs(record, r)
	if !recorded {
		h = decide.Rehearse(i.state, r, at, nil)
		if h.Result == flow.StepMaybe {
			w.unknown("how a run of flow " + r.Flow + " would go: it " + h.Reason)
		}
		record.Steps, record.Result, record.EndedAt = h.Steps, h.Result, at.Add(h.Took.D())
	}
	c := course{
		chain: r.Chain, recorded: recorded, until: cmp.Or(record.EndedAt, forever),
		failed: record.Result == flow.ResultFailed || record.Result == flow.ResultTimedOut,
	}
	if n := len(record.Steps); n > 0 {
		c.endedBy = record.Steps[n-1].EndedBy
	}
	i.courses[r.ID], r.Steps = c, record.Steps
	w.tally(r.Flow).Count(i.state.Instance.ID, r)
	i.state.Runs[r.ID] = heldUntil(r, c.until, c.failed)
	w.assume(i, r, h, at)
}

// goesAs reports whether a record is that of the same run, and it went the way that
// this one would.
func goesAs(record, r decide.FlowRun) bool {
	return !record.StartedAt.IsZero() && record.Result != flow.ResultDryRun &&
		record.StartedAt.Sub(r.StartedAt).Abs() < sameTime && bytes.Equal(stepsOf(r.Definition), stepsOf(record.Definition))
}

// stepsOf is what decides how a run goes, once it has begun.
func stepsOf(d flow.Definition) []byte {
	b, _ := json.Marshal([]any{d.Steps, d.OnFailure, d.Finally, d.Timeout}) // it was read from JSON or YAML
	return b
}

// heldUntil is a run that does nothing any more but end at a time: it waits, or times
// out. A stop holds neither.
func heldUntil(r decide.FlowRun, end time.Time, fails bool) decide.FlowRun {
	wait := flow.Step{ID: "course", Wait: "1s"}
	r.Definition.Steps, r.Definition.OnFailure, r.Definition.Finally = []flow.Step{wait}, nil, nil
	r.Section, r.Index, r.Steps = flow.SectionSteps, 0, []flow.StepRecord{{ID: wait.ID, Kind: flow.KindWait}}
	r.Result, r.FailedStep, r.Untold = "", "", nil
	r.Pending, r.Deadline = flow.Pending{State: flow.PendingWait, Attempt: 1, Until: end}, forever
	if fails {
		r.Pending.Until, r.Deadline = forever, end
	}
	return r
}

// assume plays the ends of the commands that a run sends in its rehearsal.
func (w *world) assume(i *instance, r decide.FlowRun, h flow.Rehearsal, at time.Time) {
	for _, a := range h.Actions {
		sent := slices.ContainsFunc(h.Steps, func(s flow.StepRecord) bool { return s.ID == a.Step && s.Status == flow.StepPlanned })
		if !sent || a.Alert != "" {
			continue
		}
		id := decide.Key("task", r.ID, a.Step, "1")
		ev := event.TaskCompleted{
			Envelope:   event.Envelope{Kind: event.KindTaskCompleted, Time: at, Region: r.Event.Region},
			InstanceID: i.state.Instance.ID, InvokeID: "assumed-" + id, Status: event.StatusSuccess, ExitCode: new(int64), FinishTime: at,
		}
		if a.Run != nil {
			ev.CommandName = a.Run.Name
		} else {
			ev.CommandID = a.Invoke.CommandID
		}
		w.end(i, decide.Execution{Event: ev, Name: ev.CommandName, TaskID: id, RunID: r.ID, Source: decide.SourceEvent}, at, true)
	}
}

// ended counts a run that is over, unless it was counted when it began. Those that
// ended long ago are forgotten.
func (w *world) ended(i *instance, r decide.FlowRun) {
	if _, counted := i.courses[r.ID]; !counted {
		w.tally(r.Flow).Count(i.state.Instance.ID, r)
	}
	maps.DeleteFunc(i.courses, func(_ string, c course) bool { return r.EndedAt.Sub(c.until) > remembered })
}

// lookAsRecorded has the runs that wait for a time, or for the end of a stop, looked at
// when a sweep did so, as their records say.
func (w *world) lookAsRecorded(i *instance, now time.Time) {
	for id, r := range i.state.Runs {
		if r.CheckAt.IsZero() {
			continue
		}
		record := w.record(i.state.Instance.ID, r)
		looked := cmp.Or(record.StartedAt, record.EndedAt)
		late := looked.Sub(r.CheckAt)
		if looked.After(now) && (guardOf(r.Waits) == "stopped" || 0 <= late && late < sameTime) {
			r.CheckAt = looked
			i.state.Runs[id] = r
		}
	}
}
