package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

// play plays what was due before, and then what happened to an instance.
func (w *world) play(h happening, before decide.Instance) {
	w.until(h.at)
	clear(w.perhaps)
	if len(h.Acts) > 0 {
		w.act(h.Acts[0])
		return
	}
	i := w.fleet[h.instanceID]
	if i == nil {
		i = &instance{state: decide.State{Instance: before}, courses: map[string]course{}, unstarted: map[string]int{}}
		w.fleet[h.instanceID] = i
	}
	switch {
	case len(h.Executions) > 0:
		w.end(i, h.Executions[0], h.at, false)
	case len(h.Boots) > 0:
		w.boot(i, h.Boots[0], h.at)
	case len(h.Runs) > 0:
		w.start(i, h.Runs[0])
	default:
		w.unknown("records that are listed and have expired")
	}
}

// end plays the end of a command. That of a flow's own command counts if its run goes
// as recorded; otherwise the assumed one counts in its place.
func (w *world) end(i *instance, e decide.Execution, at time.Time, assumed bool) {
	ev := e.Event
	about := Start{InvokeID: ev.InvokeID, Command: cmp.Or(e.Name, ev.CommandID), event: ev.Key(), recorded: e.Decided.Flows}
	t := decide.Task{ID: e.TaskID, Kind: decide.SendRun, Name: e.Name, CommandID: ev.CommandID, InvokeID: ev.InvokeID, State: decide.TaskRunning}
	switch {
	case e.RunID != "":
		c := i.courses[e.RunID]
		if c.recorded == assumed {
			w.LeftOut++
			return
		}
		about.event = e.TaskID // however it was sent, and whatever reported its end
		t.Chain, t.Attempt = c.chain, w.policy.MaxAttempts
		if r, underWay := i.state.Runs[e.RunID]; underWay && c.endedBy == "exec/"+ev.InvokeID+"/"+ev.Suffix() {
			i.state.Runs[r.ID] = heldUntil(r, at, c.failed)
			w.decide(i, decide.WakeUp{}, at, Start{}) // the run ends before flows react
		}
	case e.TaskID != "" && ev.ErrorCode != flow.TooManyTasks && slices.Contains(flow.NotStarted, ev.ErrorCode):
		i.unstarted[e.TaskID]++
		t.Attempt = i.unstarted[e.TaskID]
	}
	if assumed {
		about.InvokeID, about.Command = "", about.Command+" (assumed)"
	}
	if t.ID != "" {
		i.state.Tasks = map[string]decide.Task{t.ID: t}
	}
	w.decide(i, decide.Ended{Event: ev, Received: at, Source: e.Source}, at, about)
}

func (w *world) boot(i *instance, b decide.Boot, at time.Time) {
	uptime := b.EventTime.Sub(b.Time)
	ev := event.FirstHeartbeat{
		Envelope:   event.Envelope{Kind: event.KindFirstHeartbeat, ID: b.EventID, Time: b.EventTime, Region: i.state.Instance.Region},
		InstanceID: i.state.Instance.ID, AgentVersion: b.AgentVersion, Zone: i.state.Instance.Zone, Uptime: &uptime,
	}
	w.decide(i, decide.Heartbeat{Event: ev, Received: at}, at, Start{Command: "a boot", event: fmt.Sprint("boot ", b.Seq)})
}

// start plays a start by hand, or a tick of the same schedule.
func (w *world) start(i *instance, r decide.FlowRun) {
	d, err := w.policy.Flows.Definition(r.Flow)
	if err != nil {
		return // the file has no such flow
	}
	in := decide.Submission{Key: r.Event.ID, Flow: r.Flow, Inputs: r.Event.Inputs, By: r.Event.By, Reason: r.Event.Reason}
	about := Start{Flow: r.Flow, Command: "a start by hand", event: r.ID}
	if r.Event.Kind == flow.Scheduled {
		about.Command, in.Tick = "a tick", r.Event.Time
		if d.Schedule == nil || r.Definition.Schedule == nil || d.Schedule.String() != r.Definition.Schedule.String() {
			return
		}
		delete(w.Unknown, unticked(r.Flow))
	}
	w.decide(i, in, r.CreatedAt, about)
}

// act plays a stop or a resume.
func (w *world) act(a decide.Act) {
	kind, name, _ := strings.Cut(a.What, " ")
	scope := map[string]decide.Scope{"flow": {Flow: name}, "instance": {Instance: name}, "label": {Label: name}}[kind]
	switch a.Kind {
	case decide.ActStop:
		w.control.Stops[scope] = decide.Stop{Scope: scope, At: a.At}
	case decide.ActResume:
		delete(w.control.Stops, scope)
		delete(w.control.Breakers, scope.Flow)
		delete(w.failures, scope.Flow)
	case decide.ActRetry:
		w.unknown("what came of it that a person ran a flow again")
	}
}
