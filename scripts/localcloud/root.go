package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitFault = 1 // what was asked for did not succeed
	exitUsage = 2 // the command line is wrong
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(errOut, "localcloud:", err)
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(errOut, "Try '%s --help'.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFault
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "localcloud",
		Short: "Run a local cloud that the official SDKs of Alibaba Cloud work with",
		Long: `localcloud imitates Tablestore, ECS Cloud Assistant, EventBridge and Function
Compute on loopback addresses. "up" runs them all, wired by a project file of
Serverless Devs; "tablestore", "ecs" and "eventbridge" run one alone.`,
		Example: `  localcloud up
  localcloud create i-web-1 && localcloud boot i-web-1
  localcloud tablestore --access-key-id me --access-key-secret s3cret --data tables.db`,
		Args:              noMore,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newUp())
	root.AddCommand(newInstanceCommands()...)
	root.AddCommand(newInvoke())
	root.AddCommand(newServices()...)
	return root
}

// noMore refuses arguments.
func noMore(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return usageError{fmt.Errorf("%q is not a command", args[0])}
	}
	return usageError{fmt.Errorf("%q is one argument too many", args[0])}
}

// exactly wants one argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError{fmt.Errorf("%s is missing", names[len(args)])}
		case len(args) > len(names):
			return usageError{fmt.Errorf("%q is one argument too many", args[len(names)])}
		}
		return nil
	}
}
