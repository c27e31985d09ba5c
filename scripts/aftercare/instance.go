package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

func newInstance(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "instance ID",
		Short: "Print an instance's open work and its records",
		Example: `  aftercare instance i-bp67acfmxazb4p
  aftercare instance i-bp67acfmxazb4p --since 24h -o json`,
		Args: cli.Args("ID"),
	}
	s := siteFlags(cmd, getenv)
	format := outputFlag(cmd)
	since := cmd.Flags().String("since", "", fmt.Sprintf("records from this `time` on: a day such as 2026-01-31, or 24h ago as 24h (default the newest %d)", newestRecords))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, most := time.Time{}, newestRecords
		if *since != "" {
			var err error
			if from, err = sinceOf(*since, time.Now()); err != nil {
				return cli.Usage(err)
			}
			most = 0
		}
		var v view
		err := s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			state, err := l.Whole(ctx, args[0])
			if err != nil {
				return err
			}
			records, older, err := l.Recent(ctx, args[0], from, most)
			if err != nil {
				return err
			}
			v = newView(state, records, older)
			now, err := standing(ctx, l)
			v.Stopped = holding(now, state)
			return err
		})
		if err != nil {
			return err
		}
		if format.json() {
			return printJSON(cmd.OutOrStdout(), v)
		}
		v.print(cmd.OutOrStdout())
		return nil
	}
	return cmd
}

// newestRecords is how many records are printed without --since.
const newestRecords = 100

// sinceOf reads a day, or how long ago.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, errors.New("--since must be a day such as 2026-01-31, or a duration such as 24h")
	}
	return day, nil
}

// print prints an instance for people. All times are in UTC.
func (v view) print(w io.Writer) {
	i := v.Instance
	fmt.Fprintf(w, "%s: %s\n", screen.Plain(i.ID), i.state())
	about := &screen.Table{Head: []string{"BOOTED", "BOOTS", "AGENT", "OS", "REGION", "ZONE", "NEXT CHECK"}}
	if i.Known {
		about.Add(moment(i.BootTime), strconv.FormatInt(i.BootSeq, 10), i.AgentVersion, i.OS, i.Region, i.Zone, moment(i.WakeAt))
	}
	about.Print(w)
	for _, t := range []*screen.Table{
		standingTable(v.Stopped, "Stopped", moment), queueTable(v.Queue), taskTable(v.Tasks), sendTable(v.Sends), messageTable("Planned messages", v.Messages),
		runTable("Flow runs under way", v.FlowRuns), limitTable(v.Limits), failingTable(v.Failing), executionTable("Ended executions that have no task yet", v.Unmatched),
		executionTable("Executions", v.Log.Executions), endedTable(v.Log.Tasks),
		runTable("Ended flow runs", v.Log.FlowRuns), decisionTable(v.Log.Executions, v.Log.Boots), bootTable(v.Log.Boots),
		messageTable("Messages given up", v.Log.Lost),
	} {
		t.Print(w)
	}
	if v.Log.Older {
		fmt.Fprintf(w, "\nThese are the newest %d records. --since prints more.\n", newestRecords)
	}
}

func queueTable(list []task) *screen.Table {
	t := &screen.Table{Title: "Queue, in the order of sending", Head: []string{"TASK", "COMMAND", "PRIORITY", "ATTEMPT", "SUBMITTED", "EXPIRES"}}
	for _, q := range list {
		t.Add(q.ID, q.Name, strconv.Itoa(q.Priority), strconv.Itoa(q.Attempt), moment(q.SubmittedAt), moment(q.ExpiresAt))
	}
	return t
}

func taskTable(list []task) *screen.Table {
	t := &screen.Table{Title: "Tasks under way", Head: []string{"TASK", "COMMAND", "STATE", "ATTEMPT", "SUBMITTED", "INVOCATION", "CHECKED AT"}}
	for _, q := range list {
		state := q.State
		if q.Cancel {
			state += ", being stopped"
		}
		t.Add(q.ID, q.Name, state, strconv.Itoa(q.Attempt), moment(q.SubmittedAt), q.InvokeID, moment(q.Deadline))
	}
	return t
}

func endedTable(list []task) *screen.Table {
	t := &screen.Table{Title: "Ended tasks", Head: []string{"ENDED", "TASK", "COMMAND", "STATE", "EXIT", "ATTEMPT", "INVOCATION", "WHY"}}
	for _, q := range list {
		t.Add(moment(q.EndedAt), q.ID, q.Name, q.State, code(q.Status, q.ExitCode), strconv.Itoa(q.Attempt), q.InvokeID, q.Reason)
	}
	return t
}

func sendTable(list []send) *screen.Table {
	t := &screen.Table{Title: "Planned sends", Head: []string{"PLANNED", "SEND", "WHAT", "TRIES", "BUSY UNTIL", "NEXT TRY AFTER", "TASK"}}
	for _, s := range list {
		t.Add(moment(s.PlannedAt), s.Key, s.Kind, strconv.Itoa(s.Tries), moment(s.ClaimedUntil), moment(s.NotBefore), s.TaskID)
	}
	return t
}

