package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
)

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetIn(in)
	root.SetOut(out)
	return cli.Run(ctx, root, args, errOut, nil)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "localcloud",
		Short: "Run a local cloud that the official SDKs of Alibaba Cloud work with",
		Long: `localcloud imitates Tablestore, ECS Cloud Assistant, EventBridge and Function
Compute on loopback addresses, and what a deployment needs of RAM, Simple Log
Service and CloudMonitor. "up" runs them all, wired by a project file of
Serverless Devs; "tablestore", "ecs" and "eventbridge" run one alone.`,
		Example: `  localcloud up
  localcloud create i-web-1 && localcloud boot i-web-1
  localcloud tablestore --access-key-id me --access-key-secret s3cret --data tables.db`,
	}
	root.AddCommand(newUp())
	root.AddCommand(newInstanceCommands()...)
	root.AddCommand(newInvoke(), newReset())
	root.AddCommand(newServices()...)
	return root
}
