package flow

import (
	"slices"
	"strings"
	"time"
)

// Rehearsal is what a run would do, as far as that is known beforehand. [90]
type Rehearsal struct {
	// Result is how the run would end, or StepMaybe if that depends on what steps
	// print. Reason says why, or what it depends on.
	Result string `json:"result"`
	Reason string `json:"reason"`
	// Steps are those that the run would or may begin or skip, in order.
	Steps []RehearsedStep `json:"steps"`
	// Depends are the steps whose outputs decide the result.
	Depends []string `json:"depends,omitempty"`
	// Actions are the commands and alerts that the run would or may ask for, each
	// once. A text says what its unknown parts depend on.
	Actions []Action `json:"-"`
	// Took is how long the run's own waits and backoffs would take at most.
	Took time.Duration `json:"-"`
}

// String says what would happen, on one line. [56]
func (h Rehearsal) String() string {
	would := "it would have run no step"
	var planned, others []string
	open := map[string][]string{}
	for _, s := range h.Steps {
		name := s.ID + " (" + s.Kind + ")"
		switch s.Status {
		case StepSkipped:
		case StepMaybe:
			on := dependsOn(s.Depends)
			if open[on] == nil {
				others = append(others, on)
			}
			open[on] = append(open[on], name)
		case StepInvalid:
			if strings.Contains(h.Reason, s.Reason) {
				continue // the result says so
			}
			others = append(others, "step "+s.ID+" would end as invalid: "+s.Reason)
		default:
			planned = append(planned, name)
		}
	}
	if planned != nil {
		would = "it would have run: " + strings.Join(planned, ", ")
	}
	for _, text := range others {
		if list := open[text]; list != nil {
			text += ": " + strings.Join(list, ", ")
		}
		would += "; " + text
	}
	switch h.Result {
	case ResultSucceeded:
	case StepMaybe:
		would += "; its result " + h.Reason
	default:
		would += "; its result would be " + h.Result + ": " + h.Reason
	}
	return shorten(would, maxReason)
}

// RehearsedStep is a step of a rehearsal. It is planned if it would succeed. [92]
type RehearsedStep struct {
	StepRecord
	// Depends are the steps whose outputs decide what becomes of it.
	Depends []string `json:"depends,omitempty"`
}

// Succeeds is how commands end if they succeed and print what is known of their
// steps.
func Succeeds(outputs map[string]string) func(step string, attempt int) StepEnd {
	return func(step string, _ int) StepEnd {
		text, known := outputs[step]
		return StepEnd{Status: StepSucceeded, InvocationStatus: "Success", ExitCode: new(int64), Output: text, Unprinted: !known}
	}
}

// Rehearse plays a run without doing anything. Ends returns how each attempt of
// a step's command ends; with an empty status it does not end until it is
// stopped. The next boot comes at once for a step that waits for it, unless
// ends returns an empty status for that step: then the boot never comes.
//
// The ways that the run can take are played side by side, step by step, and
// joined where they meet again. [93]
func Rehearse(d Definition, ev Event, in Instance, depth int, now time.Time, ends func(step string, attempt int) StepEnd) Rehearsal {
	h := &rehearsing{ends: ends, fates: map[string][]fate{}, own: map[string][]unknownPart{}, marks: map[string]string{}}
	first := way{run: NewRun("rehearsal", d, ev, depth), m: Moment{Now: now, Instance: in, guessed: h.guess}}
	first.run.Begin(first.held())
	h.ways = []way{first}
	for h.next() {
	}
	for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
		if step := h.step(s); step.Status != "" {
			h.Steps = append(h.Steps, step)
		}
	}
	h.conclude(now)
	return h.Rehearsal
}

// fate is what becomes of a step on a way; its record is zero if the way passes
// the step by.
type fate struct {
	StepRecord
	of, by []string // the way's
	here   bool     // the way comes to the step
}

