package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
)

// whyNot is the answer of why, for programs.
type whyNot struct {
	Flow       string    `json:"flow"`
	InstanceID string    `json:"instanceId"`
	Event      string    `json:"event,omitempty"` // in words
	EventID    string    `json:"eventId,omitempty"`
	At         time.Time `json:"at,omitzero"`
	What       string    `json:"what"`
	Why        string    `json:"why,omitempty"`
	RunID      string    `json:"runId,omitempty"`
	// Values are what the condition read.
	Values []flow.Value `json:"values,omitempty"`
	// Last is the newest event that made a run of the flow, if this one made none.
	Last *whyNot `json:"last,omitempty"`
}

func newWhy(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why FLOW INSTANCE",
		Short: "Say why a flow ran on an instance, or why not",
		Long: `It looks at the newest event of the instance that the flow reacts to, and says
which one made a run last; or at the one that --event names, by its id or an
execution's.`,
		Example: `  aftercare why restart-api i-bp67acfmxazb4p
  aftercare why restart-api i-bp67acfmxazb4p --event t-hz0jdfwd9f7k8n4`,
		Args:              cli.Args("FLOW", "INSTANCE"),
		ValidArgsFunction: firstOnly(completeFlows(getenv)),
	}
	s := siteFlags(cmd, getenv)
	format := outputFlag(cmd)
	from := sinceFlag(cmd, lookBack)
	event := cmd.Flags().String("event", "", "the event with this `id`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, instanceID := args[0], args[1]
		if !flow.ValidName(name) {
			return cli.Usage(fmt.Errorf("%q is not the name of a flow", name))
		}
		var records ledger.Records
		var stops decide.Standing
		err := s.with(cmd.Context(), func(ctx context.Context, l *ledger.Ledger) (err error) {
			if records, _, err = l.Recent(ctx, instanceID, from.from, 0); err == nil {
				stops, err = standing(ctx, l)
			}
			return err
		})
		if err != nil {
			return err
		}
		w, others := newestWhy(name, instanceID, *event, records)
		switch {
		case w == nil && *event != "":
			return cli.NotFound("%s has no event %s %s: --since looks further back", instanceID, *event, from.words())
		case w == nil && others == nil:
			return cli.NotFound("no event of %s came %s, so no flow could start: --since looks further back", instanceID, from.words())
		case w == nil:
			return cli.NotFound("no event of %s that %s reacts to came %s; events were weighed for: %s%s", instanceID, name, from.words(),
				strings.Join(others, ", "), near(name, others))
		case format.json():
			return printJSON(cmd.OutOrStdout(), w)
		}
		w.print(cmd)
		for _, t := range standingTables(stops, "Stopped now", clockOf(cmd).moment) {
			t.Print(cmd.OutOrStdout())
		}
		return nil
	}
	return cmd
}

