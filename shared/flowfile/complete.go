package flowfile

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/flow"
)

// placedFlow is a flow with its place in the file.
type placedFlow struct {
	*flow.Definition
	path  string
	lists []*stepList
	// sound: its name, on and when are sound, so that flow.Starters can use it.
	sound bool
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
			fill(reflect.ValueOf(t).Elem())
		}
		from = *f.Defaults
	}
	var flows []*placedFlow
	for i := range f.Flows {
		p := &placedFlow{Definition: &f.Flows[i], path: fmt.Sprintf("flows[%d]", i)}
		if !r.sound(p.path) {
			continue
		}
		r.completeFlow(p, &from)
		flows = append(flows, p)
	}
	return flows
}

func (r *reader) completeFlow(p *placedFlow, from *defaults) {
	d := p.Definition
	if !r.said(p.path+".limits.perInstance") && !r.said("defaults.limits.perInstance") {
		d.Limits.PerInstance = flow.InstanceLimit{Max: 30, Window: flow.Duration(time.Hour)}
	}
	r.inherit(reflect.ValueOf(d).Elem(), reflect.ValueOf(from).Elem(), p.path, "defaults")
	fill(reflect.ValueOf(d).Elem())
	for _, l := range []*stepList{{key: "steps", steps: d.Steps}, {key: "onFailure", steps: d.OnFailure}, {key: "finally", steps: d.Finally}} {
		l.path = p.path + "." + l.key
		if !r.said(l.path) && l.steps != nil {
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
		r.inherit(reflect.ValueOf(s).Elem(), reflect.ValueOf(from.Step), path, "defaults.step")
		if s.Retry == nil {
			s.Retry = &flow.Retry{}
		}
	}
	if s.OnFailure == "" {
		s.OnFailure = flow.FailureStop
	}
	if s.Run != nil {
		r.inherit(reflect.ValueOf(s.Run).Elem(), reflect.ValueOf(from.Run), path+".run", "defaults.run")
		if !r.said(path + ".run.name") {
			s.Run.Name = flowName + "/" + s.ID
		}
	}
	fill(reflect.ValueOf(s).Elem())
}

// at is the path of a step.
func (l *stepList) at(i int) string { return l.path + "[" + strconv.Itoa(i) + "]" }

// inherit copies the defaults into what a flow, a step or a run leaves out.
func (r *reader) inherit(to, from reflect.Value, path, fromPath string) {
	for _, k := range r.keysOf(from.Type()) {
		own, other := to.FieldByName(k.field), from.FieldByName(k.field)
		switch {
		case !own.IsValid() || k.field == "OnFailure" && own.Kind() == reflect.String:
		case k.field == "Limits": // its keys count one by one
			r.inherit(own, other, join(path, k.name), join(fromPath, k.name))
		case !r.said(join(path, k.name)) && r.said(join(fromPath, k.name)):
			own.Set(clone(other))
		}
	}
}

// clone copies a value with all that it points to.
func clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(clone(v.Elem()))
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(clone(v.Index(i)))
		}
	case v.Kind() == reflect.Map && !v.IsNil():
		out.Set(reflect.MakeMap(v.Type()))
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), it.Value())
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(clone(v.Field(i)))
		}
	}
	return out
}

// fill sets fields that are still zero to the default of their tag, in a struct
// and the structs in it, but not in lists.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		f, fallback := v.Field(i), v.Type().Field(i).Tag.Get("default")
		switch {
		case f.Kind() == reflect.Pointer && !f.IsNil():
			fill(f.Elem())
		case f.Kind() == reflect.Struct:
			fill(f)
		case fallback != "" && f.IsZero():
			set(f, fallback)
		}
	}
}

// set sets a field to the text of a tag.
func set(f reflect.Value, text string) {
	switch {
	case f.Type() == durationType:
		d, _ := time.ParseDuration(text)
		f.SetInt(int64(d))
	case f.Kind() == reflect.Slice:
		f.Set(reflect.ValueOf(strings.Fields(text)))
	case f.Kind() == reflect.String:
		f.SetString(text)
	default:
		n, _ := strconv.Atoi(text)
		f.Set(reflect.ValueOf(n).Convert(f.Type()))
	}
}
