package flowfile

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// placedFlow is a flow with its place in the file.
type placedFlow struct {
	*flow.Definition
	path  string
	lists []*stepList
	// sound: its name, on and when are sound, so that flow.Starters can use it.
	sound bool
	// known is what holds in all of its runs.
	known []fact
}

// stepList is one of a flow's lists of steps: steps, onFailure or finally. A
// borrowed list is in the defaults, not in the flow.
type stepList struct {
	key, path string
	steps     []flow.Step
	borrowed  bool
}

// complete fills in what the file's flows leave out. [5]
func (r *reader) complete(f *file) []*placedFlow {
	var from defaults
	if f.Defaults != nil {
		if t := f.Defaults.Step.Retry; t != nil {
			yamlfile.Fill(reflect.ValueOf(t).Elem())
		}
		from = *f.Defaults
	}
	var flows []*placedFlow
	for i := range f.Flows {
		p := &placedFlow{Definition: &f.Flows[i], path: fmt.Sprintf("flows[%d]", i)}
		if !r.Sound(p.path) {
			continue
		}
		r.completeFlow(p, &from)
		flows = append(flows, p)
	}
	return flows
}

func (r *reader) completeFlow(p *placedFlow, from *defaults) {
	d := p.Definition
	if !r.Said(p.path+".limits.perInstance") && !r.Said("defaults.limits.perInstance") {
		d.Limits.PerInstance = flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)}
	}
	r.Inherit(reflect.ValueOf(d).Elem(), reflect.ValueOf(from).Elem(), p.path, "defaults", "Limits")
	r.Inherit(reflect.ValueOf(&d.Limits).Elem(), reflect.ValueOf(from.Limits), p.path+".limits", "defaults.limits")
	yamlfile.Fill(reflect.ValueOf(d).Elem())
	for _, l := range []*stepList{{key: "steps", steps: d.Steps}, {key: "onFailure", steps: d.OnFailure}, {key: "finally", steps: d.Finally}} {
		l.path = p.path + "." + l.key
		if !r.Said(l.path) && l.steps != nil {
			l.path, l.borrowed = "defaults."+l.key, true
		}
		for i := range l.steps {
			r.completeStep(&l.steps[i], l, i, d.Name, from)
		}
		p.lists = append(p.lists, l)
	}
}

func (r *reader) completeStep(s *flow.Step, l *stepList, i int, flowName string, from *defaults) {
	path := l.at(i)
	if s.OnFailure == "" && l.key == "finally" {
		s.OnFailure = flow.FailureContinue
	}
	if s.Run != nil || s.Invoke != nil {
		if s.OnFailure == "" {
			s.OnFailure = from.Step.OnFailure
		}
		r.Inherit(reflect.ValueOf(s).Elem(), reflect.ValueOf(from.Step), path, "defaults.step", "OnFailure")
		if s.Retry == nil {
			s.Retry = &flow.Retry{}
		}
	}
	if s.OnFailure == "" {
		s.OnFailure = flow.FailureStop
	}
	if s.Run != nil {
		r.Inherit(reflect.ValueOf(s.Run).Elem(), reflect.ValueOf(from.Run), path+".run", "defaults.run")
		if !r.Said(path + ".run.name") {
			s.Run.Name = flowName + "/" + s.ID
		}
	}
	yamlfile.Fill(reflect.ValueOf(s).Elem())
}

// at is the path of a step.
func (l *stepList) at(i int) string { return l.path + "[" + strconv.Itoa(i) + "]" }
