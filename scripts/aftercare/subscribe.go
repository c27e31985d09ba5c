package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/setup"
	"aftercare/shared/subscription"
	"aftercare/shared/transport"
)

// subscribed is what the command found and did, as printed for programs.
type subscribed struct {
	Changes []string `json:"changes"`
	// Missing says which rules are missing that 's deploy' makes.
	Missing []string `json:"missing"`
	// Made says that the changes are made, and were not only found.
	Made bool `json:"made"`
	// Invoked says how functions are invoked, if their log can be read.
	Invoked []invoked `json:"invoked,omitempty"`
	// Unsure is why the log could not be read.
	Unsure string `json:"unsure,omitempty"`
}

func newSubscribe(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subscribe [COMMAND]",
		Short: "Complete the rules that bring events to the functions",
		Long: `Function Compute makes a rule of each event trigger in s.yaml, and may leave out
how often an event is tried and where it is kept after that. This command adds
both, for a day of tries, and makes the buses and rules that no trigger makes:
for submissions that come as events, and for dead letters. It puts back what was
changed by hand, and leaves alone what is not Aftercare's.

If the functions' log can be read (LOG_PROJECT, LOG_STORE), it says whether they
are invoked synchronously, and what follows.

Dead letters go to the bus aftercare-dead, and from there into quarantine.
` + variableDeadLettersTo + ` or --dead-letters names a queue instead, which nothing
reads but you.

The exit code of --plan is 6 if something would change. Without --plan it is 5
if rules are missing that 's deploy' makes, or if EventBridge does not show yet
what was changed.`,
		Example: `  aftercare subscribe --env prod --plan
  aftercare subscribe --env prod
  aftercare subscribe test`,
		Args: cli.Args(),
	}
	s, format := actSite(cmd, getenv), outputFlag(cmd)
	plan := planFlag(cmd)
	cmd.Flags().StringVar(&s.deadLetters, "dead-letters", "", "where dead letters go: bus, or a queue's `ARN` (default $"+variableDeadLettersTo+", or bus)")
	buses := cmd.Flags().Bool("buses", false, "make only the buses, before 's deploy' names them")
	makes := cmd.Flags().Bool("make-rules", false, "make the rules of triggers, too, because 's deploy' cannot")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		needs := ofEvents
		if s.lacks(ofLogs) == nil {
			needs |= ofLogs
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			wanted := c.events.Complete(*makes)
			if *buses {
				wanted = c.events.Buses()
			}
			found, err := c.change(ctx, cmd, wanted, *plan, format.json())
			if c.logs != nil && err == nil && !*buses {
				var unread error
				if found.Invoked, unread = c.invocations(ctx); unread != nil {
					found.Unsure = "how functions are invoked: " + unread.Error()
				}
			}
			switch err = found.end(cmd, format.json(), err); {
			case err != nil:
				return err
			case *plan && len(found.Changes) > 0:
				return differs(len(found.Changes), "subscribe")
			case len(found.Missing) > 0:
				partly := cli.CodeError{Code: cli.ExitPartly, Err: errors.New("rules are missing: deploy the functions ('s deploy'). If it refuses their\nevent triggers, --make-rules makes the rules here")}
				if *plan {
					partly.Code = cli.ExitDiffers
				}
				return partly
			}
			return nil
		})
	}
	cmd.AddCommand(newSubscribeTest(getenv), newSubscribeRemove(getenv), newSubscribeCloudMonitor(getenv))
	return cmd
}

// differs is the error of a plan that would change something.
func differs(changes int, command string) error {
	return cli.CodeError{Code: cli.ExitDiffers, Err: fmt.Errorf("%s: 'aftercare %s' makes them", counted(changes, "change"), command)}
}

func planFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("plan", false, "print what would change, and change nothing")
}

// change makes the changes of a plan, or only finds them, and prints each for people.
func (c *connection) change(ctx context.Context, cmd *cobra.Command, plan setup.Plan, only, quiet bool) (subscribed, error) {
	out := subscribed{Changes: []string{}, Missing: []string{}, Made: !only}
	show := func(word string) func(setup.Change) {
		return func(change setup.Change) {
			out.Changes = append(out.Changes, change.What)
			if !quiet {
				point(cmd, word, change.What)
			}
		}
	}
	end := waiting(cmd, "asking EventBridge")
	defer end()
	var found setup.Found
	var err error
	if only {
		found, err = plan(ctx)
		for _, change := range found.Changes {
			show("would change")(change)
		}
	} else {
		c.announce(cmd)
		found, err = setup.Apply(ctx, plan, transport.Backoff{}, show("changed"))
	}
	if errors.As(err, new(*setup.LagError)) {
		err = cli.CodeError{Code: cli.ExitPartly, Err: err}
	}
	out.Missing = append(out.Missing, found.Notes...)
	return out, err
}

