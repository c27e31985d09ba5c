package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/ledger"
)

func newTables(getenv func(string) string) *cobra.Command {
	return cli.Group("tables", "Create and check the tables",
		newTablesCommand(getenv, "create", "Create missing tables and lists, and check existing ones", createTables),
		newTablesCommand(getenv, "check", "Compare the tables and lists with what they should be", checkTables))
}

func newTablesCommand(getenv func(string) string, name, short string, do func(context.Context, io.Writer, *ledger.Ledger, time.Duration) error) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Example: "  aftercare tables " + name + " --env prod", Args: cli.Args()}
	s := siteFlags(cmd, getenv)
	// A new table may take a minute until it can be used.
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = 2*time.Minute, "2m0s"
	ttl := ttlFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		life, err := ttl()
		if err != nil {
			return err
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			return do(ctx, cmd.OutOrStdout(), l, life)
		})
	}
	return cmd
}

// ttlFlag adds the flag that says how long rows live.
func ttlFlag(cmd *cobra.Command) func() (time.Duration, error) {
	ttl := cmd.Flags().Int("ttl-days", 180, "how many `days` rows live, at least 35; set the functions' AFTERCARE_TABLE_TTL to the same")
	return func() (time.Duration, error) {
		if least := int(ledger.MinTTL / (24 * time.Hour)); *ttl < least || *ttl > 3650 {
			return 0, cli.Usage(fmt.Errorf("--ttl-days must be from %d to 3650", least))
		}
		return time.Duration(*ttl) * 24 * time.Hour, nil
	}
}

func createTables(ctx context.Context, out io.Writer, l *ledger.Ledger, ttl time.Duration) error {
	made, lists, err := l.CreateTables(ctx, ttl)
	for _, name := range made {
		fmt.Fprintln(out, "created", name)
	}
	if err != nil {
		return err
	}
	if len(made) == 0 {
		fmt.Fprintln(out, "all tables exist, nothing was changed")
	}
	if !lists {
		fmt.Fprint(out, `Tablestore refuses an atomic batch on a table with secondary indexes, so there are none: lists are missing.
The functions work without them, and so does 'aftercare instance'; 'aftercare history' does not.
`)
	}
	return nil
}

func checkTables(ctx context.Context, out io.Writer, l *ledger.Ledger, ttl time.Duration) error {
	if err := l.CheckTables(ctx, ttl); err != nil {
		return err
	}
	fmt.Fprintln(out, "all tables and lists are as they should be")
	return nil
}