func messageTable(title string, list []message) *screen.Table {
	t := &screen.Table{Title: title, Head: []string{"PLANNED", "MESSAGE", "WHAT", "TRIES", "BUSY UNTIL", "NEXT TRY AFTER", "ABOUT"}}
	for _, m := range list {
		about := m.Flow
		if m.Alert != nil {
			about = m.Alert.Summary
		}
		t.Add(moment(m.PlannedAt), m.Key, m.Kind, strconv.Itoa(m.Tries), moment(m.ClaimedUntil), moment(m.NotBefore), about)
	}
	return t
}

func runTable(title string, list []flowRun) *screen.Table {
	t := &screen.Table{Title: title, Head: []string{"CREATED", "RUN", "FLOW", "STEPS", "RESULT", "ENDED", "CAUSE"}}
	for _, r := range list {
		t.Add(moment(r.CreatedAt), r.ID, strings.Join(r.Chain, " > "), steps(r), errorOf(r.Result, r.Reason), moment(r.EndedAt), caused(r.Cause))
	}
	return t
}

// caused says in words which input made a run.
func caused(cause string) string {
	kind, rest, _ := strings.Cut(cause, "/")
	switch kind {
	case "exec":
		invokeID, _, _ := strings.Cut(rest, "/")
		return "end of " + invokeID
	case "boot":
		return "boot " + rest
	}
	return cause
}

// steps says how each step of a run went.
func steps(r flowRun) string {
	var out []string
	for _, s := range r.Steps {
		word := s.ID + " " + s.Status
		if s.Status == "" {
			word = s.ID + " under way"
		}
		if exit := code(s.Status, s.ExitCode); exit != "" && s.Status == flow.StepFailed {
			word += " (" + exit + ")"
		}
		if s.Attempts > 1 {
			word += fmt.Sprintf(" in %d attempts", s.Attempts)
		}
		out = append(out, word)
	}
	if r.EndedAt.IsZero() && r.Waits != "" {
		word := "waits: " + r.Waits
		if !r.Due.IsZero() {
			word += ", until " + moment(r.Due)
		}
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}

// decisionTable lists which flows an event started, refused or stopped, and why.
// It only counts flows whose condition was false; -o json lists them. What the
// conditions saw of the instance may have changed since.
func decisionTable(list []execution, boots []boot) *screen.Table {
	t := &screen.Table{Title: "Decisions about flows", Head: []string{"EVENT", "FLOW", "WHAT", "WHY", "RUN"}}
	add := func(cause string, d decide.Decided) {
		others := d.More
		for _, f := range d.Flows {
			if f.What == decide.FlowNotStarted {
				others++
				continue
			}
			t.Add(cause, f.Flow, string(f.What), f.Why, f.RunID)
		}
		if others > 0 {
			t.Add(cause, fmt.Sprintf("%d others", others), string(decide.FlowNotStarted), "-o json lists them", "")
		}
		var saw []string
		for _, v := range d.Saw {
			saw = append(saw, v.Name+" was "+v.Value)
		}
		if len(saw) > 0 {
			t.Add(cause, "", "conditions saw", strings.Join(saw, ", "), "")
		}
	}
	for _, e := range list {
		add("end of "+e.InvokeID, e.Decided)
	}
	for _, b := range boots {
		add(fmt.Sprint("boot ", b.Seq), b.Decided)
	}
	return t
}

// limitTable lists what limits and conditions count.
func limitTable(list []decide.Limit) *screen.Table {
	t := &screen.Table{Title: "Runs that count towards limits", Head: []string{"FLOW", "STARTED", "FAILED IN 24 H", "REFUSED SINCE", "COUNTS UNTIL"}}
	for _, l := range list {
		t.Add(l.Flow, strconv.Itoa(len(l.Starts)), strconv.Itoa(len(l.Failures)), strconv.Itoa(l.Refused), moment(l.Until))
	}
	return t
}

func failingTable(list []decide.Failing) *screen.Table {
	t := &screen.Table{Title: "Commands that fail", Head: []string{"COMMAND", "FAILED IN A ROW", "LAST"}}
	for _, f := range list {
		if f.Count > 0 {
			t.Add(f.Name, strconv.Itoa(f.Count), moment(f.Last))
		}
	}
	return t
}

func bootTable(list []boot) *screen.Table {
	t := &screen.Table{Title: "Boots", Head: []string{"BOOT", "BOOTED", "HEARTBEAT", "AGENT", "EVENT"}}
	for _, b := range list {
		t.Add(strconv.FormatInt(b.Seq, 10), moment(b.Time), moment(b.EventTime), b.AgentVersion, b.EventID)
	}
	return t
}

// state says in words whether the instance takes commands.
func (i instance) state() string {
	switch {
	case !i.Known:
		return "nothing is known about it"
	case i.Boot == decide.BootBootable:
		return "bootable since " + moment(i.BootSince)
	case i.Boot == decide.BootWaiting:
		return fmt.Sprintf("waiting: its agent was not up, next check at %s", screen.Plain(moment(i.CheckAt)))
	}
	return "unknown: its agent may be up or down"
}
