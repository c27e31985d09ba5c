package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/suggest"
)

// caseFile is a file of cases.
type caseFile struct {
	Version int    `json:"version" doc:"the format's version" need:"write version: 1" form:"version"`
	Cases   []Case `json:"cases" doc:"the cases" need:"list at least one"`
}

// Case is one test of a file of flows: an event, what is known when it comes,
// how commands end, and what must follow. Its JSON names and tags are the format
// of a file of cases, as those of flow.Definition are of a file of flows.
type Case struct {
	// File and Line are the case's place.
	File string
	Line int
	Name string `json:"name" doc:"a sentence that says what the case shows" need:"say in a sentence what it shows"`

	Event    flow.Event    `json:"event" doc:"the event: its kind, and the fields that matter; the others follow from them" need:"say which event comes, with its kind"`
	Instance flow.Instance `json:"instance" doc:"what is known of the instance, if it matters"`
	Depth    int           `json:"depth" doc:"how many flows led to the event" range:"0 10"`
	At       time.Time     `json:"at" doc:"when the event comes"`
	// Ends lists by a step's id how its attempts end; the last entry holds for
	// all further attempts. Commands of other steps succeed, and boots come.
	Ends   map[string][]CommandEnd `json:"steps" doc:"how the commands of steps end, by the step's id: one end, or a list with one for each attempt" hint:"write a step's id: and how its command ends"`
	Expect Expectation             `json:"expect" doc:"what must follow" need:"list under fires the flows that start, [] for none"`
}

// CommandEnd is how an attempt of a command ends, in Cloud Assistant's words.
type CommandEnd struct {
	Status    string `json:"status" doc:"Success or Failed, if no other fits the rest" words:"statuses"`
	ExitCode  int    `json:"exitCode" doc:"the script's exit code; -1 if it has none"`
	ErrorCode string `json:"errorCode" doc:"why the command did not run, or not to its end"`
	Unprinted bool   // the case does not say what it prints
	Output    string `json:"output" doc:"what the command prints, for steps that capture"`
	// Hangs is the only key for a wait for the next boot.
	Hangs bool `json:"hangs" doc:"whether it never ends, or the boot that the step waits for never comes"`
}

// Expectation is what a case expects. Except for Fires, nil and empty fields
// expect nothing.
type Expectation struct {
	Fires   []string `json:"fires" doc:"the flows that start, all of them" need:"list the flows that start, [] for none" form:"texts"`
	Flow    string   `json:"flow" doc:"the one of them that the rest is about, if several start"`
	Plan    []string `json:"plan" doc:"the ids of the steps that begin, in order, once for each attempt" form:"texts"`
	Skipped []string `json:"skipped" doc:"the ids of the steps that are skipped, in order" form:"texts"`
	Result  string   `json:"result" doc:"how the run ends" words:"succeeded failed timed_out"`
	Alerts  []string `json:"alerts" doc:"how many alerts there are, or a part of each one's text, before which its severity and route stand, as in 'critical, route ops: the disk is full'" form:"texts"`
	// AlertCount is how many alerts there are; -1 if Alerts lists them.
	AlertCount int
}

// about reports whether more is expected than which flows fire.
func (e Expectation) about() bool {
	return e.Plan != nil || e.Skipped != nil || e.Result != "" || e.Alerts != nil || e.AlertCount >= 0
}

// Run plays the case with these flows by the code that decides in the
// functions, and returns each difference from the expectation in words; none if
// the case passes. It ignores modes, windows, limits and stops, as if every
// flow were live and free to run.
func (c Case) Run(flows []flow.Definition) []string {
	outcomes := flow.NewSet(flows).Explain(c.Event, c.Instance, c.Depth)
	differences := c.fires(flows, outcomes)
	if !c.Expect.about() {
		for _, id := range slices.Sorted(maps.Keys(c.Ends)) {
			if !slices.ContainsFunc(flows, func(d flow.Definition) bool {
				return slices.ContainsFunc(stepsOf(d), func(s flow.Step) bool { return s.ID == id })
			}) {
				differences = append(differences, fmt.Sprintf("steps: no flow has a step %.60q", id))
			}
		}
		return differences
	}
	for _, o := range outcomes {
		if o.Flow == c.Expect.Flow && o.Matched {
			return append(differences, c.rehearse(*o.Definition)...)
		}
	}
	return differences // they include that the flow does not fire
}

// fires compares which flows start.
func (c Case) fires(flows []flow.Definition, outcomes []flow.Outcome) (differences []string) {
	var got []string
	for _, o := range outcomes {
		if o.Matched {
			got = append(got, o.Flow)
		}
	}
	if slices.Equal(got, c.Expect.Fires) {
		return nil
	}
	differences = append(differences, fmt.Sprintf("fires: %s, want %s", listed(got), listed(c.Expect.Fires)))
	for _, name := range c.Expect.Fires {
		if !slices.Contains(got, name) {
			differences = append(differences, name+": "+c.whyNot(name, flows, outcomes))
		}
	}
	return differences
}

// whyNot says why a flow does not start.
func (c Case) whyNot(name string, flows []flow.Definition, outcomes []flow.Outcome) string {
	if names := flow.NewSet(flows).Flows(); !slices.Contains(names, name) {
		return "there is no such flow" + suggest.Hint(name, "the flows", names)
	}
	for _, o := range outcomes {
		if o.Flow == name {
			return o.Reason + flow.Said(o.Values)
		}
	}
	return "it is not for " + c.Event.Kind + " events"
}

