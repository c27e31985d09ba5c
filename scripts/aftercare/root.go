package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/screen"
	"aftercare/shared/remediation"
)

// The exit codes.
const (
	exitFailed = 1 // the command did not succeed
	exitUsage  = 2 // the command line is wrong
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// quietError has already been printed.
type quietError struct{ error }

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, out, errOut io.Writer) int {
	// The output contains texts that others wrote.
	out, errOut = screen.NewWriter(out), screen.NewWriter(errOut)
	root := newRoot(getenv)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	var quiet quietError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &quiet):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "aftercare: %v\nTry '%s --help'.\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(errOut, "aftercare: %v\n", err)
	if hint := hint(err); hint != "" {
		fmt.Fprintln(errOut, hint)
	}
	return exitFailed
}

// hint says what to do about an error of the ledger.
func hint(err error) string {
	switch {
	case errors.Is(err, remediation.ErrDenied):
		return "Check the access key, and that its policy allows the call (scripts/ram/operator.json)."
	case errors.Is(err, remediation.ErrUnavailable):
		return "Check the endpoint, and that it can be reached from here."
	case errors.Is(err, remediation.ErrInvalid):
		return `If it names a row, a newer version or another program wrote that row: use that version's tool.
'aftercare flows resume FLOW' removes the row of a pause or a breaker, whatever it holds. Otherwise check the
Tablestore instance's name, and that its tables exist ('aftercare tables create').`
	}
	return ""
}

func newRoot(getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:   "aftercare",
		Short: "Operate Aftercare: its tables, records and flows",
		Example: `  aftercare tables create
  aftercare instance i-bp67acfmxazb4p
  aftercare history --day 2026-01-31 --status Failed
  aftercare flows validate functions/flows.yaml
  aftercare flows pause collect-logs --reason "the disks are full"`,
		Args:              noMore,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.AddCommand(newTables(getenv), newInstance(getenv), newHistory(getenv), newQuarantine(getenv),
		newSettings(), newFlows(getenv))
	return root
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: noMore,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
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

// atMostOne accepts one argument or none.
func atMostOne(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("%q is one argument too many", args[1])}
	}
	return nil
}

// one requires exactly one argument.
func one(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 || args[0] == "":
			return usageError{fmt.Errorf("%s is missing", name)}
		case len(args) > 1:
			return usageError{fmt.Errorf("%q is one argument too many", args[1])}
		}
		return nil
	}
}
