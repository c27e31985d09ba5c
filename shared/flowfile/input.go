package flowfile

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/timetable"
)

// inputs completes and checks the inputs of a flow. [48] [49]
func (r *reader) inputs(p *placedFlow) {
	path := p.path + ".inputs"
	if !r.Sound(path) {
		return
	}
	byHand, other := slices.Contains(p.On, flow.Manual), len(p.On) > 1 || !slices.Contains(p.On, flow.Manual)
	switch {
	case len(p.Inputs) > flow.MaxInputs:
		r.Add(r.Place(path), "the flow has %d inputs: at most %d are allowed", len(p.Inputs), flow.MaxInputs)
	case !byHand && r.Sound(p.path+".on"):
		r.Add(r.Key(path), "inputs are for flows that people start: add manual to on, or remove them")
	}
	for _, name := range slices.Sorted(maps.Keys(p.Inputs)) {
		at, input := path+"."+name, p.Inputs[name]
		if input.Type == "" {
			input.Type = flow.InputText
		}
		p.Inputs[name] = input
		if !p.reads("inputs", name) {
			r.Warn(r.Key(at), "nothing in the flow reads this input: write inputs[%q] where it is needed, or remove it", name)
		}
		switch {
		case !r.Whole(at):
			continue
		case input.Pattern != "" && input.Type != flow.InputText:
			r.Add(r.Key(at+".pattern"), "pattern is only for texts: remove it, or write type: text")
		case input.Default == nil && byHand && other && r.Sound(p.path+".on"):
			r.Add(r.Key(at), "the input %s needs a default: an event that starts the flow gives none", name)
		case input.Default != nil:
			if mistake := input.Wrong(*input.Default); mistake != "" {
				r.Add(r.Place(at+".default"), "default %s", mistake)
			}
		}
	}
}

// reads reports whether anything in a flow reads a value.
func (p *placedFlow) reads(root, name string) bool {
	whole, _ := json.Marshal(p.Definition) // it was read from YAML
	name = regexp.QuoteMeta(name)
	return regexp.MustCompile(`\b` + root + `\s*(?:\??\.\s*` + name + `\b|\[\s*\\?["']` + name + `\\?["'])`).Match(whole)
}

// schedule checks that a flow on schedule says when and where. [63]
func (r *reader) schedule(p *placedFlow) {
	if !r.Sound(p.path + ".on") {
		return
	}
	switch timed := slices.Contains(p.On, flow.Scheduled); {
	case timed && !r.Said(p.path+".schedule"):
		r.Add(r.Place(p.path+".on"), "a flow on schedule needs the key schedule: write cron and timeZone under it")
	case !timed && r.Said(p.path+".schedule"):
		r.Add(r.Key(p.path+".schedule"), "schedule is for flows that a clock starts: add schedule to on, or remove it")
	case timed && p.Instances == nil && !r.Said(p.path+".instances"):
		r.Add(r.Place(p.path+".on"), "a flow on schedule needs the key instances, which says where it starts: write for example instances: {tags: {role: web}}, or {name: '*'} for all")
	}
	if p.Schedule != nil && r.Whole(p.path+".schedule") {
		r.hinted(p.path+".schedule.cron", "", "cron")
		r.hinted(p.path+".schedule.timeZone", "", "zone")
		r.ticks(p)
	}
}

// ticks warns of a schedule that ticks more often than the flow's limit allows, or never
// within its windows.
func (r *reader) ticks(p *placedFlow) {
	limit, at := p.Limits.PerInstance, r.Key(p.path+".schedule")
	window := time.Duration(limit.Window)
	inside := p.Windows == nil || !r.Whole(p.path+".windows")
	seen := map[string]bool{}
	var recent []time.Time
	for t := range p.Schedule.Clock() {
		if recent = append(recent, t); len(recent) > limit.Max && limit.Max > 0 {
			if first := recent[len(recent)-1-limit.Max]; t.Sub(first) <= window {
				r.Warn(at, "this ticks %d times within %s, but the limit perInstance lets %d runs begin, and a sweep may find a tick a minute late: "+
					"write a larger max or a shorter window", limit.Max+1, limit.Window, limit.Max)
				return
			}
			recent = recent[1:]
		}
		inside = inside || p.inWindow(t, seen)
	}
	if !inside && len(recent) > 0 {
		r.Warn(at, "no tick is within the windows of this flow: with outside: wait a run waits for the next one, with drop none begins; move the ticks or the windows")
	}
}

// inWindow reports whether a tick can begin a run at once, if such a tick was not seen
// before, and more than a thousand were not.
func (p *placedFlow) inWindow(tick time.Time, seen map[string]bool) bool {
	theirs, err := time.LoadLocation(p.Schedule.TimeZone)
	ours, wrong := time.LoadLocation(p.Windows.TimeZone)
	if err != nil || wrong != nil {
		return true
	}
	year, month, day := tick.Date()
	tick = time.Date(year, month, day, tick.Hour(), tick.Minute(), 0, 0, theirs)
	like := "Mon 15:04"
	if p.Windows.Days != nil {
		like = time.DateTime
	}
	like = tick.In(ours).Format(like)
	if seen[like] {
		return false
	}
	seen[like] = true
	now, _ := p.Windows.OpenUntil(tick)
	late, _ := p.Windows.OpenUntil(tick.Add(timetable.TickGrace))
	return len(seen) > 1000 || !now.IsZero() || !late.IsZero()
}
