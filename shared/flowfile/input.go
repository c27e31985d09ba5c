package flowfile

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"aftercare/shared/flow"
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
	whole, _ := json.Marshal(p.Definition) // it was read from YAML
	for _, name := range slices.Sorted(maps.Keys(p.Inputs)) {
		at, input := path+"."+name, p.Inputs[name]
		if input.Type == "" {
			input.Type = flow.InputText
		}
		p.Inputs[name] = input
		if name := regexp.QuoteMeta(name); !regexp.MustCompile(`\binputs\s*(?:\??\.\s*` + name + `\b|\[\s*\\?["']` + name + `\\?["'])`).Match(whole) {
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
}
