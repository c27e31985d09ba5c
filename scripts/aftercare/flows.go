package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"aftercare/shared/flow"
)

func newFlows(getenv func(string) string) *cobra.Command {
	return group("flows", "Check flows, stop them and let them go on",
		newFlowsValidate(), newFlowsPause(getenv), newFlowsResume(getenv), newFlowsPaused(getenv))
}

func newFlowsValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a flows file as a function does when it starts",
		Long: `Check a flows file as a function does when it starts. Every fault is printed
with its file, line and column, and the exit code is 1 if there is one.`,
		Args: one("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the flows: %w", err)
			}
			set, err := flow.Compile(args[0], src)
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), err)
				return quietError{err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d flows, no faults\n", args[0], set.Len())
			return nil
		},
	}
}
