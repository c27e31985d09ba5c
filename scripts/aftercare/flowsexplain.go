package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/suggest"
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
	outputs := cli.OrTexts(cmd, "output", "the `form`, table or json; or what a step prints, STEP=TEXT", "what a step prints is written STEP=TEXT, such as check=87")
	at := atFlag(cmd, "the `time` at which to decide about the event (default the event's own)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		e := explainer{outputs: outputs, at: at.from}
		if *from == "" {
			return cli.Usage(errors.New("--event is missing: name a file with an event"))
		}
		if e.flows, err = readFlows(cmd, args[0]); err != nil {
			return err
		}
		if err = e.checkOutputs(); err != nil {
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
		list, err := e.explain(payload, cmd.ErrOrStderr())
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
	Kind       string                `json:"kind"`
	InstanceID string                `json:"instanceId"`
	Event      string                `json:"event"` // in words
	At         time.Time             `json:"at"`
	Version    string                `json:"flowsVersion"`
	Flows      []decide.FlowDecision `json:"flows"`
	// Assumed are flows whose instances are taken to fit, since nothing is known of
	// the instance; Others are flows for other kinds of event.
	Assumed []string `json:"assumed,omitempty"`
	Others  []string `json:"others,omitempty"`

	in decide.Input
	// unasked: there are flows for this kind of event, and they are not asked.
	unasked bool
}

// explainer asks the code of the functions what it would decide.
type explainer struct {
	flows   []flow.Definition
	outputs map[string]string // what steps print, by their ids
	known   *view
	at      time.Time // zero: when the event happened
}

// explain explains the events or the start of a flow that a file holds.
func (e explainer) explain(payload []byte, errOut io.Writer) ([]explanation, error) {
	list, err := e.starts(payload)
	if list == nil && err == nil {
		var events []event.Event
		events, err = eventsIn(payload, errOut)
		for i := 0; i < len(events) && err == nil; i++ {
			var x explanation
			x, err = e.about(events[i])
			list = append(list, x)
		}
	}
	if err != nil {
		return nil, err
	}
	for i := range list {
		if id := list[i].InstanceID; e.known != nil && e.known.Instance.ID != id {
			return nil, fmt.Errorf("the event belongs to the instance %s, but the state to %s", id, e.known.Instance.ID)
		}
		e.ask(&list[i])
	}
	return list, nil
}

// about is an event that flows can react to.
func (e explainer) about(ev event.Event) (x explanation, err error) {
	switch ev := ev.(type) {
	case event.TaskCompleted:
		at := e.moment(ev.FinishTime, ev.Time)
		x = explanation{Kind: flow.TaskCompleted, InstanceID: ev.InstanceID, Event: endOf(ev), At: at}
		x.in = decide.Ended{Event: ev, Received: at, Source: decide.SourceEvent}
	case event.FirstHeartbeat:
		at := e.moment(ev.Time)
		x = explanation{Kind: flow.FirstHeartbeat, InstanceID: ev.InstanceID, Event: "first heartbeat of a boot", At: at}
		x.in = decide.Heartbeat{Event: ev, Received: at}
	case event.InstanceStateChange:
		err = fmt.Errorf("no flow starts on this event (%s)", ev.Kind)
	case event.Ignored:
		err = fmt.Errorf("the functions ignore this event (%s): %s", ev.Kind, ev.Reason)
	case event.Malformed:
		err = fmt.Errorf("the event is malformed: %s", ev.Reason)
	}
	return x, err
}

// moment is when to decide about an event: the first of these times that is set.
func (e explainer) moment(times ...time.Time) time.Time {
	return cmp.Or(append([]time.Time{e.at}, append(times, time.Now().Truncate(time.Second))...)...).UTC()
}

// endOf is the end of an execution in a few words.
func endOf(ev event.TaskCompleted) string {
	name, _ := command.Split(ev.CommandName)
	text := cmp.Or(name, "a command without a name") + " ended as " + exited(string(ev.Status), ev.ExitCode)
	if ev.ErrorCode != "" {
		text += ", " + ev.ErrorCode
	}
	return text
}

// ask fills in how the flows react.
func (e explainer) ask(x *explanation) {
	state, facts, policy := decide.NewState(x.InstanceID), decide.Facts{}, decide.DefaultPolicy()
	if e.known != nil {
		state, facts.Control = e.known.state(), e.known.Stopped.Control()
	}
	if end, is := x.in.(decide.Ended); is {
		if text, given := e.outputs["event"]; given {
			facts.Outputs = map[string]decide.Captured{end.Event.InvokeID: {Output: decide.Output{Text: text}}}
		}
	}
	flows := slices.Clone(e.flows)
	for i := range flows {
		if e.known == nil {
			flows[i].Instances = nil
		}
	}
	policy.Flows, x.Version = flow.NewSet(flows), flow.NewSet(e.flows).Version()
	x.Flows = append([]decide.FlowDecision{}, decide.Explain(state, x.in, facts, policy, x.At, e.outputs)...)
	_, start := x.in.(decide.Submission) // of one flow
	for _, d := range e.flows {
		switch asked := slices.ContainsFunc(x.Flows, func(f decide.FlowDecision) bool { return f.Flow == d.Name }); {
		case asked && e.known == nil && d.Instances != nil:
			x.Assumed = append(x.Assumed, d.Name)
		case !start && !slices.Contains(d.On, x.Kind):
			x.Others = append(x.Others, d.Name)
		}
	}
	x.unasked = !start && len(x.Flows) == 0 && len(x.Others) < len(e.flows)
}

// checkOutputs reports a step that does not capture what it prints.
func (e explainer) checkOutputs() error {
	var capture []string
	for _, d := range e.flows {
		if d.CaptureEvent {
			capture = append(capture, "event")
		}
		for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
			if s.Capture {
				capture = append(capture, s.ID)
			}
		}
	}
	for _, step := range sortedKeys(e.outputs) {
		if !slices.Contains(capture, step) {
			return fmt.Errorf("--output %s=%s: no step %q has capture: true%s", step, e.outputs[step], step, suggest.Hint(step, "those that have it", capture))
		}
	}
	return nil
}