func (w way) fate(id string, here bool) fate {
	f := fate{of: w.of, by: w.by, here: here}
	for _, rec := range w.run.Steps {
		if rec.ID == id {
			f.StepRecord = rec
		}
	}
	return f
}

// step sums up what becomes of a step on all ways. The status is empty if none
// of them has it. [92]
func (h *rehearsing) step(s Step) RehearsedStep {
	out := RehearsedStep{StepRecord: StepRecord{ID: s.ID, Kind: s.Kind()}}
	fates := h.fates[s.ID]
	if fates == nil && h.lost != nil {
		out.Status, out.Depends = StepMaybe, h.lost
		out.Reason = dependsOn(h.lost) + ": the run can come here in too many ways"
		return out
	}
	if fates == nil { // no way came to it, but some may have jumped over it
		for _, w := range h.ways {
			fates = append(fates, w.fate(s.ID, false))
		}
	}
	var statuses []string
	for _, f := range fates {
		statuses = union(statuses, []string{f.Status})
		if f.Status != "" {
			out.Status, out.Reason, out.Attempts = f.Status, f.Reason, f.Attempts
		}
	}
	switch {
	case len(statuses) > 1 && !slices.Equal(statuses, []string{"", StepSkipped}):
		out.Status, out.Attempts = StepMaybe, 0
		out.Reason, out.Depends = h.why(s.ID, fates)
	case out.Status == StepSucceeded:
		out.Status, out.Reason = StepPlanned, ""
	}
	return out
}

// why says what it depends on whether a step begins, and how it ends.
func (h *rehearsing) why(id string, fates []fate) (reason string, of []string) {
	var parts, here, away, reach []string
	for _, own := range h.own[id] {
		of = union(of, own.of)
		if !slices.Contains(parts, own.text) {
			parts = append(parts, own.text)
		}
	}
	straight, parted := false, false
	for _, f := range fates {
		reach = union(reach, f.of)
		if f.here {
			here, straight = append(here, f.by...), straight || f.by == nil
		} else {
			away, parted = append(away, f.by...), true
		}
	}
	turns := "only if " + either(here)
	if straight {
		turns = "unless " + either(away)
	}
	switch {
	case parted:
		parts = append(parts, turns+", which "+dependsOn(reach))
	case parts == nil: // the run comes here at different times
		parts = append(parts, dependsOn(reach))
	}
	return strings.Join(parts, "; "), union(of, reach)
}

// either lists alternatives in a sentence, each once.
func either(texts []string) string {
	var once []string
	for _, text := range texts {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return strings.Join(once, " or ")
}

// conclude says how the run ends.
func (h *rehearsing) conclude(now time.Time) {
	var pairs []string
	for mark, text := range h.marks {
		pairs = append(pairs, mark, "("+text+")")
	}
	say := strings.NewReplacer(pairs...).Replace
	for i := range h.Actions {
		a := &h.Actions[i]
		a.Alert = say(a.Alert)
		for name, value := range a.parameters() {
			a.parameters()[name] = say(value)
		}
	}
	var all []ending
	for _, w := range h.ways {
		h.Took = max(h.Took, w.m.Now.Sub(now))
		all = append(all, w.endings...)
	}
	var ways []string
	otherwise := ""
	for _, e := range all {
		h.Depends = union(h.Depends, e.of)
		switch {
		case e.by != nil:
			ways = append(ways, e.result+" if "+either(e.by))
		case otherwise == "":
			otherwise = "otherwise " + e.result
		}
	}
	if otherwise != "" {
		ways = append(ways, otherwise)
	}
	switch differ := func(e ending) bool { return e.result != all[0].result }; {
	case h.lost != nil:
		h.Result, h.Reason, h.Depends = StepMaybe, dependsOn(h.lost), h.lost
	case slices.ContainsFunc(all, differ):
		h.Result, h.Reason = StepMaybe, dependsOn(h.Depends)+": "+strings.Join(ways, ", ")
	default:
		h.Result, h.Reason, h.Depends = all[0].result, all[0].reason, nil
	}
}
