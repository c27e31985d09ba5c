package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
)

func newFlowsExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain FILE --event EVENT",
		Short: "Explain which flows an event would start, and why",
		Long: `EVENT is an event as a function gets it: a CloudEvent, what CloudMonitor sends,
or the data alone; or what starts a flow by hand or on schedule. For a flow that
starts, the steps are listed that it would take if every command succeeded. What
a step prints is not known: what depends on it says so, unless --output ID=TEXT
gives it; --output event=TEXT is what the event's own command printed, for flows
with captureEvent. Nothing is sent. Limits, runs under way, stops and breakers
count only with --state.`,
		Example: `  aftercare flows explain functions/flows.yaml --event event.json
  aftercare flows explain functions/flows.yaml --event - --output df=87`,
		Args: cli.Args("FILE"),
	}
	format := outputFlag(cmd)
	from := cmd.Flags().String("event", "", "the `file` with the event, - for the standard input")
	known := cmd.Flags().String("state", "", "a `file` with the instance's state, from 'aftercare show ID -o json' (default: no boot, no runs, no failures)")
	outputs := outputsFlag(cmd)
	at := cmd.Flags().String("at", "", "the `time` at which to decide about the event (default the event's own)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e := explainer{}
		switch {
		case *from == "":
			return cli.Usage(errors.New("--event is missing: name a file with an event"))
		case *at != "":
			var err error
			if e.at, err = time.Parse(time.RFC3339, *at); err != nil {
				return cli.Usage(errors.New("--at must be a time such as 2026-01-31T08:00:00Z"))
			}
		}
		var err error
		if e.flows, err = readFlows(cmd, args[0]); err != nil {
			return err
		}
		if e.outputs, err = outputsOf(e.flows, *outputs); err != nil {
			return cli.Usage(err)
		}
		if *known != "" {
			if e.known, err = readState(*known); err != nil {
				return err
			}
		}
		payload, err := readInput(cmd, *from)
		if err != nil {
			return fmt.Errorf("read the event: %w", err)
		}
		list, err := e.startIn(payload)
		if list == nil && err == nil {
			var events []event.Event
			if events, err = eventsIn(payload, cmd.ErrOrStderr()); err == nil {
				list, err = e.explain(events)
			}
		}
		if err != nil {
			return err
		}
		if format.json() {
			return printJSON(cmd.OutOrStdout(), list)
		}
		for i, x := range list {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			x.print(cmd.OutOrStdout(), clockOf(cmd))
		}
		return nil
	}
	return cmd
}

// explanation is how the flows react to one event.
type explanation struct {
	Kind       string      `json:"kind"`
	InstanceID string      `json:"instanceId"`
	Event      string      `json:"event"`
	At         time.Time   `json:"at"`
	Version    string      `json:"flowsVersion"`
	Flows      []explained `json:"flows"`
}

// explained is how one flow reacts to an event.
type explained struct {
	Flow  string `json:"flow"`
	Fires bool   `json:"fires"`
	// Outcome is the flow's outcome in the words of records, and Why the reason.
	// Values are the values of the names in a false clause.
	Outcome string       `json:"outcome"`
	Why     string       `json:"why"`
	Values  []flow.Value `json:"values,omitempty"`
	// Plan lists what a run would do if every command succeeded, and Waits is how
	// long its own waits would take at most. Result is how the run would end; if
	// that is not succeeded, Reason says why, or what it depends on.
	Plan   []plannedStep `json:"plan,omitempty"`
	Waits  string        `json:"waits,omitempty"`
	Result string        `json:"result,omitempty"`
	Reason string        `json:"resultReason,omitempty"`
	// other: the flow is for other kinds of event.
	other bool
}

// plannedStep is a step that a run would take or skip.
type plannedStep struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Status is planned, maybe, skipped, or how else the step would end, and Reason
	// says why. DependsOn are the steps whose outputs decide.
	Status     string            `json:"status"`
	Reason     string            `json:"reason,omitempty"`
	DependsOn  []string          `json:"dependsOn,omitempty"`
	Command    string            `json:"command,omitempty"` // a name, or a saved command's id
	Parameters map[string]string `json:"parameters,omitempty"`
	Alert      string            `json:"alert,omitempty"`
	Severity   string            `json:"severity,omitempty"`
	Route      string            `json:"route,omitempty"`
	Runbook    string            `json:"runbook,omitempty"`
	announced  string            // the alert in one line
	Wait       string            `json:"wait,omitempty"`
	Stop       string            `json:"stop,omitempty"`
}

// explainer asks the code of the functions what it would decide.
type explainer struct {
	flows   []flow.Definition
	outputs map[string]string // what steps print, by their ids
	known   *view
	at      time.Time // zero: when the event happened
}

