package flow

import (
	"slices"
	"strings"
	"time"
)

// Rehearsal is what a run would do, as far as that is known beforehand. [90]
type Rehearsal struct {
	// Result is how the run would end, or StepMaybe. Reason says why, or what it
	// depends on.
	Result string `json:"result"`
	Reason string `json:"reason"`
	// Steps are those that the run would or may begin or skip, in order. A step that
	// would succeed is planned. [92]
	Steps []StepRecord `json:"steps"`
	// Depends are the steps whose outputs decide the result.
	Depends []string `json:"depends,omitempty"`
	// Actions are the commands and alerts that the run would or may ask for, each
	// once. A text says what its unknown parts depend on.
	Actions []Action `json:"actions,omitempty"`
	// Took is how long the run's own waits and backoffs would take at most.
	Took Duration `json:"waits,omitempty"`
}

// String says in one line what would happen. [56]
func (h Rehearsal) String() string {
	const runs = "it would have run"
	parts, at := []string{runs + " no step"}, map[string]int{}
	add := func(heading, step string) {
		switch i, known := at[heading]; {
		case known:
			parts[i] += ", " + step
		case heading == runs:
			parts[0], at[heading] = heading+": "+step, 0
		default:
			parts, at[heading] = append(parts, heading+": "+step), len(parts)
		}
	}
	for _, s := range h.Steps {
		switch name := s.ID + " (" + s.Kind + ")"; {
		case s.Status == StepSkipped, s.Status == StepInvalid && strings.Contains(h.Reason, s.Reason): // the result says it
		case s.Status == StepMaybe:
			add(dependsOn(s.Depends), name)
		case s.Status == StepInvalid:
			add("would end as invalid", s.ID+" ("+s.Reason+")")
		default:
			add(runs, name)
		}
	}
	switch h.Result {
	case ResultSucceeded:
	case StepMaybe:
		parts = append(parts, "its result "+h.Reason)
	default:
		parts = append(parts, "its result would be "+h.Result+": "+h.Reason)
	}
	return Shorten(strings.Join(parts, "; "), maxReason)
}

// Succeeds is how commands end if they succeed and print what is known of their
// steps.
func Succeeds(outputs map[string]string) func(step string, attempt int) StepEnd {
	return func(step string, _ int) StepEnd {
		text, known := outputs[step]
		return StepEnd{Status: StepSucceeded, InvocationStatus: "Success", ExitCode: new(int64), Output: text, Unprinted: !known}
	}
}

const (
	// maxInputs bounds a course; a run has at most 30 steps of 11 attempts.
	maxInputs = 1000
	// maxCourses is how many courses a rehearsal follows, and maxDecisions how many
	// decisions on each. [93]
	maxCourses   = 150
	maxDecisions = 6
)

// Rehearse plays a run without doing anything. Ends returns how each attempt of
// a step's command ends; with an empty status it does not end until it is
// stopped. The next boot comes at once for a step that waits for it, unless
// ends returns an empty status for that step: then the boot never comes.
//
// Where it depends on something unknown what the run does, each answer is a course
// of its own. What is the same on all courses is known. [93]
func Rehearse(d Definition, ev Event, in Instance, depth int, now time.Time, ends func(step string, attempt int) StepEnd) (out Rehearsal) {
	var all courses
	for g := range guesses() {
		g.unprinted, g.event = map[string]bool{}, d.CaptureEvent && !ev.Captured
		c := course{guess: g, run: NewRun("rehearsal", d, ev, depth), fates: map[string]StepRecord{}}
		c.play(Moment{Now: now, Instance: in, guess: g}, ends)
		all.list = append(all.list, c)
		out.Took = max(out.Took, Duration(c.took))
	}
	all.compare()
	for i, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
		rec := all.sum(s.ID, i >= len(d.Steps) && i < len(d.Steps)+len(d.OnFailure))
		if rec.ID, rec.Kind = s.ID, s.Kind(); rec.Status != "" {
			out.Steps = append(out.Steps, rec)
		}
		out.Actions = append(out.Actions, all.actions(s.ID)...)
	}
	result := all.sum("", false)
	out.Result, out.Reason, out.Depends = result.Status, result.Reason, result.Depends
	return out
}

// course is a run as it may be.
type course struct {
	guess   *guess
	run     Run
	actions []Action
	took    time.Duration
	// fates are what becomes of steps, and under "" the result. Steps that the run
	// passes by have none.
	fates map[string]StepRecord
	// turn says where the run ended but behind its last step.
	turn string
}

// play plays the run to its end.
func (c *course) play(m Moment, ends func(step string, attempt int) StepEnd) {
	r, begun := &c.run, m.Now
	todo := r.Begin(m)
	for i := 0; i < maxInputs && (len(todo) > 0 || !r.Ended); i++ {
		switch {
		case len(todo) > 0:
			a := todo[0]
			todo = todo[1:]
			end := StepEnd{Status: StepTerminated, InvocationStatus: "Terminated", Reason: "it was stopped", Unprinted: true}
			if !a.Cancel {
				c.actions = append(c.actions, a)
				if end = (StepEnd{}); a.Alert == "" {
					end = ends(a.Step, a.Attempt)
				}
			}
			if s := r.Current(); end.Status != "" {
				c.guess.unprinted[a.Step] = end.Unprinted && s != nil && s.Capture
				todo = append(todo, r.CommandEnded(a.Step, a.Attempt, end, m)...)
			}
		case r.Pending.State == PendingBoot && ends(r.Current().ID, 1).Status != "":
			m.Instance.BootSeq++
			m.Instance.BootTime = m.Now
			todo = r.Advance(m)
		default:
			m.Now = r.Due()
			todo = r.Advance(m)
		}
	}
	c.took = m.Now.Sub(begun)
	c.end()
}

