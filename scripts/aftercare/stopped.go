package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

func newStopped(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stopped",
		Short:   "List what people or breakers have stopped",
		Example: `  aftercare stopped`,
		Args:    cli.Args(),
	}
	s := siteFlags(cmd, getenv)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			now, err := standing(ctx, l)
			switch {
			case err != nil:
				return err
			case format.json():
				return printJSON(cmd.OutOrStdout(), now)
			}
			printStanding(cmd, now, "")
			return nil
		})
	}
	return cmd
}

func standing(ctx context.Context, l *ledger.Ledger) (decide.Standing, error) {
	c, err := l.Control(ctx)
	return c.Standing(time.Now()), err
}

// holding is what of it holds, or may hold, work of an instance.
func holding(all decide.Standing, s decide.State) decide.Standing {
	all.Stops = slices.DeleteFunc(all.Stops, func(stop decide.Stop) bool {
		return stop.Instance != "" && stop.Instance != s.Instance.ID || stop.Label != "" &&
			!slices.ContainsFunc(slices.Collect(maps.Values(s.Tasks)), func(t decide.Task) bool { return slices.Contains(t.Labels, stop.Label) })
	})
	return all
}

// printStanding prints what is stopped under a title.
func printStanding(cmd *cobra.Command, s decide.Standing, title string) {
	if len(s.Stops)+len(s.Breakers) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "nothing is stopped")
	}
	standingTable(s, title, clockOf(cmd).moment).Print(cmd.OutOrStdout())
}

func standingTable(s decide.Standing, title string, moment func(time.Time) string) *screen.Table {
	t := &screen.Table{Title: title, Head: []string{"STOPPED", "SINCE", "UNTIL", "BY", "REASON"}, Whole: map[int]bool{0: true}}
	for _, stop := range s.Stops {
		t.Add(stop.Scope.String(), moment(stop.At), "resumed", stop.By, stop.Reason)
	}
	for _, b := range s.Breakers {
		t.Add(decide.Scope{Flow: b.Flow}.String(), moment(b.OpenedAt), moment(b.ResumeAt), "its breaker", failures(b))
	}
	return t
}

func failures(b decide.Breaker) string { return fmt.Sprintf("%d runs failed", b.Failures) }