// rehearse plays a flow and compares its course with the expectation.
func (c Case) rehearse(d flow.Definition) (differences []string) {
	add := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	steps := map[string]flow.Step{}
	var ids []string
	for _, s := range stepsOf(d) {
		steps[s.ID] = s
		if s.Run != nil || s.Invoke != nil || s.Wait == flow.WaitNextBoot {
			ids = append(ids, s.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Ends)) {
		switch s := steps[id]; {
		case !slices.Contains(ids, id):
			add("steps: %s has no step %.60q that a command or a boot ends%s", d.Name, id, suggest.Hint(id, "those", ids))
		case s.Wait != "" && slices.ContainsFunc(c.Ends[id], func(e CommandEnd) bool { return !e.Hangs }):
			add("steps: %s waits for a boot: only hangs: true is possible here", id)
		case !s.Capture && slices.ContainsFunc(c.Ends[id], func(e CommandEnd) bool { return e.Output != "" }):
			add("steps: %s has an output here, but does not capture it: the flow would not see it", id)
		}
	}
	r := flow.Rehearse(d, c.Event, c.Instance, c.Depth, c.At, func(step string, attempt int) flow.StepEnd {
		return c.end(steps[step], attempt)
	})
	began, skipped := []string{}, []string{}
	how, maybe := map[string]string{}, false
	for _, rec := range r.Steps {
		how[rec.ID] = rec.How()
		switch rec.Status {
		case flow.StepSkipped:
			skipped = append(skipped, rec.ID)
			continue
		case flow.StepMaybe:
			if c.Expect.Plan == nil && c.Expect.Skipped == nil && c.Expect.Alerts == nil && c.Expect.AlertCount < 0 {
				continue // the result is compared below
			}
			maybe = true
			add("%s: say under steps what %s prints", rec.How(), listed(rec.Depends))
		}
		for range max(rec.Attempts, 1) {
			began = append(began, rec.ID)
		}
	}
	if maybe {
		return differences
	}
	for _, id := range slices.Concat(c.Expect.Plan, c.Expect.Skipped) {
		if steps[id].ID == "" {
			add("%s has no step %.60q: list the ids of its steps one by one", d.Name, id)
		}
	}
	odd := map[string]bool{}
	compare := func(name string, got, want []string) {
		if want == nil || slices.Equal(got, want) {
			return
		}
		add("%s: %s, want %s", name, listed(got), listed(want))
		for _, id := range slices.Concat(got, want) {
			odd[id] = odd[id] || slices.Contains(got, id) != slices.Contains(want, id)
		}
	}
	compare("plan", began, c.Expect.Plan)
	compare("skipped", skipped, c.Expect.Skipped)
	for _, id := range slices.Sorted(maps.Keys(odd)) {
		switch {
		case odd[id] && how[id] != "":
			add("%s", how[id])
		case odd[id] && steps[id].ID != "":
			add("step %s does not begin: the run is %s, %s", id, r.Result, r.Reason)
		}
	}
	if want := c.Expect.Result; want != "" && r.Result != want {
		add("result: %s (%s), want %s", r.Result, r.Reason, want)
	}
	return append(differences, c.alerts(r.Actions)...)
}

// stepsOf lists all steps of a flow.
func stepsOf(d flow.Definition) []flow.Step { return slices.Concat(d.Steps, d.OnFailure, d.Finally) }

// end returns how an attempt of a step's command ends in this case.
func (c Case) end(s flow.Step, attempt int) flow.StepEnd {
	e := CommandEnd{Status: "Success", Unprinted: true}
	if ends := c.Ends[s.ID]; len(ends) > 0 {
		e = ends[min(attempt, len(ends))-1]
	}
	if e.Hangs {
		return flow.StepEnd{}
	}
	end := flow.StepEnd{
		Status: flow.StepStatus(e.Status), InvocationStatus: e.Status, ErrorCode: e.ErrorCode,
		Reason: "its command ended as " + e.Status,
	}
	if e.ExitCode >= 0 {
		code := int64(e.ExitCode)
		end.ExitCode = &code
	}
	if s.Capture {
		end.Output, end.Unprinted = e.Output, e.Unprinted
	}
	return end
}

// alerts compares the alerts.
func (c Case) alerts(actions []flow.Action) (differences []string) {
	var got []string
	for _, a := range actions {
		if a.Alert != "" {
			got = append(got, a.Announced())
		}
	}
	want := c.Expect.AlertCount
	if c.Expect.Alerts != nil {
		want = len(c.Expect.Alerts)
	}
	if want >= 0 && len(got) != want {
		differences = append(differences, fmt.Sprintf("alerts: %d, want %d", len(got), want))
		for _, text := range got {
			differences = append(differences, fmt.Sprintf("there is the alert %q", text))
		}
		return differences
	}
	for i, part := range c.Expect.Alerts {
		if !strings.Contains(got[i], part) {
			differences = append(differences, fmt.Sprintf("alert %d: %q, want one that contains %q", i+1, got[i], part))
		}
	}
	return differences
}

// listed is a list of names in a sentence.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
