package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/handler"
)

func newStop(getenv func(string) string) *cobra.Command {
	return newOrder(getenv, decide.ActStop, &cobra.Command{
		Use:   "stop",
		Short: "Stop a flow, an instance, a label or everything",
		Example: `  aftercare stop --flow restart-api --reason "it restarts healthy instances"
  aftercare stop --label release-42 --reason "the first ones failed"
  aftercare stop --reason "an incident"`,
		Long: `Every run and invoke waits, of submitted tasks and of flows' steps. A flow that
is stopped starts no run. What was sent runs on: 'aftercare cancel' stops it.
Without --flow, --instance and --label, everything is stopped.`,
	})
}

func newResume(getenv func(string) string) *cobra.Command {
	return newOrder(getenv, decide.ActResume, &cobra.Command{
		Use:   "resume",
		Short: "End the stop of a flow, an instance, a label or everything",
		Example: `  aftercare resume --flow restart-api
  aftercare resume`,
		Long: `It ends the stop of exactly what it names; other stops stay, and are listed.
With --flow, the flow's breaker closes, too. What was held goes within
AFTERCARE_STOP_CHECK, which is five minutes unless it is set.`,
	})
}

// newOrder is the command of a stop or a resume.
func newOrder(getenv func(string) string, kind decide.ActKind, cmd *cobra.Command) *cobra.Command {
	cmd.Args = cli.Args()
	s := actSite(cmd, getenv)
	var scope decide.Scope
	flags := cmd.Flags()
	flags.StringVar(&scope.Flow, "flow", "", "only the runs of this flow, a `name`")
	flags.StringVar(&scope.Instance, "instance", "", "only this instance, an `id`")
	flags.StringVar(&scope.Label, "label", "", "only the tasks with this label, a `word`")
	_ = cmd.RegisterFlagCompletionFunc("flow", completeFlows(getenv)) // it fails only for an unknown flag
	who := whoFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var mistakes []error
		named := 0
		for _, name := range []string{"flow", "instance", "label"} {
			// It may be a variable that was never set.
			f := flags.Lookup(name)
			if f.Changed {
				named++
			}
			if f.Changed && f.Value.String() == "" {
				mistakes = append(mistakes, fmt.Errorf("--%s must not be empty: leave it out for everything", name))
			}
		}
		if named > 1 {
			mistakes = append(mistakes, errors.New("name only one of --flow, --instance and --label"))
		}
		mistakes = append(mistakes, flowFlag(scope.Flow))
		if kind == decide.ActStop && strings.TrimSpace(who.reason) == "" {
			mistakes = append(mistakes, errors.New("--reason is missing: say why, for those who find it stopped"))
		}
		if err := errors.Join(mistakes...); err != nil {
			return cli.Usage(err)
		}
		if who.dryRun {
			return s.connect(cmd.Context(), ofTables, func(ctx context.Context, c *connection) error {
				now, err := standing(ctx, c.ledger)
				if err == nil {
					say(cmd.OutOrStdout(), "would %s %s", kind, screen.Plain(scope.String()))
					printStanding(cmd, now, "Stopped now")
				}
				return err
			})
		}
		return s.connect(cmd.Context(), ofFunctions, func(ctx context.Context, c *connection) error {
			c.announce(cmd)
			text, err := json.Marshal(who.document(map[string]any{string(kind): scope}))
			if err != nil {
				return err
			}
			end := waiting(cmd, "asking "+submitFunction)
			out, err := c.act(ctx, text)
			end()
			if err != nil {
				return err
			}
			return printOrdered(cmd, scope, out, format.json())
		})
	}
	return cmd
}

// printOrdered prints what became of an order, and what is stopped then.
func printOrdered(cmd *cobra.Command, scope decide.Scope, out handler.Outcome, asJSON bool) error {
	if len(out.Items) != 1 {
		return fmt.Errorf("%s answered with %d items, and not with one", submitFunction, len(out.Items))
	}
	item := out.Items[0]
	if item.Order == nil || item.Order.Outcome == decide.Refused {
		why := item.Reason
		if item.Order != nil {
			why = item.Order.Reason
		}
		return cli.CodeError{Code: cli.ExitRefused, Err: errors.New("refused: " + why)}
	}
	w := cmd.OutOrStdout()
	if asJSON {
		return printJSON(w, item)
	}
	describe(w, clockOf(cmd), scope, *item.Order)
	if item.Standing == nil {
		return errors.New(item.Reason)
	}
	title := "Stopped now"
	if item.Order.Outcome == decide.Resumed || item.Order.Outcome == decide.NotStopped {
		title = "Still stopped"
		if _, all := item.Standing.Control().Stops[decide.Scope{}]; all && scope != (decide.Scope{}) {
			say(w, "%s stays stopped with everything", screen.Plain(scope.String()))
		}
	}
	printStanding(cmd, *item.Standing, title)
	return nil
}

// describe says what became of an order: since when it was stopped, by whom and why.
func describe(w io.Writer, c clock, scope decide.Scope, o decide.Ordered) {
	what, words := screen.Plain(scope.String()), ""
	if s := o.Stop; s != nil {
		words = fmt.Sprintf("%s by %s: %s", c.moment(s.At), screen.Plain(cmp.Or(s.By, "somebody")), screen.Plain(cmp.Or(s.Reason, "no reason given")))
	}
	switch {
	case o.Outcome == decide.Stopped:
		say(w, "stopped %s at %s", what, words)
	case o.Outcome == decide.AlreadyStopped:
		say(w, "%s was stopped already, since %s", what, words)
	case o.Stop != nil:
		say(w, "resumed %s, stopped since %s", what, words)
	case o.Breaker == nil && scope == (decide.Scope{}):
		fmt.Fprintln(w, "there was no stop of everything")
	case o.Breaker == nil:
		say(w, "%s had no stop of its own", what)
	}
	if b := o.Breaker; b != nil {
		say(w, "closed the breaker of %s, open since %s: %s", what, c.moment(b.OpenedAt), failures(*b))
	}
}

// systemUser is the name of the user who runs this process; empty if unknown.
func systemUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(u.Username)
}
