package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/ledger"
)

// untold is what a channel has not taken, as it is printed for programs: all that it
// has not confirmed yet, or a message that was given up.
type untold struct {
	State   string `json:"state"`
	Channel string `json:"channel"`
	// Messages and Alerts count what is in them.
	Messages int `json:"messages"`
	Alerts   int `json:"alerts"`
	// Since is when the oldest was made.
	Since time.Time `json:"since"`
	Tries int       `json:"tries,omitempty"` // of the one that was tried most
	Why   string    `json:"why,omitempty"`   // of its last try
	// GivenUpAt, Route and ID are those of a message that was given up.
	GivenUpAt time.Time `json:"givenUpAt,omitzero"`
	Route     string    `json:"route,omitempty"`
	ID        string    `json:"id,omitempty"`
}

// The states of what is not told. A channel that waits only has its limit to keep to.
const (
	stateFailing = "failing"
	stateWaiting = "waiting"
	stateGivenUp = ledger.GivenUp
)

// theInbox stands for a channel in what an instance's invocations gave up.
const theInbox = "(the inbox)"

var untoldColumns = []column[untold]{
	{"SINCE", func(u untold) any { return u.Since }, isWhole},
	{"CHANNEL", func(u untold) any { return u.Channel }, isWhole},
	{"STATE", func(u untold) any { return u.State }, isState | isWhole},
	{"MESSAGES", func(u untold) any { return u.Messages }, isWide},
	{"ALERTS", func(u untold) any { return u.Alerts }, isWhole},
	{"TRIES", func(u untold) any { return u.tries() }, isWhole},
	{"WHY", func(u untold) any { return u.Why }, 0},
	{"GIVEN UP", func(u untold) any { return u.GivenUpAt }, isWide},
	{"ROUTE", func(u untold) any { return u.Route }, isWide},
	{"MESSAGE", func(u untold) any { return u.ID }, isWide},
}

// tries are not kept of what was given up.
func (u untold) tries() any {
	if u.State == stateGivenUp {
		return ""
	}
	return u.Tries
}

// mostGroups bounds how many groups of alerts are looked at.
const mostGroups = 2000

func newAlertsList(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the alerts that channels did not take, and why",
		Long: `For each channel, what it has not confirmed yet: failing says that it was tried,
waiting that its turn comes, because of its limit or of what comes first. Then
each message that was given up, because the channel took it for no day. --since
says how far back these go.`,
		Example: `  aftercare alerts list
  aftercare alerts list --since 30d -o json`,
		Args: cli.Args(),
	}
	s, f, w := siteFlags(cmd, getenv), addListFlags(cmd), watchFlag(cmd)
	from := sinceFlag(cmd, 7*lookBack)
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		empty := "Every channel has what it should, and nothing was given up " + from.words() + "."
		return printList(cmd, f, untoldColumns, empty, func(add func(untold) error) error {
			return s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
				list, more, err := readUndelivered(ctx, l)
				if err != nil {
					return err
				}
				if *f.note = ""; more {
					*f.note = "There is more: only " + counted(mostGroups, "group") + " of alerts were looked at."
				}
				lost, err := readGivenUp(ctx, l, from.from)
				return cmp.Or(err, eachOf(append(list, lost...), add))
			})
		})
	})
	return cmd
}

// readUndelivered reads what each channel has not confirmed yet, the oldest first.
func readUndelivered(ctx context.Context, l *ledger.Ledger) (list []untold, more bool, err error) {
	channels := map[string]*untold{}
	more, err = l.EachUndelivered(ctx, mostGroups, func(g dispatch.Group) {
		for _, f := range g.Flushes {
			for name, d := range f.Deliveries {
				if d.Ended || !f.Sealed {
					continue
				}
				u := channels[name]
				if u == nil {
					u = &untold{State: stateWaiting, Channel: name, Since: f.Content.At}
					channels[name] = u
				}
				u.add(f, d)
			}
		}
	})
	for _, u := range channels {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b untold) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Channel, b.Channel)) })
	return list, more, err
}

// add adds a flush that is not delivered.
func (u *untold) add(f dispatch.Flush, d dispatch.Delivery) {
	u.Messages++
	u.Alerts += f.Content.Firing + f.Content.Recovered
	if f.Content.At.Before(u.Since) {
		u.Since = f.Content.At
	}
	if d.Tries > 0 {
		u.State = stateFailing
	}
	if d.Tries > u.Tries || u.Why == "" {
		u.Tries, u.Why = d.Tries, d.Why
	}
}

// readGivenUp reads the messages that were given up, the newest first.
func readGivenUp(ctx context.Context, l *ledger.Ledger, from time.Time) (list []untold, err error) {
	records, _, err := l.Recent(ctx, decide.ActsID, from, 0)
	if err != nil {
		return nil, err
	}
	at := map[string]time.Time{}
	// The inbox took none of an instance's.
	err = l.History(ctx, filter{}.query(from, []ledger.EntryKind{ledger.EntryMessage}), func(e ledger.Entry) error {
		if e.InstanceID == decide.ActsID {
			at[e.ID] = e.At
			return nil
		}
		list = append(list, untold{
			State: stateGivenUp, Channel: theInbox, Messages: 1, Alerts: 1, Since: e.At, Why: "of " + e.InstanceID + ": " + e.Why, GivenUpAt: e.At, ID: e.ID,
		})
		return nil
	})
	for _, m := range records.Lost {
		if g := m.GivenUp; g != nil {
			list = append(list, untold{
				State: stateGivenUp, Channel: g.Channel, Messages: 1, Alerts: g.Firing + g.Recovered, Since: m.PlannedAt, Why: g.Why,
				GivenUpAt: at[m.Row()], Route: g.Route, ID: g.Flush,
			})
		}
	}
	slices.SortFunc(list, func(a, b untold) int { return cmp.Or(b.Since.Compare(a.Since), strings.Compare(a.Channel, b.Channel)) })
	return list, err
}

// failing are the channels that take nothing now.
func failing(list []untold) []untold {
	return slices.DeleteFunc(slices.Clone(list), func(u untold) bool { return u.State != stateFailing })
}

// failingTable shows the channels that fail.
func failingTable(c clock, list []untold) *screen.Table {
	t := &screen.Table{
		Title: "Channels that take no alerts: 'aftercare alerts test' says why", Head: []string{"SINCE", "CHANNEL", "ALERTS", "TRIES", "WHY"},
		Whole: map[int]bool{0: true, 1: true, 2: true, 3: true},
	}
	for _, u := range list {
		t.Add(c.moment(u.Since), u.Channel, strconv.Itoa(u.Alerts), strconv.Itoa(u.Tries), u.Why)
	}
	return t
}

// alertsFound looks for channels that fail, and for what was given up within 24 hours.
func alertsFound(ctx context.Context, l *ledger.Ledger, c clock) (found []finding) {
	list, _, err := readUndelivered(ctx, l)
	lost, bad := readGivenUp(ctx, l, c.now.Add(-lookBack))
	if err := errors.Join(err, bad); err != nil {
		return broken(err)
	}
	for _, u := range failing(list) {
		found = append(found, wrong("the channel "+u.Channel+" takes no alerts since "+c.moment(u.Since)+": "+u.Why,
			"'aftercare alerts test --channel "+u.Channel+"' says what it refuses."))
	}
	if len(lost) > 0 {
		found = append(found, wrong(counted(len(lost), "message")+" about alerts given up within 24h", "'aftercare alerts list' says for which channels, and why."))
	}
	if len(found) == 0 {
		return []finding{well("no channel fails, and no message was given up within 24h")}
	}
	return found
}
