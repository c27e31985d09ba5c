package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/engine"
)

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, out, errOut io.Writer) int {
	// The output contains texts that others wrote.
	out, errOut = screen.NewWriter(out), screen.NewWriter(errOut)
	root := newRoot(getenv)
	root.SetOut(out)
	return cli.Run(ctx, root, args, errOut, hint)
}

// hint says what to do about an error of the ledger.
func hint(err error) string {
	switch {
	case errors.Is(err, engine.ErrDenied):
		return "Check the access key, and that its policy allows the call (scripts/ram/operator.json)."
	case errors.Is(err, engine.ErrUnavailable):
		return "Check the endpoint, and that it can be reached from here."
	case errors.Is(err, engine.ErrInvalid):
		return `If it names a row, a newer version or another program wrote that row: use that version's tool.
'aftercare resume' of what the row names removes it, whatever it holds. Otherwise check the
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
  aftercare stopped`,
	}
	root.AddCommand(newTables(getenv), newInstance(getenv), newHistory(getenv), newQuarantine(getenv),
		newStopped(getenv), newSettings(), newFlows())
	return root
}
