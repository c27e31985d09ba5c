package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
)

func newSetupFunctions(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "functions FILE|-",
		Short: "Say what 's deploy' would change of the functions",
		Long: `The file is what 's preview -t scripts/env/prod.yaml -o json' printed. It is
compared with what Function Compute shows: functions, triggers, and their other
configurations. 's plan' would take any error for "all is new". Code is compared
by DEPLOYED_VERSION, which scripts/deploy.sh sets. It changes nothing:
's deploy' does.

The exit code is 6 if something would change.`,
		Example: `  aftercare setup functions preview.json --env prod`,
		Args:    cli.Args("FILE|-"),
	}
	s := actSite(cmd, getenv)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		preview, err := readInput(cmd, args[0])
		if err != nil {
			return fmt.Errorf("read the preview: %w", err)
		}
		return s.connect(cmd.Context(), ofFunctions, func(ctx context.Context, c *connection) error {
			err := c.carryOut(ctx, cmd, c.deployed.Deployment(preview), true, "")
			var differ cli.CodeError
			if errors.As(err, &differ) && differ.Code == cli.ExitDiffers {
				differ.Err = errors.New("'s deploy' makes these changes")
				return differ
			}
			return err
		})
	}
	return cmd
}
