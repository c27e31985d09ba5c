package flow

import (
	"maps"
	"slices"
	"strings"
)

// WhyNot returns why a flow is not for an instance, empty if it is, and the
// values of instance.* that it read. Nil is for every instance. [44]
func (of *Instances) WhyNot(in Instance) (why string, saw []Value) {
	for _, d := range of.demands(in) {
		saw = append(saw, Value{Name: written("instance\x00" + d.name), Value: shown(d.value)})
		value, said := d.value.(string)
		switch {
		case !said && d.known:
			return "instances: there is no " + strings.TrimPrefix(d.what, "the ") + ", the flow is for " + quoted(d.want), saw
		case !said:
			return "instances: " + d.what + " is not known yet", saw
		case !slices.ContainsFunc(d.want, func(pattern string) bool { return Fits(pattern, value) }):
			return "instances: " + d.what + " is " + shown(value) + ", the flow is for " + quoted(d.want), saw
		}
	}
	return "", saw
}

// Words lists what an instance must be, for people.
func (of *Instances) Words() (list []string) {
	for _, d := range of.demands(Instance{}) {
		list = append(list, d.what+" is "+quoted(d.want))
	}
	return list
}

// demand is what one value of an instance must be: it fits one of the patterns.
type demand struct {
	name, what string
	want       []string
	value      any  // a text; nil if ECS did not say
	known      bool // ECS has said what there is
}

func (of *Instances) demands(in Instance) (list []demand) {
	if of == nil {
		return nil
	}
	if of.OS != "" {
		list = append(list, demand{name: "os", what: "os", want: []string{of.OS}, value: known(in.OS)})
	}
	for _, key := range slices.Sorted(maps.Keys(of.Tags)) {
		d := demand{name: "tags\x00" + key, what: "the tag " + key, want: of.Tags[key], known: in.Tags != nil}
		if value, ok := in.Tags[key]; ok {
			d.value = value
		}
		list = append(list, d)
	}
	if len(of.Name) > 0 {
		list = append(list, demand{name: "name", what: "name", want: of.Name, value: known(in.Name)})
	}
	return list
}

// quoted lists patterns with "or".
func quoted(patterns []string) string {
	list := make([]string, len(patterns))
	for i, p := range patterns {
		list[i] = shown(p)
	}
	return Shorten(strings.Join(list, " or "), 200)
}

// Fits reports whether a pattern fits a whole text. The text may be a pattern
// itself: its * is only fitted by a *, so the pattern then fits all that it fits.
func Fits(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	// star is where the last * stands, and tried how much of the text is tried
	// behind it.
	star, tried := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, tried = i, j
			i++
		case i < len(p) && (p[i] == t[j] || p[i] == '?' && t[j] != '*'):
			i, j = i+1, j+1
		case star >= 0:
			tried++
			i, j = star+1, tried
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}
