package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/ledger"
)

// screenful is how many executions are printed at once.
const screenful = 50

func newHistory(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history --day YYYY-MM-DD",
		Short: "Print the executions that finished on one day, the newest first",
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
		out := cmd.OutOrStdout()
		table, list := executionTable("", nil, true), jsonList{w: out}
		n := 0
		err = s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			period := ledger.Query{
				From: at, Before: at.AddDate(0, 0, 1), InstanceID: *instance, Kinds: []ledger.EntryKind{ledger.EntryExecution},
			}
			return l.History(ctx, period, func(e ledger.Entry) error {
				p := execution{
					InstanceID: e.InstanceID, InvokeID: e.ID, CommandName: e.Name, TaskID: e.TaskID, Status: e.Result, ExitCode: e.ExitCode,
					ErrorCode: e.Code, ErrorDesc: e.Why, StartTime: e.Started(), FinishTime: e.At,
				}
				switch n++; {
				case *status != "" && !strings.EqualFold(*status, p.Status):
					n--
				case format.json():
					return list.add(p)
				default:
					if p.addTo(table, true); n%screenful == 0 {
						table.Print(out)
					}
				}
				return nil
			})
		})
		switch {
		case err != nil:
			return err
		case format.json():
			return list.end()
		case n == 0:
			fmt.Fprintf(out, "no such execution finished on %s\n", *day)
		}
		table.Print(out)
		return nil
	}
	return cmd
}
