package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aftercare/scripts/internal/cli"
	"aftercare/scripts/internal/screen"
	"aftercare/shared/alertfile"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/routing"
	"aftercare/shared/suggest"
)

func newAlertsExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain INPUT",
		Short: "Explain where an alert goes, and why",
		Long: `INPUT is a JSON file, - for the standard input: an alert, or an event as a
function gets it. Of an event, it is the alerts that a function would raise at
once; those of flows come from their steps, so give such an alert itself. For
each alert, it lists the routes that the alert comes to, why each takes it or
not, the group, the channels, and until when these are muted. Nothing is sent.`,
		Example: `  aftercare alerts explain alert.json
  aftercare alerts explain event.json --state state.json
  echo '{"kind":"flow","flow":"mend"}' | aftercare alerts explain -`,
		Args: cli.Args("INPUT"),
	}
	format := outputFlag(cmd)
	path := cmd.Flags().String("file", alertsFile, "the `file` with the channels and routes")
	known := cmd.Flags().String("state", "", "a `file` with the instance's state, from 'aftercare show ID -o json',\nfor the tags of an event's instance")
	at := atFlag(cmd, "the `time` at which to look at mute times (default now)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		now := cmp.Or(at.from, time.Now()).UTC()
		f, err := readAlerts(cmd, *path)
		if err != nil {
			return err
		}
		var state *view
		if *known != "" {
			if state, err = readState(*known); err != nil {
				return err
			}
		}
		input, err := readInput(cmd, args[0])
		if err != nil {
			return fmt.Errorf("read the event: %w", err)
		}
		alerts, err := alertsOf(input, state)
		if err != nil {
			return err
		}
		var list []routed
		for _, a := range alerts {
			list = append(list, route(f, a, now))
		}
		if format.json() {
			return printJSON(cmd.OutOrStdout(), list)
		}
		for i, r := range list {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			r.print(cmd.OutOrStdout(), clockOf(cmd))
		}
		return nil
	}
	return cmd
}

