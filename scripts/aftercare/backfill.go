package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/backfill"
	"aftercare/scripts/internal/cli"
	"aftercare/shared/event"
	"aftercare/shared/handler"
)

// backfillTime is how long a backfill may take.
const backfillTime = 15 * time.Minute

// maxBackfill is how far back a backfill looks: Cloud Assistant forgets what is older.
const maxBackfill = 30 * 24 * time.Hour

// missed is an event that was missed, or with the result unknown what could not be
// known.
type missed struct {
	At         time.Time `json:"at,omitzero"`
	InstanceID string    `json:"instanceId,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	ID         string    `json:"id,omitempty"`
	InvokeID   string    `json:"invokeId,omitempty"`
	What       string    `json:"what,omitempty"`
	// Source is who knows it: eventbridge, cloudmonitor or ecs.
	Source string `json:"source,omitempty"`
	Result string `json:"result"`
	Why    string `json:"why,omitempty"`
}

var missedColumns = []column[missed]{
	{"WHEN", func(m missed) any { return m.At }, isWhole},
	{"INSTANCE", func(m missed) any { return cmp.Or(m.InstanceID, "-") }, isWhole},
	{"WHAT", func(m missed) any { return m.What }, 0},
	{"SOURCE", func(m missed) any { return m.Source }, isWide},
	{"RESULT", func(m missed) any { return m.Result }, isState | isWhole},
	{"WHY", func(m missed) any { return m.Why }, 0},
	{"INVOCATION", func(m missed) any { return m.InvokeID }, isWide},
	{"EVENT", func(m missed) any { return m.ID }, isWide},
}

// resultUnknown is the result of what no source says.
const resultUnknown = "unknown"

func newBackfill(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backfill --since TIME",
		Short: "Bring back the events that no function got",
		Example: `  aftercare backfill --since 2h --plan
  aftercare backfill --since 2h
  aftercare backfill --since '2026-01-31 08:00' --yes -o jsonl`,
		Long: `EventBridge is asked which events its bus received, CloudMonitor for system
events, and Cloud Assistant for commands that ended. What the ledger lacks goes
to the functions. An event that they handled before is a duplicate, and changes
nothing. Printed is what became of each event, what the ledger had already, and
what could not be known. WHY is what EventBridge says of a delivery, or what a
function says of the event.

--plan sends nothing: its exit code is 6 if something would be sent. Otherwise
the exit code is 5 if a source refused, or an event was not handled. A run that
broke off is run again. How long EventBridge and CloudMonitor keep events is
not documented.`,
		Args: cli.Args(),
	}
	s := siteFlags(cmd, getenv)
	s.timeout, cmd.Flags().Lookup("timeout").DefValue = backfillTime, backfillTime.String()
	format, yes := formatFlag(cmd), cli.YesFlag(cmd)
	plan := cmd.Flags().Bool("plan", false, "print what would be sent, and send nothing")
	from := sinceFlag(cmd, 0)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		now := time.Now()
		switch {
		case from.from.IsZero():
			return cli.Usage(errors.New("--since is missing: say from when on events may have been missed"))
		case !from.from.Before(now) || now.Sub(from.from) > maxBackfill:
			return cli.Usage(fmt.Errorf("--since must be a time of the last %s", short(maxBackfill)))
		}
		needs := ofTables | ofECS | ofEvents | ofCloudMonitor
		if !*plan {
			needs |= ofFunctions
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			search := backfill.Search{
				Region: c.get(variableRegion), Account: c.get(variableAccount), From: from.from, Before: now,
				Ledger: c.ledger, Events: c.events, CloudMonitor: c.monitor, Assistant: c.assistant,
			}
			end := waiting(cmd, "asking EventBridge, CloudMonitor and Cloud Assistant")
			found, err := search.Find(ctx)
			end()
			if err != nil {
				return err
			}
			if *plan || len(found.Missing) == 0 {
				return planned(cmd, *format, found)
			}
			c.announce(cmd)
			what := fmt.Sprintf("%s will be sent to the functions. What they handled before changes nothing.", counted(len(found.Missing), "event"))
			if err := cli.Ask(cmd, *yes, what); err != nil {
				return err
			}
			end = waiting(cmd, "sending")
			repaired, err := search.Send(ctx, found, func(ctx context.Context, kind event.Kind, payload []byte) (handler.Outcome, error) {
				return c.call(ctx, functionOf[kind], payload)
			})
			end()
			if err != nil && repaired.Failed == len(found.Missing) {
				return err
			}
			return cmp.Or(sent(cmd, *format, found, repaired), err)
		})
	}
	return cmd
}

// planned prints what would be sent.
func planned(cmd *cobra.Command, format string, f *backfill.Found) error {
	for _, m := range f.Missing {
		m.Result = "missing"
	}
	if err := printMissed(cmd, format, f, "missing: "+missingWords(f)); err != nil {
		return err
	}
	if len(f.Missing) > 0 {
		return cli.CodeError{Code: cli.ExitDiffers, Err: fmt.Errorf("%s would be sent", counted(len(f.Missing), "event"))}
	}
	return incomplete(f, 0)
}

// sent prints what became of what was sent.
func sent(cmd *cobra.Command, format string, f *backfill.Found, r backfill.Repaired) error {
	words := fmt.Sprintf("repaired: %s recorded, %s bootable, %s of instances", counted(r.Executions, "execution"), counted(r.Bootable, "instance"), counted(r.States, "state"))
	if r.There > 0 {
		words += fmt.Sprintf("\nrecorded meanwhile: %s", counted(r.There, "execution"))
	}
	if err := printMissed(cmd, format, f, words); err != nil {
		return err
	}
	if r.Failed == len(f.Missing) {
		return cli.CodeError{Code: cli.ExitRefused, Err: errors.New("not handled")}
	}
	return incomplete(f, r.Failed)
}

// incomplete is the error of a search, or of a repair, that lacks a part.
func incomplete(f *backfill.Found, failed int) error {
	var why []string
	if failed > 0 {
		why = append(why, fmt.Sprintf("%d of %s not handled", failed, counted(len(f.Missing), "event")))
	}
	for _, r := range f.Refusals {
		why = append(why, r.Source+" did not say all")
	}
	if len(why) == 0 {
		return nil
	}
	return cli.CodeError{Code: cli.ExitPartly, Err: errors.New(strings.Join(why, ", "))}
}

// missingWords counts what is missing by its kind.
func missingWords(f *backfill.Found) string {
	kinds := map[event.Kind]int{}
	for _, m := range f.Missing {
		kinds[m.Kind]++
	}
	return fmt.Sprintf("%s, %s, %s of instances", counted(kinds[event.KindTaskCompleted], "execution"),
		counted(kinds[event.KindFirstHeartbeat], "first heartbeat"), counted(kinds[event.KindStateChange], "state"))
}

// printMissed prints the events, what could not be known, and a summary.
func printMissed(cmd *cobra.Command, format string, f *backfill.Found, summary string) error {
	none := 0
	err := printList(cmd, listFlags{&format, &none, new(string)}, missedColumns, "Nothing is missing.", func(add func(missed) error) error {
		for _, m := range f.Missing {
			if err := add(missed{m.At, m.InstanceID, string(m.Kind), m.ID, m.InvokeID, m.What, m.Source, m.Result, m.Why}); err != nil {
				return err
			}
		}
		for _, r := range f.Refusals {
			if err := add(missed{What: "what " + r.Source + " did not say", Source: r.Source, Result: resultUnknown, Why: r.Err.Error()}); err != nil {
				return err
			}
		}
		for _, what := range f.Unknown {
			if err := add(missed{What: what, Result: resultUnknown}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var out io.Writer = cmd.OutOrStdout()
	if machine(format) {
		out = cmd.ErrOrStderr()
	}
	say(out, "%s", summary)
	say(out, "there already: %s, %s", counted(f.Executions, "execution"), counted(f.Boots, "boot"))
	return nil
}
