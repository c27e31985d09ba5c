package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/backtest"
	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// backtestTime is how long a backtest may take.
const backtestTime = 30 * time.Minute

// maxUnasked is how many records are read without asking.
var maxUnasked = 1_000_000

// backtested is what a backtest found: of the file, and of the one that it is compared
// with.
type backtested struct {
	*backtest.History
	Files []backtestedFile `json:"files"`
}

type backtestedFile struct {
	File comparedFile `json:"file"`
	backtest.Report
}

func newFlowsBacktest(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backtest FILE",
		Short: "Say what a flows file would have done about what really happened",
		Long: `The ends of commands, the boots, the starts by hand and the ticks that are
recorded are played through the flows of FILE, by the code that decides in
production, with all its limits, windows and breakers, as of the times at which
they became known. Stops and resumes of people are played, too. Nothing is sent,
and nothing is written.

A run goes as its record says, if the same one was started. Otherwise its
commands succeed at once, and what they print is not known. --against plays a
second file, such as the one that is deployed, and lists the events that would
start a flow of one file only, or rehearse it in one file only. Each may be
what compile made of a file. Names, tags and operating systems of instances are
those of today. What was under way or counted before --since is not known.`,
		Example: `  aftercare flows backtest functions/flows.yaml --since 7d
  aftercare flows backtest new.yaml --against old.yaml`,
		Args: cli.Args("FILE"),
	}
	s := siteFlags(cmd, getenv)
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = backtestTime, backtestTime.String()
	format, yes := outputFlag(cmd), cli.YesFlag(cmd)
	from := sinceFlag(cmd, 30*24*time.Hour)
	against := cmd.Flags().String("against", "", "play this `file`, too, and list the differences")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		now := time.Now()
		if from.from.After(now) {
			return cli.Usage(fmt.Errorf("--since %s has not come yet: there is nothing to play from then on", from.text))
		}
		if *against != "" {
			args = append(args, *against)
		}
		files, flows, err := readCompared(cmd, args)
		if err != nil {
			return err
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			b := backtested{History: &backtest.History{Ledger: l, From: from.from, Before: now}}
			if err := b.count(ctx, cmd, *yes); err != nil {
				return err
			}
			if err := b.play(ctx, cmd, files, flows); err != nil {
				return err
			}
			if format.json() {
				return printJSON(cmd.OutOrStdout(), b)
			}
			b.print(cmd)
			return nil
		})
	}
	return cmd
}

// count says how much will be read, and asks if that is much.
func (b *backtested) count(ctx context.Context, cmd *cobra.Command, yes bool) error {
	end := waiting(cmd, "counting the records")
	err := b.Count(ctx)
	end()
	if err != nil {
		return err
	}
	what := counted(b.Rows, "record") + " will be read."
	if b.Rows > maxUnasked {
		return cli.Ask(cmd, yes, what)
	}
	say(cmd.ErrOrStderr(), "%s", what)
	return nil
}

// play plays the history through the flows of each file.
func (b *backtested) play(ctx context.Context, cmd *cobra.Command, files []comparedFile, flows [][]flow.Definition) error {
	defer waiting(cmd, "playing the history")()
	reports, err := backtest.Play(ctx, b.History, flows...)
	for n, r := range reports {
		b.Files = append(b.Files, backtestedFile{files[n], r})
	}
	return err
}

func (b *backtested) print(cmd *cobra.Command) {
	out, c := cmd.OutOrStdout(), clockOf(cmd)
	say(out, "what happened: %s from %s to %s", counted(b.Rows, "record"), c.whole(cmp.Or(b.Oldest, b.From)), c.whole(b.Before))
	for _, f := range b.Files {
		say(out, "\n%s, %s, version %s, would have had these runs:", f.File.File, counted(f.File.Flows, "flow"), f.File.Version)
		for _, t := range f.Flows {
			text := cmp.Or(t.Runs.String(), "no run")
			if t.Instances > 0 {
				text += ", on " + counted(t.Instances, "instance")
			}
			if t.Perhaps > 0 {
				text += ", perhaps " + counted(t.Perhaps, "time") + " more"
			}
			screen.Say(out, "  "+t.Flow+": ", text)
			if len(t.Cost) > 0 {
				screen.Say(out, "    cost: ", t.Cost.String())
			}
		}
	}
	if len(b.Files) > 1 {
		b.printDifferences(out, c)
	}
	is := b.Files[0]
	if is.LeftOut > 0 {
		screen.Say(out, "", fmt.Sprintf("\nLeft out: %s of commands that flows sent, and that these would not have sent, or not like this.", counted(is.LeftOut, "end")))
	}
	if len(is.Unknown) > 0 {
		say(out, "\nNot known:")
	}
	for _, what := range sortedKeys(is.Unknown) {
		screen.Say(out, fmt.Sprintf("  %dx ", is.Unknown[what]), screen.Plain(what))
	}
}

// printDifferences lists the events that would start a flow of one file only.
func (b *backtested) printDifferences(out io.Writer, c clock) {
	table := &screen.Table{Head: []string{"+-", "WHEN", "INSTANCE/EVENT", "WHAT", "FLOW"}, Whole: map[int]bool{0: true, 1: true, 2: true}}
	for n, sign := range []string{"+", "-"} {
		for _, s := range b.Files[n].Only {
			if s.DryRun {
				s.Flow += " (dry-run)"
			}
			table.Add(sign, c.moment(s.At), strings.TrimSuffix(s.InstanceID+"/"+s.InvokeID, "/"), s.Command, s.Flow)
		}
	}
	say(out, "\n+%d, -%d starts of flows", len(b.Files[0].Only), len(b.Files[1].Only))
	table.Print(out)
}
