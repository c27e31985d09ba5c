package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// stoppedNow notes below a list of work or instances what is stopped: it may be why
// nothing moves.
func (f listFlags) stoppedNow(ctx context.Context, l *ledger.Ledger) (decide.Standing, error) {
	now, err := standing(ctx, l)
	var names []string
	for _, s := range now.Stops {
		names = append(names, s.Scope.String())
	}
	for _, b := range now.Breakers {
		names = append(names, "flow "+b.Flow+" by a breaker")
	}
	if *f.note = ""; len(names) > 0 {
		if n := len(names) - 3; n > 0 {
			names = append(names[:3], fmt.Sprintf("%d more", n))
		}
		*f.note = "Stopped: " + strings.Join(names, ", ") + "\n'aftercare stopped' says since when, and why."
	}
	return now, err
}

// printStanding prints what is stopped under a title.
func printStanding(cmd *cobra.Command, s decide.Standing, title string) {
	if len(s.Stops)+len(s.Breakers) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing is stopped.")
	}
	for _, t := range standingTables(s, title, clockOf(cmd).moment) {
		t.Print(cmd.OutOrStdout())
	}
}

// standingTables are what people stopped, and what breakers did.
func standingTables(s decide.Standing, title string, moment func(time.Time) string) [2]*screen.Table {
	stops := &screen.Table{Title: title, Head: []string{"STOPPED", "SINCE", "BY", "REASON"}, Whole: map[int]bool{0: true, 1: true}}
	for _, stop := range s.Stops {
		stops.Add(stop.Scope.String(), moment(stop.At), stop.By, stop.Reason)
	}
	breakers := &screen.Table{Title: "Stopped by a breaker", Head: []string{"FLOW", "SINCE", "UNTIL", "REASON"}, Whole: map[int]bool{0: true, 1: true, 2: true}}
	for _, b := range s.Breakers {
		breakers.Add(b.Flow, moment(b.OpenedAt), moment(b.ResumeAt), failures(b))
	}
	return [2]*screen.Table{stops, breakers}
}

func failures(b decide.Breaker) string { return fmt.Sprintf("%d runs failed", b.Failures) }
