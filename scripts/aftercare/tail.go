package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/ledger"
)

const (
	// tailEvery is the time between two readings of the history.
	tailEvery = 2 * time.Second
	// tailOverlap is how far back each reading begins before the last one: lists
	// lag, and some news arrives late. Each record is printed once.
	tailOverlap = 5 * time.Minute
)

func newTail(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print what happens, as it happens, until Ctrl-C",
		Long: `One line for each record, as 'aftercare history' lists them. A record appears
when it is known; one that is known more than 5 minutes late does not.`,
		Example: `  aftercare tail --failed
  aftercare tail --since 10m --kind run
  aftercare tail -o jsonl | jq .result`,
		Args: cli.Args(),
	}
	s := siteFlags(cmd, getenv)
	format := cli.Word(cmd, "output", "o", "table", "the `form`: table or jsonl", "table", "jsonl")
	from := sinceFlag(cmd, 0)
	want := historyFilter(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		t := tail{cmd: cmd, site: s, want: want, clock: clockOf(cmd), json: *format == "jsonl", seen: map[string]time.Time{}, from: from.from}
		return t.follow(cmd.Context())
	}
	return cmd
}

// tail prints each new record once.
type tail struct {
	cmd   *cobra.Command
	site  *site
	want  *kindFilter
	clock clock
	json  bool
	from  time.Time            // of the first reading
	seen  map[string]time.Time // records, and when they happened
}

// follow reads again and again. Only an error of the first reading ends it.
func (t *tail) follow(ctx context.Context) error {
	first, answered := true, time.Now()
	for {
		begun := time.Now()
		list, err := t.read(ctx, answered, first)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err == nil:
			if gap := begun.Sub(answered); gap > 10*tailEvery {
				say(t.cmd.ErrOrStderr(), "no answer from %s to %s; what happened meanwhile follows", t.clock.moment(answered), t.clock.moment(begun))
			}
			for n := len(list) - 1; n >= 0; n-- {
				if err := t.print(list[n]); err != nil {
					return err
				}
			}
			first, answered = false, begun
		}
		if !sleep(ctx, tailEvery) {
			return nil
		}
	}
}

// read returns the records that are new, the newest first.
func (t *tail) read(ctx context.Context, answered time.Time, first bool) (list []record, err error) {
	from := answered.Add(-tailOverlap)
	if first && !t.from.IsZero() && t.from.Before(from) {
		from = t.from
	}
	fresh := map[string]time.Time{}
	err = t.site.with(ctx, func(ctx context.Context, l *ledger.Ledger) error {
		return t.want.read(ctx, l, from, func(r record) error {
			key := r.Kind + r.InstanceID + "/" + r.ID + r.EventID
			_, known := t.seen[key]
			fresh[key] = r.At
			// What happened before the first reading is only printed if it was asked for.
			if !known && (!first || !t.from.IsZero() && !r.At.Before(t.from)) {
				list = append(list, r)
			}
			return nil
		})
	})
	if err == nil {
		t.seen = fresh
	}
	return list, err
}

func (t *tail) print(r record) error {
	if t.json {
		e := json.NewEncoder(t.cmd.OutOrStdout())
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	_, err := fmt.Fprintf(t.cmd.OutOrStdout(), "%s  %s  %s  %s\n", t.clock.moment(r.At), screen.Plain(r.label()), screen.Plain(r.what()), screen.Plain(r.outcome()))
	return err
}
