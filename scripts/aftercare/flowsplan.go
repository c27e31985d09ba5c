package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// print prints an explanation for people.
func (x explanation) print(w io.Writer, c clock) {
	say(w, "%s: %s, at %s", screen.Plain(x.InstanceID), screen.Plain(x.Event), c.whole(x.At))
	var others []string
	for _, f := range x.Flows {
		if f.other {
			others = append(others, f.Flow)
			continue
		}
		fmt.Fprintln(w)
		f.print(w)
	}
	if len(others) > 0 {
		fmt.Fprintf(w, "\nnot for %s: %s\n", x.Kind, strings.Join(others, ", "))
	}
}

func (f explained) print(w io.Writer) {
	if !f.Fires {
		verb := "does not"
		if f.Outcome == string(decide.FlowDepends) {
			verb = "may"
		}
		fmt.Fprintf(w, "%s %s start\n    %s\n", f.Flow, verb, screen.Plain(f.Why))
		for _, v := range f.Values {
			fmt.Fprintf(w, "    %s is %s\n", v.Name, screen.Plain(v.Value))
		}
		return
	}
	switch f.Outcome {
	case string(decide.FlowStarted):
		fmt.Fprintf(w, "%s starts\n", f.Flow)
	case string(decide.FlowDryRun):
		fmt.Fprintf(w, "%s starts in dry-run: it is only recorded\n", f.Flow)
	default:
		fmt.Fprintf(w, "%s fires, and %s: %s\n", f.Flow, fates[f.Outcome], screen.Plain(f.Why))
	}
	width := 0
	for _, p := range f.Plan {
		width = max(width, len(p.ID))
	}
	for _, p := range f.Plan {
		screen.Say(w, fmt.Sprintf("    %-*s  ", width, p.ID), p.what())
		if p.Status == flow.StepMaybe {
			screen.Say(w, fmt.Sprintf("    %-*s    ", width, ""), screen.Plain(p.Reason))
		}
		if p.Runbook != "" {
			fmt.Fprintf(w, "    %-*s    runbook = %s\n", width, "", p.Runbook)
		}
		for _, name := range sortedKeys(p.Parameters) {
			fmt.Fprintf(w, "    %-*s    %s = %s\n", width, "", name, written(p.Parameters[name]))
		}
	}
	if slices.ContainsFunc(f.Plan, func(p plannedStep) bool { return p.Command != "" }) {
		fmt.Fprintln(w, "    if every command succeeds")
	}
	if f.Waits != "" {
		fmt.Fprintf(w, "    its waits take %s\n", f.Waits)
	}
	switch f.Result {
	case flow.ResultSucceeded:
	case flow.StepMaybe:
		screen.Say(w, "    ", "its result "+screen.Plain(f.Reason))
	default:
		screen.Say(w, "    ", "the run would end as "+f.Result+": "+screen.Plain(f.Reason))
	}
}

// fates are the outcomes of flows that fire but do not start.
var fates = map[string]string{
	string(decide.FlowWaits):   "waits",
	string(decide.FlowRefused): "is refused",
	string(decide.FlowDropped): "is dropped",
	string(decide.FlowStopped): "is stopped",
}

// written is a parameter's value on one line, in quotes if it could be misread.
func written(value string) string {
	if quoted := strconv.Quote(value); value == "" || value != strings.TrimSpace(value) || quoted != `"`+value+`"` {
		return quoted
	}
	return value
}

// what says in one line what a step does.
func (p plannedStep) what() string {
	switch p.Status {
	case flow.StepPlanned:
		return p.does()
	case flow.StepMaybe:
		return "maybe " + p.does()
	case flow.StepSkipped:
		return "skipped: " + screen.Plain(p.Reason)
	}
	return "ends as " + p.Status + ": " + screen.Plain(p.Reason)
}

func (p plannedStep) does() string {
	switch {
	case p.Kind == flow.KindRun:
		return "runs the command " + screen.Plain(p.Command)
	case p.Kind == flow.KindInvoke:
		return "invokes the saved command " + p.Command
	case p.Kind == flow.KindAlert:
		return "alerts: " + screen.Plain(p.announced)
	case p.Wait == flow.WaitNextBoot:
		return "waits for the next boot"
	case p.Kind == flow.KindWait:
		return "waits " + p.Wait
	}
	return "ends the run as " + p.Stop
}

// sortedKeys returns the keys of a map, sorted.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
