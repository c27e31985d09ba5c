package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/alerting"
	"aftercare/shared/dispatch"
	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/routing"
)

// alertsFunction brings alerts to people, and keeps the silences.
const alertsFunction = functionPrefix + "alerts"

func newSilence(getenv func(string) string) *cobra.Command {
	return cli.Group("silence", "Keep alerts from being told, and acknowledge them", newSilenceAdd(getenv), newSilenceList(getenv), newSilenceExpire(getenv))
}

// silenced is a silence as it is printed for programs.
type silenced struct {
	ID    string         `json:"id"`
	What  string         `json:"what"`
	Match *routing.Match `json:"match,omitempty"`
	Alert string         `json:"alert,omitempty"`
	// State is active, or how it ended: over, expired or recovered.
	State string `json:"state"`
	// Hits are the alerts that it kept from being told, or whose repeats it stopped, as
	// far as the table still has them.
	Hits    int       `json:"hits"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until,omitzero"`
	EndedBy string    `json:"endedBy,omitempty"`
}

// The states of a silence beside its ends.
const (
	stateActive = "active"
	stateOver   = "over"
)

func silencedOf(s routing.Silence, now time.Time) silenced {
	state := stateActive
	if !s.Holds(now) {
		state = cmp.Or(string(s.Ended), stateOver)
	}
	return silenced{
		ID: s.ID, What: s.String(), Match: s.Match, Alert: s.Alert, State: state, By: s.By, Reason: s.Reason, At: s.At, Until: s.Until, EndedBy: s.EndedBy,
	}
}

// until is when it ends, for people.
func (s silenced) until() any {
	if s.Until.IsZero() {
		return "its recovery"
	}
	return s.Until
}

var silenceColumns = []column[silenced]{
	{"ID", func(s silenced) any { return brief(s.ID) }, isWhole},
	{"UNTIL", func(s silenced) any { return s.until() }, isWhole},
	{"SILENCED", func(s silenced) any { return s.What }, 0},
	{"HITS", func(s silenced) any { return s.Hits }, isWhole},
	{"BY", func(s silenced) any { return s.By }, 0},
	{"WHY", func(s silenced) any { return s.Reason }, 0},
	{"STATE", func(s silenced) any { return s.State }, isState},
	{"SINCE", func(s silenced) any { return s.At }, isWide},
	{"ENDED BY", func(s silenced) any { return s.EndedBy }, isWide},
	{"WHOLE ID", func(s silenced) any { return s.ID }, isWide},
}

func newSilenceList(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who silenced what, why and until when, and what that hit",
		Long: `HITS counts the alerts that a silence kept from being told, or whose repeats an
acknowledgement stops. --all also lists those that ended within 30 days.`,
		Example: `  aftercare silence list
  aftercare silence list --all -o json`,
		Args: cli.Args(),
	}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	all := cmd.Flags().Bool("all", false, "also those that ended within 30 days")
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		columns := slices.DeleteFunc(slices.Clone(silenceColumns), func(c column[silenced]) bool { return c.head == "STATE" && !*all })
		return printList(cmd, f, columns, "Nothing is silenced.", func(add func(silenced) error) error {
			var list []silenced
			err := s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) (err error) {
				list, err = readSilences(ctx, l, *all)
				return err
			})
			return cmp.Or(err, eachOf(list, add))
		})
	})
	return cmd
}

