package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	File     comparedFile  `json:"file"`
	Against  *comparedFile `json:"against,omitempty"`
	From     time.Time     `json:"from"`
	Before   time.Time     `json:"before"`
	Records  int           `json:"records"`
	Events   int           `json:"events"`
	Flows    []testedFlow  `json:"flows"`
	Unknown  []unknown     `json:"unknown"`
	LeftOut  int           `json:"leftOut"`
	NotShown int           `json:"notShown,omitempty"` // differences
}

// tested is what would have become of a flow, of the file and of the other one.
type testedFlow struct {
	*backtest.Tally
	Against     *backtest.Tally       `json:"against,omitempty"`
	Differences []backtest.Difference `json:"differences,omitempty"`
}

type unknown struct {
	What  string `json:"what"`
	Count int    `json:"count"`
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
second file, such as the one that is deployed, and lists the events on which
the two differ. Each may be what compile made of a file. Names, tags and
operating systems of instances are those of today. What was under way or
counted before --since is not known.`,
		Example: `  aftercare flows backtest functions/flows.yaml --since 7d
  aftercare flows backtest new.yaml --against old.yaml --flow restart-agent`,
		Args: cli.Args("FILE"),
	}
	s := siteFlags(cmd, getenv)
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = backtestTime, backtestTime.String()
	format, yes := outputFlag(cmd), cli.YesFlag(cmd)
	from := sinceFlag(cmd, 30*24*time.Hour)
	against := cmd.Flags().String("against", "", "play this `file`, too, and list the differences")
	instance := cmd.Flags().String("instance", "", "only what happened on the instance with this `id`")
	only := cmd.Flags().String("flow", "", "print only the flow with this `name`")
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
		has := func(d flow.Definition) bool { return d.Name == *only }
		if *only != "" && !slices.ContainsFunc(slices.Concat(flows...), has) {
			return cli.NotFound("there is no flow %q", *only)
		}
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			history := &backtest.History{Ledger: l, From: from.from, Before: time.Now(), InstanceID: *instance}
			play, err := playHistory(ctx, cmd, history, flows, *yes)
			if err != nil {
				return err
			}
			found := newBacktested(files, history, play, *only)
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
func playHistory(ctx context.Context, cmd *cobra.Command, h *backtest.History, flows [][]flow.Definition, yes bool) (*backtest.Comparison, error) {
	end := waiting(cmd, "counting the records")
	err := h.Count(ctx, slices.Concat(flows...))
	end()
	if err != nil {
		return nil, err
	}
	what := counted(h.Rows, "record") + " will be read."
	if h.Rows > maxUnasked {
		if err := cli.Ask(cmd, yes, what); err != nil {
			return nil, err
		}
	} else {
		say(cmd.ErrOrStderr(), "%s", what)
	}
	play := &backtest.Comparison{New: backtest.New(flows[0], h)}
	if len(flows) > 1 {
		play.Old = backtest.New(flows[1], h)
	}
	defer waiting(cmd, "playing the history")()
	err = h.Each(ctx, func(happening backtest.Happening) error { return play.Play(ctx, happening) })
	return play, errors.Join(err, play.Until(ctx, h.Before))
}

func newBacktested(files []comparedFile, h *backtest.History, play *backtest.Comparison, only string) backtested {
	b := backtested{
		File: files[0], From: h.From, Before: h.Before, Records: h.Rows, Events: h.Events, Flows: []testedFlow{}, Unknown: []unknown{},
		LeftOut: play.New.LeftOut, NotShown: play.More,
	}
	var old []*backtest.Tally
	if play.Old != nil {
		b.Against, old = &files[1], play.Old.Tallies()
	}
	take := func(is, was *backtest.Tally) {
		t := testedFlow{Tally: is, Against: was}
		if is == nil {
			t.Tally = backtest.NewTally(was.Flow, was.Mode)
		}
		for _, d := range play.Differences() {
			if d.Flow == t.Flow {
				t.Differences = append(t.Differences, d)
			}
		}
		if only == "" || only == t.Flow {
			b.Flows = append(b.Flows, t)
		}
	}
	for _, t := range play.New.Tallies() {
		i := slices.IndexFunc(old, func(o *backtest.Tally) bool { return o.Flow == t.Flow })
		if i < 0 {
			take(t, nil)
			continue
		}
		take(t, old[i])
		old = slices.Delete(old, i, i+1)
	}
	for _, t := range old {
		take(nil, t)
	}
	for _, what := range slices.Sorted(maps.Keys(play.New.Unknown)) {
		b.Unknown = append(b.Unknown, unknown{what, play.New.Unknown[what]})
	}
	if h.Expired > 0 {
		b.Unknown = append(b.Unknown, unknown{"records that are listed and have expired", h.Expired})
	}
	if h.Events > 0 && h.Oldest.Sub(h.From) > 24*time.Hour {
		b.Unknown = append(b.Unknown, unknown{"days before the first record, of which nothing is kept or nothing happened", int(h.Oldest.Sub(h.From).Hours() / 24)})
	}
	return b
}

func (b backtested) print(cmd *cobra.Command) {
	out, c := cmd.OutOrStdout(), clockOf(cmd)
	say(out, "file: %s, %s, version %s", b.File.File, counted(b.File.Flows, "flow"), b.File.Version)
	if a := b.Against; a != nil {
		say(out, "against: %s, %s, version %s", a.File, counted(a.Flows, "flow"), a.Version)
	}
	say(out, "what happened: %s from %s to %s", counted(b.Events, "event"), c.whole(b.From), c.whole(b.Before))
	for _, t := range b.Flows {
		fmt.Fprintln(out)
		screen.Say(out, t.Flow+": ", t.Tally.String())
		if cost := t.Cost.String(); cost != "" {
			screen.Say(out, "  cost: ", cost)
		}
		if t.Against != nil && t.Against.String() != t.Tally.String() {
			screen.Say(out, "  against: ", t.Against.String())
		}
		t.printDifferences(cmd, c)
	}
	if b.LeftOut > 0 {
		fmt.Fprintln(out)
		screen.Say(out, "", fmt.Sprintf("Left out: %s of commands that flows sent, and that these would not have sent, or not like this.", counted(b.LeftOut, "end")))
	}
	for i, u := range b.Unknown {
		if i == 0 {
			fmt.Fprintln(out, "\nNot known:")
		}
		screen.Say(out, fmt.Sprintf("  %dx ", u.Count), screen.Plain(u.What))
	}
	if b.NotShown > 0 {
		say(out, "%s more than are kept here", counted(b.NotShown, "difference"))
	}
}

// printDifferences lists the events on which the files differ.
func (t testedFlow) printDifferences(cmd *cobra.Command, c clock) {
	if len(t.Differences) == 0 {
		return
	}
	more, fewer := 0, 0
	table := &screen.Table{Head: []string{"+-", "WHEN", "INSTANCE/EVENT", "WHAT", "NOW", "BEFORE"}, Whole: map[int]bool{0: true, 1: true, 2: true}}
	for _, d := range t.Differences {
		id := d.InstanceID
		switch {
		case d.Sign == "+":
			more++
		default:
			fewer++
		}
		if d.InvokeID != "" && !d.Assumed {
			id += "/" + d.InvokeID
		}
		what := d.Command
		if d.Assumed {
			what += " (assumed)"
		}
		table.Add(d.Sign, c.moment(d.At), id, what, d.New, d.Old)
	}
	say(cmd.OutOrStdout(), "  +%d, -%d:", more, fewer)
	table.Print(cmd.OutOrStdout())
}
