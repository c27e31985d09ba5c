package flowfile

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/flow"

	"github.com/goccy/go-yaml/ast"
)

// reader decodes a file into its types, and keeps the places of all values for
// the checks that follow.
type reader struct {
	*source
	keys   map[reflect.Type][]key
	values map[string]value // by path, such as flows[2].steps[0].run.timeout
	// meant are the paths of keys that are probably misspelt.
	meant   map[string]bool
	checker *flow.Checker
	// borrower is the flow for which a default is being checked, see
	// expressionMistakes.
	borrower string
	// wrongDefaults are the fields of the defaults' run that are wrong.
	wrongDefaults map[string]bool
}

// value is the value at a path of the file.
type value struct {
	key  position
	node ast.Node // resolved; nil if the key has no value
	// sound: it was decoded without a mistake. Values inside may have mistakes.
	sound bool
}

func newReader(s *source) *reader {
	return &reader{source: s, keys: map[reflect.Type][]key{}, values: map[string]value{}, meant: map[string]bool{}, checker: NewChecker()}
}

// said reports whether the file has a value at a path.
func (r *reader) said(path string) bool {
	_, ok := r.values[path]
	return ok
}

// sound reports whether the value at a path could be decoded.
func (r *reader) sound(path string) bool { return r.values[path].sound }

// place is where the value at a path begins, or where the nearest value around it
// begins if the file has no such value.
func (r *reader) place(path string) position {
	for ; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if v, ok := r.values[path]; ok {
			if v.node == nil {
				return v.key
			}
			return r.at(v.node)
		}
	}
	return position{1, 1}
}

func (r *reader) keysOf(t reflect.Type) []key {
	if r.keys[t] == nil {
		r.keys[t] = keysOf(t)
	}
	return r.keys[t]
}

// join is the path of a key.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// object decodes a mapping into a struct.
func (r *reader) object(n ast.Node, path, what, hint string, into reflect.Value) bool {
	keys := r.keysOf(into.Type())
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	m := r.mapping(n, what, hint, names...)
	if m == nil {
		return false
	}
	there := map[string]bool{}
	for _, e := range m.entries {
		k := keys[slices.Index(names, e.key)]
		there[k.name] = true
		r.entry(e, join(path, k.name), k, into.FieldByName(k.field))
	}
	for _, name := range m.meant {
		there[name] = true
		r.meant[join(path, name)] = true
	}
	for _, k := range keys {
		if k.need != "" && !there[k.name] {
			r.add(m.at, "%s needs the key %s: %s", what, k.name, k.need)
		}
	}
	return true
}

// entry decodes the value of one key.
func (r *reader) entry(e entry, path string, k key, into reflect.Value) {
	n := r.resolve(e.value)
	v := value{key: e.at, node: n}
	switch {
	case n == nil:
	case n.Type() == ast.NullType:
		v.node = nil
		advice := k.need
		if advice == "" {
			advice = "write one, or remove the key"
		}
		r.add(e.at, "%s has no value: %s", e.key, advice)
	default:
		v.sound = true
		r.values[path] = v // needed for the values inside
		v.sound = r.decode(n, path, k, into)
	}
	r.values[path] = v
}

// decode decodes a resolved node. It reports whether there is something to check
// further; otherwise it has added a mistake.
func (r *reader) decode(n ast.Node, path string, k key, into reflect.Value) bool {
	t := into.Type()
	switch {
	case t == durationType:
		return r.duration(n, k, into)
	case t == timeType:
		return r.time(n, k, into)
	case t.Kind() == reflect.Pointer:
		into.Set(reflect.New(t.Elem()))
		return r.object(n, path, k.noun(), k.hint, into.Elem())
	case t.Kind() == reflect.Struct:
		return r.object(n, path, k.noun(), k.hint, into)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return r.objects(n, path, k, into)
	case t.Kind() == reflect.Slice:
		return r.words(n, path, k, into)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		return r.lists(n, path, k, into)
	case t.Kind() == reflect.Map:
		return r.texts(n, path, into)
	case t.Kind() == reflect.Bool:
		return r.truth(n, k, into)
	case t.Kind() == reflect.String:
		text, ok := r.text(n, k)
		into.SetString(text)
		return ok
	}
	return r.number(n, k, into)
}

// items returns the elements of a list, or the value itself if the key takes
// one instead of a list.
func (r *reader) items(n ast.Node, k key) ([]ast.Node, bool) {
	if _, isList := n.(*ast.SequenceNode); !isList && (k.form == "one-or-list" || k.form == "texts") {
		return []ast.Node{n}, true
	}
	return r.list(n, k.name, k.hint)
}