// newestWhy is what was decided about a flow for the newest event of some records,
// or for one of them; nil if none was about the flow. Others are the flows that
// decisions were about.
func newestWhy(name, instanceID, eventID string, records ledger.Records) (newest *whyNot, others []string) {
	var last *whyNot
	consider := func(w whyNot, d decide.Decided, read map[string]string, ids ...string) {
		if eventID != "" && !slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, eventID) }) {
			return
		}
		w.Flow, w.InstanceID = name, instanceID
		others = append(others, "")
		for _, f := range d.Flows {
			if others = append(others, f.Flow); f.Flow != name {
				continue
			}
			w.What, w.Why, w.RunID, w.Values = string(f.What), f.Why, f.RunID, valuesIn(f.Why, read, d.Saw)
			if newest == nil || w.At.After(newest.At) {
				newest = &w
			}
			if w.RunID != "" && (last == nil || w.At.After(last.At)) {
				last = &w
			}
			return
		}
		if d.More > 0 && (newest == nil || w.At.After(newest.At)) {
			w.What, w.Why = string(decide.FlowNotStarted), "its condition was false; which clause was not kept, because the event was weighed for very many flows"
			newest = &w
		}
	}
	for _, e := range records.Executions {
		consider(whyNot{
			Event:   fmt.Sprintf("the end of %s (%s): %s", cmp.Or(e.Name, e.Event.CommandID), e.Event.InvokeID, exited(string(e.Event.Status), e.Event.ExitCode)),
			EventID: e.Event.ID, At: cmp.Or(e.Event.FinishTime, e.Received),
		}, e.Decided, endValues(printed(e)), e.Event.ID, e.Event.InvokeID)
	}
	for _, b := range records.Boots {
		consider(whyNot{Event: fmt.Sprintf("boot %d", b.Seq), EventID: b.EventID, At: cmp.Or(b.EventTime, b.Time)},
			b.Decided, bootValues(b.AgentVersion), b.EventID)
	}
	if newest != nil && newest.RunID == "" {
		newest.Last = last
	}
	slices.Sort(others)
	return newest, slices.DeleteFunc(slices.Compact(others), func(s string) bool { return s == "" && len(others) > 1 })
}

// endValues are what conditions read of an end, in the form of their language.
func endValues(e execution) map[string]string {
	exit := -1
	if e.ExitCode != nil {
		exit = int(*e.ExitCode)
	}
	known, _ := json.Marshal(flow.Event{
		Kind: flow.TaskCompleted, ID: e.EventID, StartTime: e.StartTime.UTC().Truncate(time.Second), FinishTime: e.FinishTime.UTC().Truncate(time.Second),
		CommandName: e.CommandName, CommandID: e.CommandID, InvokeID: e.InvokeID, InvocationStatus: e.Status, ExitCode: exit,
		ErrorCode: e.ErrorCode, ErrorDesc: e.ErrorDesc, RepeatMode: e.RepeatMode, Repeats: int(e.Repeats),
		InstanceID: e.InstanceID, Region: e.Region, OwnerUID: e.OwnerUID, PlayerUID: e.PlayerUID,
	})
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(known, &fields)
	values := map[string]string{"event.errorCode": `""`, "event.errorDesc": `""`}
	for name, value := range fields {
		values["event."+name] = string(value)
	}
	return values
}

// bootValues are what conditions read of a boot.
func bootValues(agent string) map[string]string {
	return map[string]string{"event.agentVersion": fmt.Sprintf("%q", agent)}
}

var readName = regexp.MustCompile(`\b(event|instance)\.[A-Za-z]+`)

// valuesIn are the values of the names in a clause.
func valuesIn(clause string, read map[string]string, saw []flow.Value) (values []flow.Value) {
	for _, name := range readName.FindAllString(clause, -1) {
		value, known := read[name]
		for _, v := range saw {
			if v.Name == name {
				value, known = v.Value, true
			}
		}
		if v := (flow.Value{Name: name, Value: value}); known && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

func (w whyNot) print(cmd *cobra.Command) {
	out := cmd.OutOrStdout()
	say(out, "%s on %s: %s", w.Flow, screen.Plain(w.InstanceID), w.What)
	screen.Say(out, "  event  ", screen.Plain(w.Event))
	screen.Say(out, "  at     ", clockOf(cmd).moment(w.At))
	if w.Why != "" {
		screen.Say(out, "  why    ", screen.Plain(w.Why))
	}
	for _, v := range w.Values {
		screen.Say(out, "  saw    ", v.Name+" was "+screen.Plain(v.Value))
	}
	if w.RunID != "" {
		screen.Say(out, "  run    ", label(w.InstanceID, w.RunID)+" ('aftercare show' has its steps)")
	}
	if l := w.Last; l != nil {
		screen.Say(out, "  last   ", fmt.Sprintf("%s at %s, by %s; run %s", l.What, clockOf(cmd).moment(l.At), screen.Plain(l.Event), label(w.InstanceID, l.RunID)))
	}
}
