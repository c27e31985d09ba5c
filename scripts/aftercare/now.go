package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// mostFailed bounds what is read of what failed.
const mostFailed = 2000

// situation is what needs a person.
type situation struct {
	Since       time.Time       `json:"since"`
	Failed      []group         `json:"failed"`
	Unknown     []group         `json:"unknownOutcome"`
	Refused     []group         `json:"refused"`
	GivenUp     []group         `json:"alertsGivenUp"`
	Channels    []untold        `json:"channelsFailing"`
	More        bool            `json:"more,omitempty"` // older ones were not read
	Overdue     []listed        `json:"overdue"`
	Stopped     decide.Standing `json:"stopped"`
	Quarantined []quarantined   `json:"quarantined"`
	DeadLetters []quarantined   `json:"deadLetters"`
	// The last news of each route; zero for none in that time.
	LastEnd       time.Time     `json:"lastTaskCompleted,omitzero"`
	LastHeartbeat time.Time     `json:"lastFirstHeartbeat,omitzero"`
	Sweeps        decide.Sweeps `json:"sweeps"`
}

// group is records with the same name and result.
type group struct {
	Kind   string    `json:"kind"`
	Name   string    `json:"name"`
	Result string    `json:"result"`
	Why    string    `json:"why,omitempty"` // of the last one
	Count  int       `json:"count"`
	Last   time.Time `json:"last"`
	// InstanceID and ID are the last one's.
	InstanceID string `json:"instanceId"`
	ID         string `json:"id"`

	outcome string // of the last one, for people
}

func newNow(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "now",
		Short: "Show what needs a person, on one screen",
		Example: `  aftercare now
  aftercare now --watch`,
		Args: cli.Args(),
	}
	s, w := siteFlags(cmd, getenv), watchFlag(cmd)
	format := outputFlag(cmd)
	cmd.RunE = w.run(func(cmd *cobra.Command, _ []string) error {
		n := situation{
			Since: time.Now().Add(-lookBack), Failed: []group{}, Unknown: []group{}, Refused: []group{}, GivenUp: []group{}, Channels: []untold{},
			Overdue: []listed{}, Quarantined: []quarantined{}, DeadLetters: []quarantined{},
		}
		end := waiting(cmd, "reading")
		err := s.with(cmd.Context(), n.read)
		end()
		switch {
		case err != nil:
			return err
		case format.json():
			return printJSON(cmd.OutOrStdout(), n)
		}
		n.print(cmd)
		return nil
	})
	return cmd
}

// read reads all of it, side by side.
func (n *situation) read(ctx context.Context, l *ledger.Ledger) error {
	now := time.Now()
	reads := []func() error{
		func() error { return n.readBad(ctx, l, now) },
		func() (err error) {
			n.LastEnd, err = n.last(ctx, l, ledger.EntryExecution, now)
			return err
		},
		func() (err error) {
			n.LastHeartbeat, err = n.last(ctx, l, ledger.EntryBoot, now)
			return err
		},
		func() error {
			late, err := readFleet(ctx, l, func(i listed) bool { return !i.DueAt.IsZero() && i.DueAt.Before(now.Add(-decide.OverdueAfter)) })
			n.Overdue = append(n.Overdue, late...)
			return err
		},
		func() (err error) {
			n.Stopped, err = standing(ctx, l)
			return err
		},
		func() error {
			err := l.EachQuarantined(ctx, func(q ledger.Quarantined) error {
				switch {
				case isDeadLetter(q): // it waits for a person, since whenever it came
					n.DeadLetters = append(n.DeadLetters, quarantined(q))
				case q.At.After(n.Since):
					n.Quarantined = append(n.Quarantined, quarantined(q))
				}
				return nil
			})
			for _, list := range [][]quarantined{n.Quarantined, n.DeadLetters} {
				slices.SortFunc(list, func(a, b quarantined) int { return b.At.Compare(a.At) })
			}
			return err
		},
		func() (err error) {
			n.Sweeps, err = readSweeps(ctx, l, now)
			return err
		},
		func() error {
			list, _, err := readUndelivered(ctx, l)
			n.Channels = append(n.Channels, failing(list)...)
			return err
		},
	}
	var reading sync.WaitGroup
	errs := make([]error, len(reads))
	for i, read := range reads {
		reading.Go(func() { errs[i] = read() })
	}
	reading.Wait()
	return cmp.Or(errs...)
}

