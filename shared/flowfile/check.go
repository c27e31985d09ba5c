package flowfile

import (
	"fmt"
	"regexp"
	"slices"

	"aftercare/shared/flow"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// How many steps a flow may have. [7]
const (
	maxSteps    = 20
	maxAllSteps = 30
	maxAlerts   = 5
	maxCaptures = 5
)

// check finds what is wrong with a file whose keys and values are all read.
func (r *reader) check(f *file, flows []*placedFlow) {
	if d := f.Defaults; d != nil {
		r.windows(d.Windows, "defaults.windows")
		r.instances(d.Instances, "defaults.instances")
		r.retry(d.Step.Retry, "defaults.step.retry")
		r.runDefaults(d.Run)
	}
	names := map[string]yamlfile.Position{}
	borrowed := map[string]bool{}
	for _, p := range flows {
		r.Once(p.path+".name", p.Name, "a flow's name", names)
		r.flow(p, borrowed)
	}
	r.unusedDefaults(f, borrowed)
	r.cycles(flows)
}

// unusedDefaults checks the steps of defaults that no flow uses.
func (r *reader) unusedDefaults(f *file, borrowed map[string]bool) {
	if f.Defaults == nil {
		return
	}
	nobody := &placedFlow{Definition: &flow.Definition{}, path: "defaults"}
	for _, l := range []*stepList{{key: "onFailure", steps: f.Defaults.OnFailure}, {key: "finally", steps: f.Defaults.Finally}} {
		l.path = "defaults." + l.key
		if l.steps == nil || borrowed[l.path] {
			continue
		}
		for i := range l.steps {
			r.completeStep(&l.steps[i], l, i, "", f.Defaults)
		}
		nobody.lists = append(nobody.lists, l)
	}
	r.ids(nobody)
	for _, l := range nobody.lists {
		r.stepsOf(nobody, l)
	}
	r.scopes(nobody)
}

func (r *reader) windows(w *timetable.Windows, path string) {
	if w != nil {
		r.hinted(path+".timeZone", "", "zone")
		for i, open := range w.Open {
			if open.From == open.To && open.From != "" && open.From != "00:00" {
				r.Warn(r.Place(fmt.Sprintf("%s.open[%d]", path, i)), "this window is open for a whole day, from %s on: write another to, or 00:00 for both", open.From)
			}
		}
		r.Windows(w.Open, path+".open")
		r.calendar(w, path)
	}
}

// regular is what looks like another kind of pattern than those of instances.
var regular = regexp.MustCompile(`^[\^!~/]|\$$|\.[*+]|[|,\[{%]|^ | $|^i-[a-z0-9]{10,}$`)

// instances finds a mapping that says nothing. [44]
func (r *reader) instances(of *flow.Instances, path string) {
	switch {
	case of == nil || !r.Whole(path):
		return
	case r.Said(path+".tags") && len(of.Tags) == 0:
		r.Add(r.Place(path+".tags"), "tags is empty: write the tag's name and what it must be, such as role: web")
	case len(of.Words()) == 0:
		r.Add(r.Place(path), "instances is empty: write tags, os or name under it, or remove the key")
	}
	wild := func(path string, patterns []string) {
		for _, pattern := range patterns {
			if regular.MatchString(pattern) {
				r.Warn(r.Key(path), "only * and ? are placeholders, and the rest of %q is taken as it is: write a list for alternatives, such as [web, api-*], and an id as instance.id in when", pattern)
			}
		}
	}
	wild(path+".name", of.Name)
	for tag, patterns := range of.Tags {
		wild(path+".tags."+tag, patterns)
	}
}

// flow checks one flow. Borrowed holds the lists of the defaults that were
// checked with another flow.
func (r *reader) flow(p *placedFlow, borrowed map[string]bool) {
	if r.Said(p.path + ".windows") {
		r.windows(p.Windows, p.path+".windows")
	} else {
		r.calendar(p.Windows, "defaults.windows")
	}
	if r.Said(p.path + ".instances") {
		r.instances(p.Instances, p.path+".instances")
	}
	if at := p.path + ".captureEvent"; p.CaptureEvent && r.Sound(p.path+".on") && !slices.Equal(p.On, []string{flow.TaskCompleted}) {
		r.Add(r.Place(at), "captureEvent is only for flows on task-completed alone: other events come from no command")
	} else if p.CaptureEvent && !p.reads("event", "output") {
		r.Warn(r.Key(at), "nothing in the flow reads event.output: remove captureEvent, or read it")
	}
	p.sound = r.Sound(p.path + ".name")
	r.inputs(p)
	r.schedule(p)
	if !r.Sound(p.path + ".on") {
		p.On, p.sound = nil, false
	}
	known := slices.Concat(started(p.On), facts(p.Instances))
	if r.Said(p.path + ".when") {
		scope, ok := flow.Scope{On: p.On, InFlow: true, Inputs: p.Inputs, Output: p.CaptureEvent}, false
		known, ok = r.condition(p.path+".when", place{Scope: scope, given: append(known, beginning()...)})
		p.sound = p.sound && ok
	}
	p.known = lasting(known)
	r.counts(p)
	r.ids(p)
	for _, l := range p.lists {
		if !l.borrowed || !borrowed[l.path] {
			borrowed[l.path] = true
			r.stepsOf(p, l)
		}
		r.times(p, l)
	}
	r.scopes(p)
	if p.sound {
		r.probably(p)
	}
}

// counts finds too many steps, alerts or captures in a flow. [7]
func (r *reader) counts(p *placedFlow) {
	all, alerts, captures := 0, 0, 0
	for _, l := range p.lists {
		if l.key == "steps" && len(l.steps) > maxSteps {
			r.Add(r.Place(l.at(maxSteps)), "this is step %d: a flow has at most %d", maxSteps+1, maxSteps)
		}
		for i, s := range l.steps {
			all++
			if all == maxAllSteps+1 {
				r.addFor(p, l, l.at(i), "this is step %d of the flow: it has at most %d with those of onFailure and finally", all, maxAllSteps)
			}
			if s.Alert != "" {
				if alerts++; alerts == maxAlerts+1 {
					r.addFor(p, l, l.at(i)+".alert", "this is alert %d of the flow: it has at most %d", alerts, maxAlerts)
				}
			}
			if s.Capture {
				if captures++; captures == maxCaptures+1 {
					r.addFor(p, l, l.at(i)+".capture", "this is step %d of the flow that captures: at most %d do; write capture: false where it is not needed", captures, maxCaptures)
				}
			}
		}
	}
}

// addFor adds a mistake of one flow. If the step is in the defaults, the mistake
// is at the flow's name and says so.
func (r *reader) addFor(p *placedFlow, l *stepList, path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !l.borrowed {
		r.Add(r.Place(path), "%s", text)
		return
	}
	r.Add(r.Place(p.path+".name"), "with the steps of %s in line %d: %s", l.path, r.Place(path).Line, text)
}

// ids finds step ids that appear twice in the flow.
func (r *reader) ids(p *placedFlow) {
	seen, seenIn := map[string]yamlfile.Position{}, map[string]*stepList{}
	for _, l := range p.lists {
		for i, s := range l.steps {
			path := l.at(i) + ".id"
			if s.ID == flow.FailureStop || s.ID == flow.FailureContinue {
				r.Add(r.Place(path), "a step cannot be called %s, which means something else after onFailure: rename it", s.ID)
				continue
			}
			if other := seenIn[s.ID]; other != nil && l.borrowed && !other.borrowed {
				r.Add(seen[s.ID], "the step %s of %s, in line %d, has this id, too: rename one", s.ID, l.path, r.Place(path).Line)
				continue
			}
			r.Once(path, s.ID, "a step's id", seen)
			if seenIn[s.ID] == nil {
				seenIn[s.ID] = l
			}
		}
	}
}
