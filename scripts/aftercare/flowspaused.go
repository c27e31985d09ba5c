package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/ledger"
)

func newFlowsPaused(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "paused",
		Short:   "List the flows that people or breakers have stopped",
		Example: `  aftercare flows paused`,
		Args:    cli.Args(),
	}
	s := siteFlags(cmd, getenv)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			p, err := readPaused(ctx, l)
			switch {
			case err != nil:
				return err
			case format.json():
				return printJSON(cmd.OutOrStdout(), p)
			}
			p.print(cmd.OutOrStdout(), "")
			return nil
		})
	}
	return cmd
}

// paused lists what stops flows now, in the order of the flows.
type paused struct {
	Pauses   []decide.Pause   `json:"pauses"`
	Breakers []decide.Breaker `json:"breakers"`
}

func readPaused(ctx context.Context, l *ledger.Ledger) (paused, error) {
	c, err := l.Control(ctx)
	if err != nil {
		return paused{}, err
	}
	p := paused{Pauses: []decide.Pause{}, Breakers: []decide.Breaker{}}
	now := time.Now()
	for _, flow := range slices.Sorted(maps.Keys(c.Pauses)) {
		p.Pauses = append(p.Pauses, c.Pauses[flow])
	}
	for _, flow := range slices.Sorted(maps.Keys(c.Breakers)) {
		// A breaker stops nothing after its ResumeAt.
		if b := c.Breakers[flow]; b.ResumeAt.After(now) {
			p.Breakers = append(p.Breakers, b)
		}
	}
	return p, nil
}

// control returns the pauses and breakers as decisions take them.
func (p paused) control() decide.Control {
	c := decide.Control{Pauses: map[string]decide.Pause{}, Breakers: map[string]decide.Breaker{}}
	for _, pause := range p.Pauses {
		c.Pauses[pause.Flow] = pause
	}
	for _, b := range p.Breakers {
		c.Breakers[b.Flow] = b
	}
	return c
}

// all reports whether all flows are paused.
func (p paused) all() bool {
	return slices.ContainsFunc(p.Pauses, func(p decide.Pause) bool { return p.Flow == decide.AllFlows })
}

// print prints the list under a title.
func (p paused) print(w io.Writer, title string) {
	if len(p.Pauses)+len(p.Breakers) == 0 {
		fmt.Fprintln(w, "no flow is paused")
	}
	p.table(title).Print(w)
}

func (p paused) table(title string) *screen.Table {
	t := &screen.Table{Title: title, Head: []string{"FLOW", "SINCE", "UNTIL", "BY", "REASON"}}
	for _, p := range p.Pauses {
		t.Add(named(p.Flow), moment(p.At), "resumed", p.By, p.Reason)
	}
	for _, b := range p.Breakers {
		t.Add(named(b.Flow), moment(b.OpenedAt), moment(b.ResumeAt), "its breaker", failures(b))
	}
	return t
}

func failures(b decide.Breaker) string { return fmt.Sprintf("%d runs failed", b.Failures) }
