package main

import (
	"context"
	"fmt"
	"io"
	"slices"
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

// backtested is what a backtest found.
type backtested struct {
	File    comparedFile      `json:"file"`
	Against *comparedFile     `json:"against,omitempty"`
	From    time.Time         `json:"from"`
	Before  time.Time         `json:"before"`
	Oldest  time.Time         `json:"oldest"` // the first event
	Records int               `json:"records"`
	Events  int               `json:"events"`
	Flows   []*backtest.Tally `json:"flows"`
	// Of the file that it was compared with.
	FlowsAgainst []*backtest.Tally     `json:"flowsAgainst,omitempty"`
	Differences  []backtest.Difference `json:"differences,omitempty"`
	Unknown      map[string]int        `json:"unknown"`
	LeftOut      int                   `json:"leftOut"`
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
start a flow of one file only. Each may be what compile made of a file. Names,
tags and operating systems of instances are those of today. What was under way
or counted before --since is not known.`,
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
		var files []comparedFile
		var flows [][]flow.Definition
		for _, path := range append(args, *against) {
			if path == "" {
				break
			}
			list, err := readAnyFlows(cmd, path)
			if err != nil {
				return err
			}
			files, flows = append(files, comparedFile{inputName(path), flow.NewSet(list).Version(), len(list)}), append(flows, list)
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			history := &backtest.History{Ledger: l, From: from.from, Before: time.Now()}
			found, err := playHistory(ctx, cmd, history, flows, *yes)
			if err != nil {
				return err
			}
			if found.File = files[0]; len(files) > 1 {
				found.Against = &files[1]
			}
			if format.json() {
				return printJSON(cmd.OutOrStdout(), found)
			}
			found.print(cmd)
			return nil
		})
	}
	return cmd
}

// playHistory says how much it will read, and plays it.
func playHistory(ctx context.Context, cmd *cobra.Command, h *backtest.History, flows [][]flow.Definition, yes bool) (b backtested, err error) {
	end := waiting(cmd, "counting the records")
	err = h.Count(ctx, slices.Concat(flows...))
	end()
	if err != nil {
		return b, err
	}
	what := counted(h.Rows, "record") + " will be read."
	if h.Rows <= maxUnasked {
		say(cmd.ErrOrStderr(), "%s", what)
	} else if err := cli.Ask(cmd, yes, what); err != nil {
		return b, err
	}
	defer waiting(cmd, "playing the history")()
	var worlds []*backtest.World
	for _, list := range flows {
		worlds = append(worlds, backtest.New(list, h))
	}
	var differ backtest.Differences
	if len(worlds) > 1 {
		differ = backtest.Compare(worlds[0], worlds[1])
	}
	err = h.Play(ctx, worlds...)
	is := worlds[0]
	if h.Expired > 0 {
		is.Unknown["records that are listed and have expired"] = h.Expired
	}
	b = backtested{
		From: h.From, Before: h.Before, Oldest: h.Oldest, Records: h.Rows, Events: h.Events,
		Flows: is.Tallies(), Differences: differ.List(), Unknown: is.Unknown, LeftOut: is.LeftOut,
	}
	if len(worlds) > 1 {
		b.FlowsAgainst = worlds[1].Tallies()
	}
	return b, err
}

func (b backtested) print(cmd *cobra.Command) {
	out, c := cmd.OutOrStdout(), clockOf(cmd)
	say(out, "what happened: %s from %s to %s", counted(b.Events, "event"), c.whole(b.From), c.whole(b.Before))
	if b.Events > 0 {
		say(out, "the first event: %s", c.whole(b.Oldest))
	}
	b.File.print(out, b.Flows)
	if b.Against != nil {
		b.Against.print(out, b.FlowsAgainst)
		b.printDifferences(out, c)
	}
	if b.LeftOut > 0 {
		screen.Say(out, "", fmt.Sprintf("\nLeft out: %s of commands that flows sent, and that these would not have sent, or not like this.", counted(b.LeftOut, "end")))
	}
	if len(b.Unknown) > 0 {
		say(out, "\nNot known:")
	}
	for _, what := range sortedKeys(b.Unknown) {
		screen.Say(out, fmt.Sprintf("  %dx ", b.Unknown[what]), screen.Plain(what))
	}
}

// print says what would have become of a file's flows.
func (f comparedFile) print(out io.Writer, flows []*backtest.Tally) {
	say(out, "\n%s, %s, version %s", f.File, counted(f.Flows, "flow"), f.Version)
	for _, t := range flows {
		screen.Say(out, "  "+t.Flow+": ", t.String())
		for _, of := range []struct {
			what string
			cost backtest.Cost
		}{{"cost", t.Cost}, {"perhaps more", t.Perhaps}} {
			if of.cost != (backtest.Cost{}) {
				screen.Say(out, "    "+of.what+": ", of.cost.String())
			}
		}
	}
}

// printDifferences lists the events that would start a flow of one file only.
func (b backtested) printDifferences(out io.Writer, c clock) {
	signs := map[string]int{}
	table := &screen.Table{Head: []string{"+-", "WHEN", "INSTANCE/EVENT", "WHAT", "FLOW"}, Whole: map[int]bool{0: true, 1: true, 2: true}}
	for _, d := range b.Differences {
		signs[d.Sign]++
		id := d.InstanceID
		if d.InvokeID != "" {
			id += "/" + d.InvokeID
		}
		table.Add(d.Sign, c.moment(d.At), id, d.Command, d.Flow)
	}
	say(out, "\n+%d, -%d starts of flows", signs["+"], signs["-"])
	table.Print(out)
}
