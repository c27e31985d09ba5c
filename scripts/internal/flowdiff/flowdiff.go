// Package flowdiff compares two files of flows, flow by flow, in the words of the
// file. It knows a flow's keys by the tags of package flow alone, so that a key that
// is added there is compared here.
package flowdiff

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"aftercare/shared/flow"
)

// What became of a flow.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Flow is how one flow differs.
type Flow struct {
	Flow string `json:"flow"`
	What string `json:"what"`
	// GoesLive: it is live in the new file and not in the old one.
	GoesLive bool     `json:"goesLive,omitempty"`
	Changes  []Change `json:"changes,omitempty"`
}

// Change is one difference. Old or New is empty if the key is not there.
type Change struct {
	// Key is where it is, such as steps.two.when.
	Key string `json:"key"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// maxShown is how long values may be that are shown whole.
const maxShown = 60

// String says it in one line.
func (c Change) String() string {
	where, key := "", c.Key
	if parts := strings.SplitN(key, ".", 3); slices.Contains([]string{"steps", "onFailure", "finally"}, parts[0]) && len(parts) > 1 {
		where, key = "step "+parts[1], strings.Join(parts[2:], ".")
		if parts[0] != "steps" {
			where += " of " + parts[0]
		}
		if key != "" {
			where += ": "
		}
	}
	return where + key + c.how(key == "when")
}

func (c Change) how(condition bool) string {
	switch {
	case c.Old == "":
		return " added: " + shown(c.New)
	case c.New == "":
		return " removed, was " + shown(c.Old)
	case strings.Contains(c.Old+c.New, "\n"):
		return " " + lines(c.Old, c.New)
	case condition || len(c.Old)+len(c.New) > maxShown:
		return " was " + c.Old + ", is " + c.New
	}
	return " " + c.Old + " -> " + c.New
}

// shown is a value in one line.
func shown(value string) string {
	first, _, more := strings.Cut(strings.TrimSpace(value), "\n")
	if more {
		first += fmt.Sprintf(" … (%d lines)", strings.Count(strings.TrimSpace(value), "\n")+1)
	}
	return first
}

// lines says where two texts differ.
func lines(old, is string) string {
	a, b := strings.Split(strings.TrimSuffix(old, "\n"), "\n"), strings.Split(strings.TrimSuffix(is, "\n"), "\n")
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	line := func(list []string) string {
		if n < len(list) {
			return fmt.Sprintf("%q", list[n])
		}
		return "not there"
	}
	return fmt.Sprintf("differs from line %d on: was %s, is %s", n+1, line(a), line(b))
}

// Compare returns the flows that differ: those that go live first, the others in the
// order of the new file, and those that are removed last.
func Compare(old, is []flow.Definition) []Flow {
	before := map[string]flow.Definition{}
	for _, d := range old {
		before[d.Name] = d
	}
	var list []Flow
	for _, d := range is {
		was, known := before[d.Name]
		delete(before, d.Name)
		f := Flow{Flow: d.Name, What: Changed, GoesLive: d.Mode == flow.ModeLive && was.Mode != flow.ModeLive}
		if !known {
			f.What = Added
		} else if f.Changes = compare(was, d); f.Changes == nil {
			continue
		}
		list = append(list, f)
	}
	for _, d := range old {
		if _, gone := before[d.Name]; gone {
			list = append(list, Flow{Flow: d.Name, What: Removed})
		}
	}
	slices.SortStableFunc(list, func(a, b Flow) int { return rank(a) - rank(b) })
	return list
}

func rank(f Flow) int {
	if f.GoesLive {
		return 0
	}
	return 1
}

// compare lists how a flow changed, its mode first.
func compare(was, is flow.Definition) (changes []Change) {
	old, now := values(was), values(is)
	keys := slices.Concat(now.keys, slices.DeleteFunc(old.keys, func(key string) bool { _, there := now.of[key]; return there }))
	for _, key := range keys {
		c := Change{Key: key, Old: old.of[key], New: now.of[key]}
		if moved := strings.HasPrefix(key, theOrder); c.Old != c.New && (!moved || inOrder(c.Old, c.New) != inOrder(c.New, c.Old)) {
			changes = append(changes, c)
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(boolOf(b.Key == "mode"), boolOf(a.Key == "mode")) })
	return withoutParts(changes)
}

func boolOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// withoutParts leaves out the keys of what was added or removed as a whole, and the
// whole of what changed only in parts.
func withoutParts(changes []Change) (whole []Change) {
	parted := func(c Change) bool { return c.Old != "" && c.New != "" }
	for _, c := range changes {
		if !slices.ContainsFunc(changes, func(of Change) bool {
			return strings.HasPrefix(c.Key, of.Key+".") && !parted(of) || strings.HasPrefix(of.Key, c.Key+".") && parted(c)
		}) {
			whole = append(whole, c)
		}
	}
	return whole
}

// listed are the values of a flow by their keys, in the order of the file.
type listed struct {
	keys []string
	of   map[string]string
}

func (l *listed) add(key, value string) {
	if value != "" {
		l.keys, l.of[key] = append(l.keys, key), value
	}
}

func values(d flow.Definition) *listed {
	l := &listed{of: map[string]string{}}
	l.walk("", reflect.ValueOf(d))
	return l
}

// walk adds a value and what is in it. A part that a file can leave out has a value of
// its own, so that it is added or removed as a whole.
func (l *listed) walk(key string, v reflect.Value) {
	if v.IsZero() && v.Kind() != reflect.Struct {
		return
	}
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, _ := text.MarshalText()
		l.add(key, string(b))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Elem().Kind() == reflect.String { // an empty text is one, too
			l.add(key, cmp.Or(v.Elem().String(), `""`))
			return
		}
		l.add(key, brief(v.Elem()))
		l.walk(key, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "id" && name != "name" || key != "" && name == "name" {
				l.walk(under(key, name), v.Field(i))
			}
		}
	case reflect.Slice:
		l.list(key, v)
	case reflect.Map:
		for _, name := range slices.SortedFunc(maps.Keys(entries(v)), strings.Compare) {
			l.walk(under(key, name), entries(v)[name])
		}
	default:
		l.add(key, fmt.Sprint(v.Interface()))
	}
}

// list adds a list: steps by their ids, and in their order; anything else as a whole.
func (l *listed) list(key string, v reflect.Value) {
	var names []string
	steps, ok := v.Interface().([]flow.Step)
	for i := range v.Len() {
		names = append(names, brief(v.Index(i)))
	}
	if !ok {
		l.add(key, strings.Join(names, ", "))
		return
	}
	l.add(theOrder+key, order(steps))
	for _, s := range steps {
		l.add(under(key, s.ID), s.Kind())
		l.walk(under(key, s.ID), reflect.ValueOf(s))
	}
}

// theOrder begins the key of the order of a list of steps.
const theOrder = "the order of "

// inOrder is an order without what another one lacks.
func inOrder(ids, of string) string {
	known := strings.Split(of, ", ")
	return strings.Join(slices.DeleteFunc(strings.Split(ids, ", "), func(id string) bool { return !slices.Contains(known, id) }), ", ")
}

func order(steps []flow.Step) string {
	var ids []string
	for _, s := range steps {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, ", ")
}

// brief is a value in a few words: of a part, its keys and values.
func brief(v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return fmt.Sprint(v.Interface())
	}
	l := &listed{of: map[string]string{}}
	l.walk("", v)
	var parts []string
	for _, key := range l.keys {
		parts = append(parts, key+" "+shown(l.of[key]))
	}
	return strings.Join(parts, ", ")
}

func under(key, name string) string { return strings.TrimPrefix(key+"."+name, ".") }

// entries are those of a map by their names.
func entries(v reflect.Value) map[string]reflect.Value {
	list := map[string]reflect.Value{}
	for _, key := range v.MapKeys() {
		list[key.String()] = v.MapIndex(key)
	}
	return list
}
