package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/ledger"
)

func newTables(getenv func(string) string) *cobra.Command {
	return cli.Group("tables", "Create the tables", newTablesCreate(getenv))
}

func newTablesCreate(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create missing tables, and check existing ones",
		Args:  cli.Args(),
	}
	s := storeFlags(cmd, getenv)
	ttl := cmd.Flags().Int("ttl-days", 180, "how many `days` rows live, at least 35; set the functions' AFTERCARE_TABLE_TTL to the same")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if least := int(ledger.MinTTL / (24 * time.Hour)); *ttl < least || *ttl > 3650 {
			return cli.Usage(fmt.Errorf("--ttl-days must be from %d to 3650", least))
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			made, err := l.CreateTables(ctx, time.Duration(*ttl)*24*time.Hour)
			for _, name := range made {
				fmt.Fprintln(cmd.OutOrStdout(), "created", name)
			}
			if err == nil && len(made) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "all tables exist, nothing was changed")
			}
			return err
		})
	}
	return cmd
}
