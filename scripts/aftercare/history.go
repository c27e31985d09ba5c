package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/ledger"
)

// executionColumns are those of a list of executions on several instances.
var executionColumns = []column[execution]{
	{"FINISHED", func(e execution) any { return e.FinishTime }, isWhole},
	{"INSTANCE", func(e execution) any { return e.InstanceID }, isWhole},
	{"COMMAND", func(e execution) any { return cmp.Or(e.CommandName, e.CommandID) }, 0},
	{"STATUS", func(e execution) any { return e.Status }, isState},
	{"EXIT", func(e execution) any { return code(e.Status, e.ExitCode) }, isWhole},
	{"TOOK", func(e execution) any { return between(e.StartTime, e.FinishTime) }, 0},
	{"INVOCATION", func(e execution) any { return e.InvokeID }, isWide},
	{"TASK", func(e execution) any { return e.TaskID }, isWide},
	{"ERROR", func(e execution) any { return errorOf(e.ErrorCode, e.ErrorDesc) }, 0},
}

func newHistory(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history --day YYYY-MM-DD",
		Short: "Print the executions that finished on one day, the newest first",
		Example: `  aftercare history --day 2026-01-31 --status Failed
  aftercare history --day 2026-01-31 -o jsonl | jq .commandName`,
		Args: cli.Args(),
	}
	s := siteFlags(cmd, getenv)
	f := addListFlags(cmd)
	day := cmd.Flags().String("day", "", "the `day` in UTC, for example 2026-01-31")
	status := cli.Word(cmd, "status", "", "", "only executions that ended with this `word`", "Success", "Failed", "Timeout", "Aborted", "Invalid", "Terminated")
	instance := cmd.Flags().String("instance", "", "only executions on the instance with this `id`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		at, err := time.Parse(time.DateOnly, *day)
		if err != nil {
			return cli.Usage(errors.New("--day must be a day such as 2026-01-31"))
		}
		return printList(cmd, f, executionColumns, fmt.Sprintf("no such execution finished on %s", *day), func(add func(execution) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				ends := ledger.Query{
					From: at, Before: at.AddDate(0, 0, 1), InstanceID: *instance, Kinds: []ledger.EntryKind{ledger.EntryExecution},
				}
				return l.History(ctx, ends, func(e ledger.Entry) error {
					p := execution{
						InstanceID: e.InstanceID, InvokeID: e.ID, CommandName: e.Name, TaskID: e.TaskID, Status: e.Result, ExitCode: e.ExitCode,
						ErrorCode: e.Code, ErrorDesc: e.Why, StartTime: e.Started(), FinishTime: e.At,
					}
					if *status == "" || strings.EqualFold(*status, p.Status) {
						return add(p)
					}
					return nil
				})
			})
		})
	}
	return cmd
}