// alertsOf reads an alert, or the alerts that an event raises.
func alertsOf(input []byte, known *view) ([]decide.Alert, error) {
	var a decide.Alert
	if err := json.Unmarshal(input, &a); err == nil && a.Kind != "" {
		kinds := make([]string, len(routing.Kinds))
		for i, k := range routing.Kinds {
			kinds[i] = string(k)
		}
		if !slices.Contains(kinds, routing.Value(a, "kind")) {
			return nil, fmt.Errorf("there is no kind of alert %q%s", a.Kind, suggest.Hint(string(a.Kind), "they", kinds))
		}
		return []decide.Alert{a}, nil
	}
	var list []decide.Alert
	for _, ev := range event.Parse(input) {
		found, err := raised(ev, known)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// raised are the alerts that an event raises at once, with the default settings.
func raised(ev event.Event, known *view) ([]decide.Alert, error) {
	var ended event.TaskCompleted
	switch ev := ev.(type) {
	case event.Malformed:
		return nil, fmt.Errorf("this is neither an alert, which has a kind, nor an event: %s", ev.Reason)
	case event.TaskCompleted:
		ended = ev
	default:
		return nil, errors.New("this event raises no alert by itself: only the end of a command does")
	}
	ended.Bare = false // as if Cloud Assistant had confirmed it
	state := decide.NewState(ended.InstanceID)
	if known != nil {
		if known.Instance.ID != ended.InstanceID {
			return nil, fmt.Errorf("the event belongs to the instance %s, but the state to %s", ended.InstanceID, known.Instance.ID)
		}
		state = known.state()
	}
	policy := decide.DefaultPolicy()
	policy.AlertOn = map[event.Status]bool{event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true}
	received := explainer{}.moment(ended.FinishTime, ended.Time)
	d := decide.Decide(state, decide.Ended{Event: ended, Received: received, Source: decide.SourceEvent}, decide.Facts{}, policy, decide.Moment{Now: received})
	var list []decide.Alert
	for _, m := range d.Changes.Messages {
		if m.After == nil || m.After.Alert == nil {
			continue
		}
		a := *m.After.Alert
		if tags := state.Instance.Tags; tags != nil {
			a.Tags = *tags
		}
		list = append(list, a)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("this end of a command, %s, raises no alert by itself", endOf(ended))
	}
	return list, nil
}

// routed is where one alert goes.
type routed struct {
	Alert   decide.Alert `json:"alert"`
	Routes  []verdict    `json:"routes"`
	Targets []target     `json:"targets"`
}

type verdict struct {
	Route string `json:"route"`
	Depth int    `json:"depth"`
	Takes bool   `json:"takes"`
	Why   string `json:"why"`
}

// target is a group that an alert goes to.
type target struct {
	Route      string            `json:"route"`
	Group      string            `json:"group"`
	By         map[string]string `json:"groupBy"`
	Channels   []string          `json:"channels"`
	Fallback   []string          `json:"fallback,omitempty"`
	Wait       string            `json:"groupWait"`
	Interval   string            `json:"groupInterval"`
	Repeat     string            `json:"repeatInterval,omitempty"`
	MutedUntil time.Time         `json:"mutedUntil,omitzero"`
}

func route(f *alertfile.File, a decide.Alert, now time.Time) routed {
	a = f.Routes.Rated(a)
	r := routed{Alert: a}
	for _, v := range f.Routes.Explain(a) {
		r.Routes = append(r.Routes, verdict(v))
	}
	for _, t := range f.Routes.Of(a) {
		settings := f.Routes.Route(t.Route)
		to := target{
			Route: t.Route, Group: t.Group, By: t.By, Channels: settings.Channels, Fallback: settings.Fallback,
			Wait: flow.Duration(settings.GroupWait).String(), Interval: flow.Duration(settings.GroupInterval).String(), MutedUntil: f.Routes.MutedUntil(t.Route, now),
		}
		if settings.RepeatInterval > 0 {
			to.Repeat = flow.Duration(settings.RepeatInterval).String()
		}
		r.Targets = append(r.Targets, to)
	}
	return r
}

func (r routed) print(w io.Writer, c clock) {
	what := []string{string(r.Alert.Kind)}
	for _, name := range routing.GroupNames {
		if value := routing.Value(r.Alert, name); value != "" && name != "kind" {
			what = append(what, name+" "+value)
		}
	}
	fmt.Fprintf(w, "%s\n\n", screen.Plain(strings.Join(what, ", ")))
	for _, v := range r.Routes {
		mark := " "
		if v.Takes {
			mark = ">"
		}
		fmt.Fprintf(w, "%s %s%s: %s\n", mark, strings.Repeat("  ", v.Depth), v.Route, screen.Plain(v.Why))
	}
	for _, t := range r.Targets {
		fmt.Fprintf(w, "\n%s\n", t.Route)
		by := "all alerts of the route"
		if len(t.By) > 0 {
			var values []string
			for _, name := range sortedKeys(t.By) {
				values = append(values, name+" "+t.By[name])
			}
			by = strings.Join(values, ", ")
		}
		fmt.Fprintf(w, "    group     %s\n", screen.Plain(by))
		fmt.Fprintf(w, "    channels  %s\n", strings.Join(t.Channels, ", "))
		if len(t.Fallback) > 0 {
			fmt.Fprintf(w, "    fallback  %s\n", strings.Join(t.Fallback, ", "))
		}
		repeat := "never again"
		if t.Repeat != "" {
			repeat = "again after " + t.Repeat
		}
		first := "after " + t.Wait
		if r.Alert.Severity == decide.SeverityCritical {
			first = "at once"
		}
		fmt.Fprintf(w, "    sent      %s; what is new after %s; %s while open\n", first, t.Interval, repeat)
		if !t.MutedUntil.IsZero() {
			fmt.Fprintf(w, "    muted     until %s\n", c.moment(t.MutedUntil))
		}
	}
}