// end notes what became of the steps. Behind the decision that was not followed,
// that is unknown.
func (c *course) end() {
	if !c.run.Ended {
		c.run.Reason = "it does not end"
	}
	c.fates[""] = StepRecord{Status: c.run.Result, Reason: c.run.Reason}
	for _, rec := range c.run.Steps {
		c.fates[rec.ID] = StepRecord{Status: rec.Status, Reason: rec.Reason, Attempts: rec.Attempts}
		switch {
		case c.turn != "":
		case rec.Kind == KindStop && rec.Status == StepSucceeded:
			c.turn = "step " + rec.ID + " ends the run"
		case rec.ID == c.run.FailedStep:
			c.turn = "step " + rec.ID + " ends as " + rec.Status
		}
	}
	if c.turn == "" && c.run.Result != ResultSucceeded {
		c.turn = c.run.Reason
	}
	d, lost := c.run.Definition, false
	for _, s := range slices.Concat(d.Steps, d.OnFailure, d.Finally) {
		if lost = lost || s.ID == c.guess.lost; lost {
			c.fates[s.ID], c.fates[""] = StepRecord{Status: StepMaybe}, StepRecord{Status: StepMaybe}
		}
	}
}

// courses are those that a run may take.
type courses struct {
	list []course
	// pairs differ in nothing but one decision.
	pairs []pair
}

type pair struct {
	a, b course
	decision
}

func (all *courses) compare() {
	for i, a := range all.list {
		for _, b := range all.list[:i] {
			var differ []decision
			for _, d := range a.guess.made {
				if slices.ContainsFunc(b.guess.made, func(o decision) bool { return o.answer != d.answer && o.key == d.key }) {
					differ = append(differ, d)
				}
			}
			if len(differ) == 1 {
				all.pairs = append(all.pairs, pair{a, b, differ[0]})
			}
		}
	}
}

// sum says what becomes of a step on all courses, or what that depends on; without
// an id, of the result. Failing: the step is one of onFailure. [92]
func (all *courses) sum(id string, failing bool) (out StepRecord) {
	var statuses, here, away, skipped []string
	for _, c := range all.list {
		rec := c.fates[id]
		statuses = union(statuses, []string{rec.Status})
		switch {
		case id == "" && c.turn != "":
			here = union(here, []string{rec.Status + " if " + c.turn})
		case id == "":
			away = union(away, []string{"otherwise " + rec.Status})
		case rec.Status == "":
			away = union(away, []string{c.turn})
		default:
			here = union(here, []string{c.turn})
		}
		if rec.Status == StepSkipped {
			skipped = union(skipped, []string{rec.Reason})
		}
		if out.Status == "" {
			out = rec
		}
	}
	switch {
	case slices.Equal(statuses, []string{"", StepSkipped}):
		return out
	case len(statuses) == 1 && out.Status != StepMaybe:
		if out.Status == StepSucceeded && id != "" {
			return StepRecord{Status: StepPlanned, Attempts: out.Attempts}
		}
		return out
	}
	out = StepRecord{Status: StepMaybe}
	var own, of, before, parts []string
	for _, p := range all.pairs {
		switch {
		case p.a.fates[id].Status == p.b.fates[id].Status:
		case p.step == id:
			own, of = union(own, []string{p.text}), union(of, p.of)
		default:
			before = union(before, p.of)
		}
	}
	if out.Depends = union(of, before); own != nil {
		parts = append(parts, dependsOn(of)+" ("+strings.Join(own, ", ")+")")
	}
	switch {
	case slices.Contains(statuses, StepMaybe):
		for _, c := range all.list {
			out.Depends = union(out.Depends, c.guess.of())
		}
		parts = []string{dependsOn(out.Depends) + ": the run can take too many courses"}
	case id == "":
		before, text := "", dependsOn(out.Depends)
		for _, way := range append(here, away...) {
			result, turn, _ := strings.Cut(way, " if ")
			switch {
			case before == "":
				text += ": " + way
			case before == result:
				text += " or " + turn
			default:
				text += ", " + way
			}
			before = result
		}
		parts = []string{text}
	case away != nil && failing:
		parts = append(parts, "only if "+strings.Join(here, " or ")+", which "+dependsOn(before))
	case away != nil:
		parts = append(parts, "unless "+strings.Join(away, " or ")+", which "+dependsOn(before))
	case own == nil:
		parts = []string{strings.TrimSuffix(dependsOn(before)+"; it may be skipped, "+strings.Join(skipped, " or "), "; it may be skipped, ")}
	}
	out.Reason = strings.Join(parts, "; ")
	return out
}

// actions are those of a step, each once. What differs on other courses says what
// it depends on.
func (all *courses) actions(id string) (out []Action) {
	for _, c := range all.list {
		for _, a := range c.actions {
			if a.Step != id || c.fates[id].Status == StepMaybe {
				continue
			}
			i := slices.IndexFunc(out, func(o Action) bool { return o.Attempt == a.Attempt })
			if i < 0 {
				out = append(out, a)
				continue
			}
			open := "(" + dependsOn(c.guess.of()) + ")"
			known := out[i].Parameters()
			for name, value := range a.Parameters() {
				if known[name] != value {
					known[name] = open
				}
			}
			if out[i].Alert != a.Alert {
				out[i].Alert = open
			}
		}
	}
	return out
}