// end prints all of it for programs, or what change did not print for people.
func (f subscribed) end(cmd *cobra.Command, json bool, err error) error {
	switch {
	case json:
		return errors.Join(printJSON(cmd.OutOrStdout(), f), err)
	case err == nil && len(f.Changes)+len(f.Missing) == 0:
		fmt.Fprintln(cmd.OutOrStdout(), "nothing to change")
	}
	for _, what := range f.Missing {
		point(cmd, "note", what)
	}
	for _, i := range f.Invoked {
		point(cmd, "note", i.String())
	}
	if f.Unsure != "" {
		point(cmd, "unsure", f.Unsure)
	}
	return err
}

// point prints a point of a list, in lines that fit a screen.
func point(cmd *cobra.Command, word, what string) {
	lines := screen.Wrapped(screen.Plain(word+" "+what), 80-3)
	fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n   "))
}

func newSubscribeTest(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Ask EventBridge which sample events each rule takes",
		Long: `A sample of each kind, and one of another kind, are compared with the pattern
that each rule has there, as the button Test of its console does. Nothing is
delivered. The exit code is 1 if a rule does not take what it should, takes what
it should not, or is missing.`,
		Example: `  aftercare subscribe test --env prod
  aftercare subscribe test -o json`,
		Args: cli.Args(),
	}
	s, format := siteFlags(cmd, getenv), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		tries := []subscription.Tried{}
		var missing []string
		end := waiting(cmd, "asking EventBridge")
		err := s.connect(cmd.Context(), ofEvents, func(ctx context.Context, c *connection) (err error) {
			missing, err = c.events.Try(ctx, func(t subscription.Tried) { tries = append(tries, t) })
			return err
		})
		end()
		if err != nil {
			return err
		}
		wrong := len(missing)
		t := &screen.Table{Head: []string{"RULE", "EVENT", "TAKEN", "RESULT"}, Whole: map[int]bool{0: true, 1: true, 2: true, 3: true}}
		for _, try := range tries {
			result := "ok"
			if try.Matches != try.Should {
				wrong++
				result = "wrong"
			}
			t.Add(try.Rule, try.Sample, map[bool]string{true: "yes", false: "no"}[try.Matches], result)
		}
		for _, rule := range missing {
			t.Add(rule, "", "", "missing")
		}
		if format.json() {
			err = printJSON(cmd.OutOrStdout(), map[string]any{"tried": tries, "missing": append([]string{}, missing...)})
		} else {
			t.Print(cmd.OutOrStdout())
		}
		if err == nil && wrong > 0 {
			err = fmt.Errorf("wrong or missing: %s. 'aftercare subscribe --plan' says what differs", counted(wrong, "result"))
		}
		return err
	}
	return cmd
}

func newSubscribeRemove(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove",
		Short: "Remove the buses and rules that 'aftercare subscribe' made",
		Long: `The rules of triggers stay: 's remove' removes them. So do the rules of others,
and a bus that has some. If the triggers' rules stay, what they cannot deliver
is lost until 'aftercare subscribe' runs again.`,
		Example: `  aftercare subscribe remove --env prod --plan
  aftercare subscribe remove --env prod --yes`,
		Args: cli.Args(),
	}
	s, format := actSite(cmd, getenv), outputFlag(cmd)
	plan, yes := planFlag(cmd), cli.YesFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.connect(cmd.Context(), ofEvents, func(ctx context.Context, c *connection) error {
			if !*plan {
				if err := cli.Ask(cmd, *yes, "The buses and rules that 'aftercare subscribe' made"+c.where()+" will be removed."); err != nil {
					return err
				}
			}
			found, err := c.change(ctx, cmd, c.events.Remove(), *plan, format.json())
			err = found.end(cmd, format.json(), err)
			if err == nil && *plan && len(found.Changes) > 0 {
				err = differs(len(found.Changes), "subscribe remove")
			}
			return err
		})
	}
	return cmd
}
