package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

func newFlowsRun(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run FLOW [NAME=VALUE]...",
		Short: "Start a flow by hand on instances",
		Long: `The flow must be for manual. NAME=VALUE gives one of its inputs, no secret; the
others have their defaults. A stop, a breaker, a limit or its when refuses the
start, as that of an event. What is started again with the same --dedupe-key is
a duplicate, and does nothing.`,
		Example: `  aftercare flows run clean-disk --instance i-bp67acfmxazb4p path=/var/log
  aftercare flows run clean-disk --tag role=web --reason "the disks are full"
  aftercare flows run clean-disk --instance i-bp67acfmxazb4p --flows flows.yaml`,
		Args: cli.Args("FLOW", "[NAME=VALUE]..."),
	}
	s := actSite(cmd, getenv)
	f := &submitFlags{targets: targetFlags(cmd)}
	file := cmd.Flags().String("flows", "", "the flows `file` that is deployed, to check the inputs first")
	cmd.Flags().StringVar(&f.key, "dedupe-key", "", "what makes it a duplicate when started again, a `text` (default: a new one)")
	actFlags(cmd, &f.by, &f.reason, &f.dryRun)
	yes := cli.YesFlag(cmd)
	format := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		inputs := map[string]string{}
		for _, arg := range args[1:] {
			name, value, ok := strings.Cut(arg, "=")
			if _, twice := inputs[name]; !ok || name == "" || twice {
				return cli.Usage(fmt.Errorf("%q must be the NAME=VALUE of an input, once", arg))
			}
			inputs[name] = value
		}
		if !f.given() {
			return cli.Usage(errors.New("--instance, --tag, --instance-name or --resource-group is missing"))
		}
		if *file != "" {
			flows, err := readFlows(cmd, *file)
			if err != nil {
				return err
			}
			if why := flow.NewSet(flows).Unstartable(args[0], flow.Manual, inputs); why != "" {
				return cli.Usage(errors.New(why))
			}
		}
		document := map[string]any{"flow": args[0], "inputs": inputs}
		f.sign(document)
		return f.submit(cmd, s, document, *yes, *format)
	}
	return cmd
}

// startIn explains a submission that starts a flow by hand, or the event of a tick of
// its schedule; nothing if the payload is neither.
func (e explainer) startIn(payload []byte) ([]explanation, error) {
	var s struct {
		Kind, Flow          string
		Time                time.Time
		Inputs              map[string]string
		InstanceID          string
		InstanceIDs         []string
		SubmittedBy, Reason string
	}
	if json.Unmarshal(payload, &s) != nil || s.Flow == "" {
		return nil, nil
	}
	if _, err := flow.NewSet(e.flows).Definition(s.Flow); err != nil {
		return nil, cli.NotFound("%w", err)
	}
	var list []explanation
	for _, id := range append(s.InstanceIDs, s.InstanceID) {
		switch {
		case id == "":
		case e.known != nil && e.known.Instance.ID != id:
			return nil, fmt.Errorf("the start is for the instance %s, but the state is of %s", id, e.known.Instance.ID)
		default:
			x := explanation{Kind: flow.Manual, InstanceID: id, Event: "a start of " + s.Flow + " by hand", At: e.moment(s.Time)}
			in := decide.Submission{Key: "explained", Flow: s.Flow, Inputs: s.Inputs, By: s.SubmittedBy, Reason: s.Reason}
			if s.Kind == flow.Scheduled {
				x.Kind, x.Event = s.Kind, "a tick of the schedule of "+s.Flow
				in = decide.TickOf(s.Flow, x.At, "")
			}
			list = append(list, e.ask(x, in))
		}
	}
	if list == nil {
		return nil, errors.New("the start names no instance: write instanceId")
	}
	return list, nil
}