// objects decodes a list of mappings.
func (r *reader) objects(n ast.Node, path string, k key, into reflect.Value) bool {
	items, ok := r.items(n, k)
	if !ok {
		return false
	}
	if len(items) == 0 && k.name != "flows" {
		advice := k.need
		if advice == "" {
			advice = "list at least one step, or remove the key"
		}
		r.add(r.at(n), "%s is empty: %s", k.name, advice)
		return false
	}
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	what := nouns[into.Type().Elem()]
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		v := value{key: r.at(item), node: r.resolve(item), sound: true}
		r.values[at] = v
		v.sound = v.node != nil && r.object(v.node, at, what, "", into.Index(i))
		r.values[at] = v
	}
	return true
}

// lists decodes a mapping of names to lists of mappings, or to one mapping.
func (r *reader) lists(n ast.Node, path string, k key, into reflect.Value) bool {
	m := r.mapping(n, k.name, k.hint)
	if m == nil {
		return false
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, e := range m.entries {
		list := reflect.New(into.Type().Elem()).Elem()
		r.entry(e, join(path, e.key), key{name: e.key, form: "one-or-list", need: "write at least one, or remove the key"}, list)
		into.SetMapIndex(reflect.ValueOf(e.key), list)
	}
	return true
}

// words decodes a list of words, or one word if the key allows that.
func (r *reader) words(n ast.Node, path string, k key, into reflect.Value) bool {
	items, ok := r.items(n, k)
	if !ok {
		return false
	}
	if len(items) == 0 && k.form != "ends" && k.form != "texts" {
		advice := k.need
		if advice == "" {
			advice = "list at least one, or remove the key"
		}
		r.add(r.at(n), "%s is empty: %s", k.name, advice)
		return false
	}
	list, sound := make([]string, 0, len(items)), true
	for i, item := range items {
		item = r.resolve(item)
		if item == nil {
			sound = false
			continue
		}
		r.values[fmt.Sprintf("%s[%d]", path, i)] = value{key: r.at(item), node: item, sound: true}
		word, ok := r.text(item, k)
		switch {
		case !ok:
			sound = false
		case k.form != "texts" && slices.Contains(list, word):
			r.add(r.at(item), "%s has %s twice: remove one", k.name, word)
		default:
			list = append(list, word)
		}
	}
	into.Set(reflect.ValueOf(list))
	return sound
}

// texts decodes the values of parameters.
func (r *reader) texts(n ast.Node, path string, into reflect.Value) bool {
	m := r.mapping(n, "parameters", "write name: value")
	if m == nil {
		return false
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, e := range m.entries {
		v := value{key: e.at, node: r.resolve(e.value)}
		if v.node != nil {
			var sc scalar
			if sc, v.sound = textOf(v.node, true); !v.sound {
				r.add(r.at(v.node), "a parameter's value is text, but here is %s", describe(v.node))
			}
			into.SetMapIndex(reflect.ValueOf(e.key), reflect.ValueOf(sc.text))
		}
		r.values[join(path, e.key)] = v
	}
	return true
}

func (r *reader) time(n ast.Node, k key, into reflect.Value) bool {
	sc, _ := textOf(n, false)
	t, err := time.Parse(time.RFC3339, sc.text)
	if err != nil {
		r.add(r.at(n), "%s is a time such as 2026-01-31T08:00:00Z", k.name)
		return false
	}
	into.Set(reflect.ValueOf(t.UTC()))
	return true
}

func (r *reader) truth(n ast.Node, k key, into reflect.Value) bool {
	node, ok := n.(*ast.BoolNode)
	if !ok {
		r.add(r.at(n), "%s is true or false, but here is %s", k.name, describe(n))
		return false
	}
	into.SetBool(node.Value)
	return true
}

func (r *reader) number(n ast.Node, k key, into reflect.Value) bool {
	var v float64
	switch node := n.(type) {
	case *ast.IntegerNode:
		var err error
		if v, err = strconv.ParseFloat(fmt.Sprint(node.Value), 64); err != nil {
			v = math.Inf(1)
		}
	case *ast.FloatNode:
		v = node.Value
	default:
		if k.form == "version" {
			r.add(r.at(n), "this version is not known: write version: %s", version)
			return false
		}
		r.add(r.at(n), "%s is a number, but here is %s%s", k.name, describe(n), advice(k.hint))
		return false
	}
	least, _ := strconv.ParseFloat(k.least, 64)
	most, _ := strconv.ParseFloat(k.most, 64)
	written := n.GetToken().Value
	switch whole := into.CanInt(); {
	case k.form == "version":
		if written != version {
			r.add(r.at(n), "this version is not known: write version: %s", version)
			return false
		}
	case whole && v != math.Trunc(v):
		r.add(r.at(n), "%s must be a whole number; this is %.20s", k.name, written)
		return false
	case v < least || v > most:
		zero := ""
		if v == 0 {
			zero = advice(k.zero)
		}
		r.add(r.at(n), "%s must be from %s to %s; this is %.20s%s", k.name, k.least, k.most, written, zero)
		return false
	}
	if into.CanInt() {
		into.SetInt(int64(v))
	} else {
		into.SetFloat(v)
	}
	return true
}