// readSilences reads the silences that hold, or all of them, with what they hit. Those
// that end first come first, then those that have ended.
func readSilences(ctx context.Context, l *ledger.Ledger, all bool) (list []silenced, err error) {
	now := time.Now()
	var kept []routing.Silence
	err = l.EachSilence(ctx, false, func(s routing.Silence) error {
		if all || s.Holds(now) {
			kept, list = append(kept, s), append(list, silencedOf(s, now))
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		return list, err
	}
	hit := make([]map[string]bool, len(kept))
	err = l.EachMember(ctx, func(group string, m dispatch.Member) error {
		for i, s := range kept {
			if hits(s, group, m, now) {
				if hit[i] == nil {
					hit[i] = map[string]bool{}
				}
				hit[i][m.Key] = true // it may be in several groups
			}
		}
		return nil
	})
	for i := range list {
		list[i].Hits = len(hit[i])
	}
	slices.SortStableFunc(list, func(a, b silenced) int {
		ended := func(s silenced) int { return map[bool]int{false: 1}[s.State == stateActive] }
		end := func(s silenced) time.Time {
			if s.Until.IsZero() {
				return now.Add(routing.MaxSilence)
			}
			return s.Until
		}
		return cmp.Or(ended(a)-ended(b), end(a).Compare(end(b)), strings.Compare(a.ID, b.ID))
	})
	return list, err
}

// hits reports whether a silence keeps, or kept, a member of a group from being told.
func hits(s routing.Silence, group string, m dispatch.Member, now time.Time) bool {
	if s.Alert != "" {
		return s.Alert == group && s.Holds(now) && m.IsOpen() && m.Flush > 0 && m.Flush <= s.Flush
	}
	return s.Fits(m.Alert) && (!m.Alert.At.Before(s.At) && s.Holds(m.Alert.At) || m.Flush == 0 && s.Holds(now))
}

// ask asks the function alerts for what is in a request, and returns its answer.
func (c *connection) ask(ctx context.Context, cmd *cobra.Command, r alerting.Request) (handler.Item, error) {
	payload, err := json.Marshal(r)
	if err != nil {
		return handler.Item{}, err
	}
	end := waiting(cmd, "asking "+alertsFunction)
	out, err := c.call(ctx, alertsFunction, payload)
	end()
	switch {
	case err != nil:
		return handler.Item{}, err
	case len(out.Items) != 1 || out.Items[0].Result != handler.ResultRefused && out.Items[0].Detail == nil:
		return handler.Item{}, errors.New(alertsFunction + " gave an answer that this tool does not understand: use the tool and the functions of one version")
	}
	return out.Items[0], nil
}

// refusal is the error of a request that was refused; nil for any other.
func refusal(item handler.Item) error {
	if item.Result != handler.ResultRefused {
		return nil
	}
	return cli.CodeError{Code: cli.ExitRefused, Err: fmt.Errorf("refused: %s", strings.ReplaceAll(item.Reason, "\n", "\n  "))}
}

func newSilenceExpire(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "expire ID",
		Short: "End a silence or an acknowledgement now",
		Long: `Alerts that it held back and are still open are sent within a minute or two.
The beginning of the id is enough.`,
		Example: `  aftercare silence expire 4a63377c
  aftercare silence expire 4a63377c --reason "the move is done"`,
		Args: cli.Args("ID"),
	}
	s := actSite(cmd, getenv)
	who := whoFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		needs := ofTables
		if !who.dryRun {
			needs |= ofFunctions
		}
		return s.connect(cmd.Context(), needs, func(ctx context.Context, c *connection) error {
			found, err := findSilence(ctx, c.ledger, strings.ToLower(strings.TrimSpace(args[0])))
			if err != nil {
				return err
			}
			out, clock := cmd.OutOrStdout(), clockOf(cmd)
			if who.dryRun {
				say(out, "would end the silence of %s, %s", screen.Plain(found.String()), ends(clock, found))
				return nil
			}
			c.announce(cmd)
			item, err := c.ask(ctx, cmd, alerting.Request{Expire: found.ID, SubmittedBy: who.author(), Reason: strings.TrimSpace(who.reason)})
			if err = cmp.Or(err, refusal(item)); err != nil {
				return err
			}
			var ended alerting.Silenced
			if err := json.Unmarshal(item.Detail, &ended); err != nil {
				return err
			}
			switch {
			case format.json():
				return printJSON(out, silencedOf(ended.Silence, ended.Until))
			case ended.Over && !found.Holds(time.Now()):
				say(out, "the silence of %s was over already, since %s", screen.Plain(found.String()), clock.moment(ended.Until))
			default:
				say(out, "ended the silence of %s, %s", screen.Plain(found.String()), ends(clock, found))
			}
			return nil
		})
	}
	return cmd
}

// ends says whose silence it is, and until when it would have held.
func ends(c clock, s routing.Silence) string {
	until := "until its recovery"
	if !s.Until.IsZero() {
		until = "until " + c.moment(s.Until)
	}
	return fmt.Sprintf("by %s: it was to hold %s", screen.Plain(cmp.Or(s.By, "somebody")), until)
}

// findSilence finds the silence whose id begins with a text.
func findSilence(ctx context.Context, l *ledger.Ledger, id string) (routing.Silence, error) {
	var found []routing.Silence
	if !derived.MatchString(id) {
		return routing.Silence{}, cli.Usage(fmt.Errorf("ID %q must be hex digits, as 'aftercare silence list' prints them", id))
	}
	err := l.EachSilence(ctx, false, func(s routing.Silence) error {
		if strings.HasPrefix(s.ID, id) {
			found = append(found, s)
		}
		return nil
	})
	switch {
	case err != nil:
		return routing.Silence{}, err
	case len(found) == 0:
		return routing.Silence{}, cli.NotFound("no silence has the id %s", id)
	case len(found) > 1:
		return routing.Silence{}, cli.Usage(fmt.Errorf("%s is the beginning of %d ids: give more of it", id, len(found)))
	}
	return found[0], nil
}