func (e explainer) explain(events []event.Event) ([]explanation, error) {
	var list []explanation
	for _, ev := range events {
		switch ev := ev.(type) {
		case event.Malformed:
			return nil, fmt.Errorf("the event is malformed: %s", ev.Reason)
		case event.Ignored:
			return nil, fmt.Errorf("the functions ignore this event (%s): %s", ev.Kind, ev.Reason)
		case event.InstanceStateChange:
			return nil, fmt.Errorf("no flow starts on this event (%s)", ev.Kind)
		case event.TaskCompleted:
			at := e.moment(ev.FinishTime, ev.Time)
			x := explanation{Kind: flow.TaskCompleted, InstanceID: ev.InstanceID, Event: endOf(ev), At: at}
			list = append(list, e.ask(x, decide.Ended{Event: ev, Received: at, Source: decide.SourceEvent}))
		case event.FirstHeartbeat:
			at := e.moment(ev.Time)
			x := explanation{Kind: flow.FirstHeartbeat, InstanceID: ev.InstanceID, Event: "first heartbeat of a boot", At: at}
			list = append(list, e.ask(x, decide.Heartbeat{Event: ev, Received: at}))
		}
	}
	for _, x := range list {
		if e.known != nil && e.known.Instance.ID != x.InstanceID {
			return nil, fmt.Errorf("the event belongs to the instance %s, but the state to %s", x.InstanceID, e.known.Instance.ID)
		}
	}
	return list, nil
}

// moment is when to decide about an event: the first of these times that is set.
func (e explainer) moment(times ...time.Time) time.Time {
	for _, t := range append([]time.Time{e.at}, times...) {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return time.Now().UTC().Truncate(time.Second)
}

// endOf is the end of an execution in a few words.
func endOf(ev event.TaskCompleted) string {
	name, _ := command.Split(ev.CommandName)
	if name == "" {
		name = "a command without a name"
	}
	text := fmt.Sprintf("%s ended as %s", name, ev.Status)
	if exit := code(string(ev.Status), ev.ExitCode); exit != "" {
		text += ", exit code " + exit
	}
	if ev.ErrorCode != "" {
		text += ", " + ev.ErrorCode
	}
	return text
}

// ask fills in how the flows react to the input.
func (e explainer) ask(x explanation, in decide.Input) explanation {
	state := decide.NewState(x.InstanceID)
	if e.known != nil {
		state = e.known.state()
	}
	policy := decide.DefaultPolicy()
	policy.Flows = flow.NewSet(e.flows)
	var facts decide.Facts
	if end, is := in.(decide.Ended); is {
		if text, given := e.outputs["event"]; given {
			facts.Outputs = map[string]decide.Captured{end.Event.InvokeID: {Output: decide.Output{Text: text}}}
		}
	}
	if e.known != nil {
		facts.Control = e.known.Stopped.Control()
	}
	decisions := decide.Explain(state, in, facts, policy, x.At)
	x.Version, x.Flows = policy.Flows.Version(), []explained{}
	for _, d := range e.flows {
		i := slices.IndexFunc(decisions, func(f decide.FlowDecision) bool { return f.Flow == d.Name })
		switch {
		case i < 0 && (x.Kind == flow.Manual || x.Kind == flow.Scheduled): // another one is started
		case i >= 0:
			one := newExplained(decisions[i], e.outputs)
			if e.known == nil && strings.HasPrefix(one.Why, "instances: ") {
				one.Why += "; nothing is known of the instance without --state"
			}
			x.Flows = append(x.Flows, one)
		case slices.Contains(d.On, x.Kind):
			why := "the state already has a run of it for this event"
			if x.Kind == flow.FirstHeartbeat {
				why = "the state already has this boot, or a newer one"
			}
			x.Flows = append(x.Flows, explained{Flow: d.Name, Outcome: string(decide.FlowNotStarted), Why: why})
		default:
			x.Flows = append(x.Flows, explained{
				Flow: d.Name, Outcome: string(decide.FlowNotStarted), Why: "it is not for " + x.Kind + " events", other: true,
			})
		}
	}
	return x
}

func newExplained(f decide.FlowDecision, outputs map[string]string) explained {
	x := explained{Flow: f.Flow, Outcome: string(f.What), Why: f.Why, Values: f.Values}
	if f.Rehearse == nil {
		return x
	}
	x.Fires = true
	if f.What == decide.FlowDryRun {
		x.Why = "its condition holds" // what would run is the plan
	}
	steps := map[string]flow.Step{}
	for _, s := range slices.Concat(f.Definition.Steps, f.Definition.OnFailure, f.Definition.Finally) {
		steps[s.ID] = s
	}
	rehearsal := f.Rehearse(outputs)
	for _, rec := range rehearsal.Steps {
		p := plannedStep{ID: rec.ID, Kind: rec.Kind, Status: rec.Status, Reason: rec.Reason, DependsOn: rec.Depends}
		if rec.Status != flow.StepSkipped && rec.Status != flow.StepInvalid {
			p.Wait, p.Stop = steps[rec.ID].Wait, steps[rec.ID].Stop
		}
		for _, a := range rehearsal.Actions {
			switch {
			case a.Step != rec.ID:
			case a.Run != nil:
				p.Command, p.Parameters = a.Run.Name, a.Run.Parameters
			case a.Invoke != nil:
				p.Command, p.Parameters = a.Invoke.CommandID, a.Invoke.Parameters
			default:
				p.Alert, p.Severity, p.Route, p.Runbook, p.announced = a.Alert, a.Severity, a.Route, a.Runbook, a.Announced()
			}
		}
		x.Plan = append(x.Plan, p)
	}
	if x.Result = rehearsal.Result; x.Result != flow.ResultSucceeded {
		x.Reason = rehearsal.Reason
	}
	if rehearsal.Took > 0 {
		x.Waits = flow.Duration(rehearsal.Took).String()
	}
	return x
}
