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
	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// print prints an explanation for people.
func (x explanation) print(w io.Writer, c clock) {
	say(w, "%s: %s, at %s", screen.Plain(x.InstanceID), screen.Plain(x.Event), c.whole(x.At))
	for _, f := range x.Flows {
		fmt.Fprintln(w)
		printDecision(w, f)
	}
	if x.unasked {
		fmt.Fprintln(w)
		say(w, "No flow is asked: the state already has this event or a newer boot, or the event is too old.")
	}
	if len(x.Assumed) > 0 {
		fmt.Fprintln(w)
		say(w, "taken to fit, since nothing is known of %s without --state: the instances of %s", screen.Plain(x.InstanceID), strings.Join(x.Assumed, ", "))
	}
	if len(x.Others) > 0 {
		fmt.Fprintln(w)
		say(w, "not for %s: %s", x.Kind, strings.Join(x.Others, ", "))
	}
}

// verdicts say what becomes of a flow.
var verdicts = map[decide.What]string{
	decide.FlowStarted: "starts", decide.FlowDryRun: "starts in dry-run: it is only recorded", decide.FlowDepends: "may start",
	decide.FlowNotStarted: "does not start", decide.FlowNoAnswer: "does not start", decide.FlowWaits: "fires, and waits",
	decide.FlowRefused: "fires, and is refused", decide.FlowDropped: "fires, and is dropped", decide.FlowStopped: "fires, and is stopped",
}

// printDecision prints what would become of a flow, and of its steps.
func printDecision(w io.Writer, f decide.FlowDecision) {
	fmt.Fprintf(w, "%s %s\n", f.Flow, verdicts[f.What])
	if f.What != decide.FlowStarted && f.What != decide.FlowDryRun {
		screen.Say(w, "    ", screen.Plain(f.Why))
	}
	for _, v := range f.Values {
		screen.Say(w, "    ", v.Name+" is "+screen.Plain(v.Value))
	}
	r, width := f.Rehearsal, 0
	if r == nil {
		return
	}
	for _, rec := range r.Steps {
		width = max(width, len(rec.ID))
	}
	for _, s := range slices.Concat(f.Definition.Steps, f.Definition.OnFailure, f.Definition.Finally) {
		if i := slices.IndexFunc(r.Steps, func(rec flow.StepRecord) bool { return rec.ID == s.ID }); i >= 0 {
			printStep(w, fmt.Sprintf("    %-*s  ", width, s.ID), s, r.Steps[i], r.Actions)
		}
	}
	end := "is " + r.Result
	switch r.Result {
	case flow.ResultSucceeded:
	case flow.StepMaybe:
		end = screen.Plain(r.Reason)
	default:
		end += ": " + screen.Plain(r.Reason)
	}
	if r.Took > 0 {
		end += "; its waits take " + r.Took.String()
	}
	screen.Say(w, "    ", "if every command succeeds, the result "+end)
}

// printStep prints what a step does, in the words of the file, or why it does not.
func printStep(w io.Writer, lead string, s flow.Step, rec flow.StepRecord, actions []flow.Action) {
	var asks flow.Action
	for _, a := range actions {
		if a.Step == s.ID {
			asks = a
		}
	}
	name := command.Command{Run: s.Run, Invoke: s.Invoke}.Name()
	does := rec.Kind + ": " + screen.Plain(cmp.Or(name, asks.Announced(), s.Alert, s.Wait, s.Stop))
	under := strings.Repeat(" ", len(lead)+2)
	switch rec.Status {
	case flow.StepPlanned:
		screen.Say(w, lead, does)
	case flow.StepMaybe:
		screen.Say(w, lead, "maybe "+does)
		screen.Say(w, under, screen.Plain(rec.Reason))
	default:
		screen.Say(w, lead, rec.Status+": "+screen.Plain(rec.Reason))
	}
	if asks.Runbook != "" {
		screen.Say(w, under, "runbook: "+asks.Runbook)
	}
	for _, name := range sortedKeys(asks.Parameters()) {
		screen.Say(w, under, name+" = "+written(asks.Parameters()[name]))
	}
}

// written is a parameter's value on one line, in quotes if it could be misread.
func written(value string) string {
	if quoted := strconv.Quote(value); value == "" || value != strings.TrimSpace(value) || quoted != `"`+value+`"` {
		return quoted
	}
	return value
}

// sortedKeys returns the keys of a map, sorted.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
