package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/shared/remediation"
)

func newInstance(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "instance ID",
		Short: "Print what is open on an instance, and what was recorded of it",
		Args:  cli.Args("ID"),
	}
	s := storeFlags(cmd, getenv)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var v view
		err := s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) error {
			state, err := l.Load(ctx, args[0])
			if err != nil {
				return err
			}
			records, err := l.Records(ctx, args[0])
			if err != nil {
				return err
			}
			v = newView(state, records)
			v.Paused, err = readPaused(ctx, l)
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

// print prints an instance for people. All times are in UTC.
func (v view) print(w io.Writer) {
	i := v.Instance
	fmt.Fprintf(w, "%s: %s\n", plain(i.ID), i.state())
	about := &table{head: []string{"BOOTED", "BOOTS", "AGENT", "OS", "REGION", "ZONE", "NEXT WAKE-UP"}}
	if i.Known {
		about.add(moment(i.BootTime), strconv.FormatInt(i.BootSeq, 10), i.AgentVersion, i.OS, i.Region, i.Zone, moment(i.WakeAt))
	}
	about.print(w)
	for _, t := range []*table{
		v.Paused.table("Flows that are paused"), queueTable(v.Queue), taskTable(v.Tasks), effectTable("Effects that are planned", v.Effects),
		runTable("Flow runs under way", v.FlowRuns), limitTable(v.Limits), failingTable(v.Failing), executionTable("Ends that wait for their task", v.Unmatched, false),
		executionTable("Executions", v.Log.Executions, false), endedTable(v.Log.Tasks),
		runTable("Flow runs that ended", v.Log.FlowRuns), decisionTable(v.Log.Executions, v.Log.Boots), bootTable(v.Log.Boots),
		effectTable("Alerts that were given up", v.Log.LostAlerts),
	} {
		t.print(w)
	}
}

func queueTable(list []task) *table {
	t := &table{title: "Queue, in the order of release", head: []string{"TASK", "COMMAND", "PRIORITY", "ATTEMPT", "SUBMITTED", "EXPIRES"}}
	for _, q := range list {
		t.add(q.ID, q.Name, strconv.Itoa(q.Priority), strconv.Itoa(q.Attempt), moment(q.SubmittedAt), moment(q.ExpiresAt))
	}
	return t
}

func taskTable(list []task) *table {
	t := &table{title: "Tasks under way", head: []string{"TASK", "COMMAND", "STATE", "ATTEMPT", "SUBMITTED", "INVOCATION", "ASKED FOR AT"}}
	for _, q := range list {
		state := q.State
		if q.Cancel {
			state += ", to be stopped"
		}
		t.add(q.ID, q.Name, state, strconv.Itoa(q.Attempt), moment(q.SubmittedAt), q.InvokeID, moment(q.Deadline))
	}
	return t
}

func endedTable(list []task) *table {
	t := &table{title: "Tasks that ended", head: []string{"ENDED", "TASK", "COMMAND", "STATE", "EXIT", "ATTEMPT", "INVOCATION", "WHY"}}
	for _, q := range list {
		t.add(moment(q.EndedAt), q.ID, q.Name, q.State, code(q.ExitCode), strconv.Itoa(q.Attempt), q.InvokeID, q.Reason)
	}
	return t
}

func effectTable(title string, list []effect) *table {
	t := &table{title: title, head: []string{"PLANNED", "EFFECT", "WHAT", "TRIES", "CLAIMED UNTIL", "NOT BEFORE", "ABOUT"}}
	for _, e := range list {
		about := e.TaskID
		if e.Alert != nil {
			about = e.Alert.Summary
		}
		t.add(moment(e.PlannedAt), e.Key, e.Kind, strconv.Itoa(e.Tries), moment(e.ClaimedUntil), moment(e.NotBefore), about)
	}
	return t
}

func runTable(title string, list []flowRun) *table {
	t := &table{title: title, head: []string{"MADE", "RUN", "FLOW", "STEPS", "RESULT", "ENDED", "CAUSE"}}
	for _, r := range list {
		t.add(moment(r.CreatedAt), r.ID, strings.Join(r.Chain, " > "), steps(r), errorOf(r.Result, r.Reason), moment(r.EndedAt), r.Cause)
	}
	return t
}

// steps says what became of each step of a run.
func steps(r flowRun) string {
	var out []string
	for _, s := range r.Steps {
		word := s.ID + " " + s.Status
		if s.Status == "" {
			word = s.ID + " under way"
		}
		if s.Status == flow.StepFailed && s.ExitCode != nil {
			word += " (" + code(s.ExitCode) + ")"
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

// decisionTable says which flows an event started, refused or stopped, and
// why. Those whose condition was false are only in the output for programs.
func decisionTable(list []execution, boots []boot) *table {
	t := &table{title: "Decisions about flows", head: []string{"EVENT", "FLOW", "WHAT", "WHY", "RUN"}}
	add := func(cause string, d remediation.Decided) {
		others := d.More
		for _, f := range d.Flows {
			if f.What == remediation.FlowNotStarted {
				others++
				continue
			}
			t.add(cause, f.Flow, string(f.What), f.Why, f.RunID)
		}
		if others > 0 {
			t.add(cause, fmt.Sprintf("%d others", others), string(remediation.FlowNotStarted), "see -o json", "")
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

// limitTable is what limits and conditions remember.
func limitTable(list []remediation.Limit) *table {
	t := &table{title: "Runs that count towards limits", head: []string{"FLOW", "BEGUN", "FAILED IN 24 H", "REFUSED SINCE", "UNTIL"}}
	for _, l := range list {
		t.add(l.Flow, strconv.Itoa(len(l.Starts)), strconv.Itoa(len(l.Failures)), strconv.Itoa(l.Refused), moment(l.Until))
	}
	return t
}

func failingTable(list []remediation.Failing) *table {
	t := &table{title: "Commands that fail", head: []string{"COMMAND", "ENDS IN A ROW", "LAST"}}
	for _, f := range list {
		if f.Count > 0 {
			t.add(f.Name, strconv.Itoa(f.Count), moment(f.Last))
		}
	}
	return t
}

func bootTable(list []boot) *table {
	t := &table{title: "Boots", head: []string{"BOOT", "BOOTED", "HEARTBEAT", "AGENT", "EVENT"}}
	for _, b := range list {
		t.add(strconv.FormatInt(b.Seq, 10), moment(b.Time), moment(b.EventTime), b.AgentVersion, b.EventID)
	}
	return t
}

// state says in words whether the instance takes commands.
func (i instance) state() string {
	switch {
	case !i.Known:
		return "nothing is known about it"
	case i.Boot == remediation.BootBootable:
		return "bootable since " + moment(i.BootSince)
	case i.Boot == remediation.BootWaiting:
		return fmt.Sprintf("waiting: its agent was not up, next question at %s", plain(moment(i.CheckAt)))
	}
	return "unknown: whether its agent is up is in doubt"
}