// readBad reads what did not go well.
func (n *situation) readBad(ctx context.Context, l *ledger.Ledger, now time.Time) error {
	read := 0
	err := l.History(ctx, ledger.Query{From: n.Since, Before: now.Add(decide.MaxAhead), Bad: true}, func(e ledger.Entry) error {
		if read++; read > mostFailed {
			n.More = true
			return errEnough
		}
		n.add(e)
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// readSweeps reads what shows whether sweeps come.
func readSweeps(ctx context.Context, l *ledger.Ledger, now time.Time) (s decide.Sweeps, err error) {
	if s.LastEnd, err = l.LastSwept(ctx); err != nil {
		return s, err
	}
	// One page of each shard is enough: the oldest is its first.
	err = l.Due(ctx, now, func(due []engine.Wakeup) bool {
		for _, w := range due {
			if s.OldestDue.IsZero() || w.Due.Before(s.OldestDue) {
				s.OldestDue = w.Due
			}
		}
		return true
	})
	return s, err
}

// sweepsWords say when the last sweep ended, and whether that or what is due needs a
// person.
func sweepsWords(s decide.Sweeps, c clock) (what string, bad bool) {
	switch {
	case s.LastEnd.IsZero():
		what = "no sweep has ended yet"
	case s.Missing(c.now):
		what = "no sweep has ended since " + c.moment(s.LastEnd)
	case s.Behind(c.now):
		what = "the last sweep ended at " + c.moment(s.LastEnd)
	default:
		return "the last sweep ended at " + c.moment(s.LastEnd), false
	}
	if s.Behind(c.now) {
		what += ", and something is due since " + c.moment(s.OldestDue)
	}
	return what, true
}

// last is when the newest record of a kind came that an event reported; zero if
// none did.
func (n *situation) last(ctx context.Context, l *ledger.Ledger, kind ledger.EntryKind, now time.Time) (at time.Time, err error) {
	err = l.History(ctx, ledger.Query{From: n.Since, Before: now.Add(decide.MaxAhead), Kinds: []ledger.EntryKind{kind}}, func(e ledger.Entry) error {
		if e.Polled {
			return nil
		}
		at = e.At
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return at, err
}

// add counts a record that did not go well.
func (n *situation) add(e ledger.Entry) {
	r := recordOf(e)
	in := &n.Failed
	switch {
	case e.Kind == ledger.EntryMessage:
		in = &n.GivenUp
	case e.Kind == ledger.EntryTask && e.InvokeID != "", // its execution counts
		r.Result == flow.ResultDryRun, strings.EqualFold(r.Result, string(decide.TaskCancelled)), strings.EqualFold(r.Result, string(decide.TaskTerminated)):
		return
	case e.Kind == ledger.EntryTask && (r.Why == "outcome_unknown" || r.Why == "lost"):
		in = &n.Unknown
	case r.Result == flow.ResultRefused || r.Result == flow.ResultDropped:
		in = &n.Refused
	}
	for i := range *in {
		if g := &(*in)[i]; g.Kind == r.Kind && g.Name == r.what() && g.Result == r.Result {
			g.Count++
			return
		}
	}
	*in = append(*in, group{r.Kind, r.what(), r.Result, r.Why, 1, r.At, r.InstanceID, r.ID, r.outcome()})
}

func (n *situation) print(cmd *cobra.Command) {
	out, c := cmd.OutOrStdout(), clockOf(cmd)
	tables := []*screen.Table{
		groupTable(c, "Outcome unknown: it may have run", n.Unknown), groupTable(c, "Failed within 24h", n.Failed),
		groupTable(c, "Refused by a guard", n.Refused), groupTable(c, "Alerts that nobody got", n.GivenUp),
	}
	overdue := &screen.Table{Title: "Overdue: nothing reported an end", Head: []string{"SINCE", "INSTANCE", "COMMANDS", "FLOW RUNS"}}
	for _, i := range n.Overdue {
		overdue.Add(c.moment(i.DueAt), i.InstanceID, fmt.Sprint(i.Running), fmt.Sprint(i.Runs))
	}
	kept := keptTable(c, "Quarantined: 'aftercare quarantine show' prints one", n.Quarantined)
	dead := keptTable(c, "Dead letters: 'aftercare redrive dead-letters' delivers them", n.DeadLetters)
	stopped := standingTables(n.Stopped, "Stopped", c.moment)
	tables = append(tables, failingTable(c, n.Channels), overdue, stopped[0], stopped[1], dead, kept)
	rows := 0
	for _, t := range tables {
		rows += len(t.Rows)
	}
	sweeps, late := sweepsWords(n.Sweeps, c)
	if rows == 0 && !late {
		fmt.Fprintln(out, "Nothing needs you: within 24h nothing failed or was refused, and nothing is\noverdue, stopped or quarantined.")
	} else {
		fmt.Fprintln(out, "These need a person.")
	}
	for _, t := range tables {
		const most = 10
		if more := len(t.Rows) - most; more > 0 {
			t.Rows = t.Rows[:most]
			t.Add(fmt.Sprintf("%d more", more))
		}
		t.Print(out)
	}
	if n.More {
		fmt.Fprintf(out, "\nOnly the newest %d records were counted.\n", mostFailed)
	}
	ago := func(t time.Time) string {
		if t.IsZero() {
			return "none within 24h"
		}
		return c.moment(t)
	}
	if !late {
		sweeps = c.moment(n.Sweeps.LastEnd)
	}
	routes := &screen.Table{Title: "Routes", Head: []string{"ROUTE", "LAST"}}
	routes.Add("TaskCompleted", ago(n.LastEnd))
	routes.Add("FirstHeartbeat", ago(n.LastHeartbeat))
	routes.Add("sweeps", sweeps)
	routes.Print(out)
}

func groupTable(c clock, title string, list []group) *screen.Table {
	t := &screen.Table{Title: title, Head: []string{"LAST", "TIMES", "INSTANCE/ID", "WHAT", "RESULT"}, Whole: map[int]bool{0: true, 1: true, 2: true}}
	slices.SortStableFunc(list, func(a, b group) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Name, b.Name)) })
	for _, g := range list {
		t.Add(c.today(g.Last), fmt.Sprint(g.Count), label(g.InstanceID, g.ID), g.Name, g.outcome)
	}
	return t
}

func keptTable(c clock, title string, list []quarantined) *screen.Table {
	t := &screen.Table{Title: title, Head: []string{"WHEN", "SHA256", "FUNCTION", "WHY"}, Whole: map[int]bool{0: true, 1: true}}
	for _, q := range list {
		t.Add(c.moment(q.At), brief(q.SHA256), q.Function, q.Reason)
	}
	return t
}
