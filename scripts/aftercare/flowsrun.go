package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
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
