package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

func newHistory(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history --day YYYY-MM-DD",
		Short: "Print the executions that finished on one day",
		Args:  cli.Args(),
	}
	s := storeFlags(cmd, getenv)
	format := outputFlag(cmd)
	day := cmd.Flags().String("day", "", "the `day`, for example 2026-01-31")
	status := cmd.Flags().String("status", "", "only executions that ended with this `word`, for example Failed")
	instance := cmd.Flags().String("instance", "", "only executions on the instance with this `id`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		at, err := time.Parse(time.DateOnly, *day)
		if err != nil {
			return cli.Usage(errors.New("--day must be a day such as 2026-01-31"))
		}
		list := []execution{}
		err = s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			return l.History(ctx, at, func(e decide.Execution) error {
				p := printed(e)
				if (*status == "" || strings.EqualFold(*status, p.Status)) && (*instance == "" || *instance == p.InstanceID) {
					list = append(list, p)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		byFinish(list)
		if format.json() {
			return printJSON(cmd.OutOrStdout(), list)
		}
		if len(list) == 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "no such execution finished on %s\n", *day)
		}
		executionTable("", list, true).Print(cmd.OutOrStdout())
		return nil
	}
	return cmd
}
