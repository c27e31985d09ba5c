package backtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// Happening is an end, a boot, a start by hand or a tick, or what a person did.
type Happening struct {
	InstanceID string
	At         time.Time // when it became known
	Execution  *decide.Execution
	Boot       *decide.Boot
	Start      *decide.FlowRun // a run that a person or a clock started
	Act        string          // such as "stop flow mend"
}

// Play plays what was due before, and then what happened.
func (w *World) Play(ctx context.Context, h Happening) error {
	if err := w.Until(ctx, h.At); err != nil {
		return err
	}
	switch {
	case h.Act != "":
		w.act(h)
		return nil
	case h.Execution != nil:
		return w.end(ctx, h)
	case h.Start != nil:
		return w.start(ctx, h)
	}
	return w.boot(ctx, h)
}

// end plays the end of a command. That of a flow's own command counts if its run goes
// as recorded; otherwise its assumed end was played in its place.
func (w *World) end(ctx context.Context, h Happening) error {
	i, e, ev := w.instance(h.InstanceID), h.Execution, h.Execution.Event
	ev.Bare = false
	about := Choice{InvokeID: ev.InvokeID, Command: e.Name, event: ev.Key()}
	t := decide.Task{ID: e.TaskID, Kind: decide.SendRun, Name: e.Name, CommandID: ev.CommandID, InvokeID: ev.InvokeID, State: decide.TaskRunning}
	switch {
	case e.RunID != "":
		c := i.began[e.RunID]
		if !c.recorded {
			w.LeftOut++
			return nil
		}
		about.event = e.TaskID // however it was sent, and whatever reported its end
		t.Chain, t.Attempt = c.chain, w.policy.MaxAttempts
		if c.endedBy == ev.Key() {
			if err := w.finish(ctx, i, e.RunID, h.At); err != nil {
				return err
			}
		}
	case e.TaskID != "" && ev.ErrorCode != flow.TooManyTasks && slices.Contains(flow.NotStarted, ev.ErrorCode):
		i.unstarted[e.TaskID]++
		t.Attempt = i.unstarted[e.TaskID]
	}
	if t.ID != "" {
		i.state.Tasks = map[string]decide.Task{t.ID: t}
	}
	return w.decide(ctx, i, decide.Ended{Event: ev, Received: h.At, Source: e.Source}, h.At, about)
}

func (w *World) boot(ctx context.Context, h Happening) error {
	i, b := w.instance(h.InstanceID), h.Boot
	uptime := b.EventTime.Sub(b.Time)
	ev := event.FirstHeartbeat{
		Envelope:   event.Envelope{Kind: event.KindFirstHeartbeat, ID: b.EventID, Time: b.EventTime, Region: i.state.Instance.Region},
		InstanceID: h.InstanceID, AgentVersion: b.AgentVersion, Zone: i.state.Instance.Zone, Uptime: &uptime,
	}
	return w.decide(ctx, i, decide.Heartbeat{Event: ev, Received: h.At}, h.At, Choice{Command: "a boot", event: fmt.Sprint("boot ", b.Seq)})
}

// start plays a start by hand, or a tick of the same schedule.
func (w *World) start(ctx context.Context, h Happening) error {
	r := h.Start
	in := decide.Submission{Key: r.Event.ID, Flow: r.Flow, Inputs: r.Event.Inputs, By: r.Event.By, Reason: r.Event.Reason}
	about := Choice{Flow: r.Flow, Command: "a start by hand", event: r.ID}
	if r.Event.Kind == flow.Scheduled {
		about.Command, in.Tick = "a tick", r.Event.Time
		is := r.Definition.Schedule
		if is == nil || !slices.ContainsFunc(w.flows, func(d flow.Definition) bool {
			return d.Name == r.Flow && d.Schedule != nil && d.Schedule.String() == is.String()
		}) {
			return nil
		}
		delete(w.Unknown, unticked(r.Flow))
	}
	return w.decide(ctx, w.instance(h.InstanceID), in, h.At, about)
}

func unticked(name string) string {
	return "what flow " + name + " would do on its schedule, of which no tick is recorded"
}

// act plays a stop or a resume.
func (w *World) act(h Happening) {
	kind, what, _ := strings.Cut(h.Act, " ")
	of, name, _ := strings.Cut(what, " ")
	scope := map[string]decide.Scope{"flow": {Flow: name}, "instance": {Instance: name}, "label": {Label: name}}[of]
	switch decide.ActKind(kind) {
	case decide.ActStop:
		w.control.Stops[scope] = decide.Stop{Scope: scope, At: h.At}
	case decide.ActResume:
		delete(w.control.Stops, scope)
		delete(w.control.Breakers, scope.Flow)
		delete(w.failures, scope.Flow)
	case decide.ActRetry:
		w.unknown("what came of it that a person ran a flow again")
	}
}

// countFailure counts a failed run for its flow's breaker, and opens that.
func (w *World) countFailure(f *decide.Fleet) {
	since := f.At.Add(-f.Limit.Window.D())
	b := w.control.Breakers[f.Flow]
	open := b.ResumeAt.After(f.At)
	if !b.ResumeAt.IsZero() && !open {
		since = decide.Later(since, b.ResumeAt.Add(time.Millisecond))
	}
	list := slices.DeleteFunc(append(w.failures[f.Flow], f.At), func(t time.Time) bool { return t.Before(since) })
	w.failures[f.Flow] = list
	if !open && len(list) >= f.Limit.MaxFailures {
		w.control.Breakers[f.Flow] = decide.Breaker{Flow: f.Flow, OpenedAt: f.At, ResumeAt: f.At.Add(f.Limit.ResumeAfter.D()), Failures: len(list)}
	}
}
