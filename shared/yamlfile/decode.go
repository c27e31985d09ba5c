package yamlfile

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Join is the path of a key.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// object decodes a mapping into a struct.
func (r *Reader) object(n ast.Node, path, what, hint string, into reflect.Value) bool {
	keys := r.keysOf(into.Type())
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	m := r.mapping(n, what, hint, names...)
	if m == nil {
		return false
	}
	there := map[string]bool{}
	for _, e := range m.entries {
		k := keys[slices.Index(names, e.key)]
		there[k.Name] = true
		r.entry(e, Join(path, k.Name), k, into.FieldByName(k.field))
	}
	if m.unknown {
		r.odd = append(r.odd, path)
	}
	for _, name := range m.meant {
		there[name] = true
		r.meant[Join(path, name)] = true
	}
	for _, k := range keys {
		if k.Need != "" && !there[k.Name] {
			r.Add(m.at, "%s needs the key %s: %s", what, k.Name, k.Need)
		}
	}
	return true
}

// entry decodes the value of one key.
func (r *Reader) entry(e entry, path string, k Key, into reflect.Value) {
	n := r.resolve(e.value)
	v := value{key: e.at, node: n}
	switch {
	case n == nil:
	case n.Type() == ast.NullType:
		v.node = nil
		advice := k.Need
		if advice == "" {
			advice = "write one, or remove the key"
		}
		r.Add(e.at, "%s has no value: %s", e.key, advice)
	default:
		v.sound = true
		r.values[path] = v // needed for the values inside
		v.sound = r.decode(n, path, k, into)
		if !v.sound {
			r.odd = append(r.odd, path)
		}
	}
	r.values[path] = v
}

// decode decodes a resolved node. It reports whether there is something to check
// further; otherwise it has added a mistake.
func (r *Reader) decode(n ast.Node, path string, k Key, into reflect.Value) bool {
	t := into.Type()
	switch {
	case t == durationType:
		return r.duration(n, k, into)
	case t == timeType:
		return r.time(n, k, into)
	case t.Kind() == reflect.Pointer:
		into.Set(reflect.New(t.Elem()))
		return r.decode(n, path, k, into.Elem())
	case t.Kind() == reflect.Struct:
		return r.object(n, path, r.format.noun(k), k.Hint, into)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return r.objects(n, path, k, into)
	case t.Kind() == reflect.Slice:
		return r.words(n, path, k, into)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		return r.lists(n, path, k, into)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return r.named(n, path, k, into)
	case t.Kind() == reflect.Map:
		return r.texts(n, path, k, into)
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
func (r *Reader) items(n ast.Node, k Key) ([]ast.Node, bool) {
	if _, isList := n.(*ast.SequenceNode); !isList && (k.Form == "one-or-list" || k.Form == "texts" || k.own.One) {
		return []ast.Node{n}, true
	}
	return r.list(n, k.Name, k.Hint)
}

// objects decodes a list of mappings.
func (r *Reader) objects(n ast.Node, path string, k Key, into reflect.Value) bool {
	items, ok := r.items(n, k)
	if !ok {
		return false
	}
	if len(items) == 0 && k.Form != "any" {
		advice := k.Need
		if advice == "" {
			advice = "list at least one" + strings.TrimPrefix(r.format.Nouns[into.Type().Elem()], "a") + ", or remove the key"
		}
		r.Add(r.at(n), "%s is empty: %s", k.Name, advice)
		return false
	}
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	what := r.format.Nouns[into.Type().Elem()]
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
func (r *Reader) lists(n ast.Node, path string, k Key, into reflect.Value) bool {
	m := r.mapping(n, k.Name, k.Hint)
	if m == nil {
		return false
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, e := range m.entries {
		list := reflect.New(into.Type().Elem()).Elem()
		r.entry(e, Join(path, e.key), Key{Name: e.key, Form: "one-or-list", own: k.own, Need: "write at least one, or remove the key"}, list)
		into.SetMapIndex(reflect.ValueOf(e.key), list)
	}
	return true
}

// words decodes a list of words, or one word if the key allows that.
func (r *Reader) words(n ast.Node, path string, k Key, into reflect.Value) bool {
	items, ok := r.items(n, k)
	if !ok {
		return false
	}
	if len(items) == 0 && !k.own.Empty && k.Form != "texts" {
		advice := k.Need
		if advice == "" {
			advice = "list at least one, or remove the key"
		}
		r.Add(r.at(n), "%s is empty: %s", k.Name, advice)
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
		case k.Form != "texts" && slices.Contains(list, word):
			r.Add(r.at(item), "%s has %s twice: remove one", k.Name, word)
		default:
			list = append(list, word)
		}
	}
	into.Set(reflect.ValueOf(list))
	return sound
}

// named decodes a mapping of names to mappings.
func (r *Reader) named(n ast.Node, path string, k Key, into reflect.Value) bool {
	m := r.mapping(n, k.Name, k.Hint)
	if m == nil {
		return false
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, e := range m.entries {
		if mistake := forms["identifier"].Wrong(Key{Name: "a name in " + k.Name}, e.key); mistake != "" {
			r.Add(e.at, "%s", mistake)
			continue
		}
		v := reflect.New(into.Type().Elem()).Elem()
		r.entry(e, Join(path, e.key), Key{Name: e.key, typ: v.Type(), Need: "write its keys under it"}, v)
		into.SetMapIndex(reflect.ValueOf(e.key), v)
	}
	return true
}

// texts decodes a mapping of names to texts, or to the key's words.
func (r *Reader) texts(n ast.Node, path string, k Key, into reflect.Value) bool {
	m := r.mapping(n, k.Name, "write name: value")
	if m == nil {
		return false
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, e := range m.entries {
		v := value{key: e.at, node: r.resolve(e.value)}
		if v.node != nil {
			var sc Scalar
			if len(k.words) > 0 {
				sc.Text, v.sound = r.text(v.node, Key{Name: e.key, words: k.words})
			} else if sc, v.sound = textOf(v.node, true); !v.sound {
				r.Add(r.at(v.node), "a %s's value is text, but here is %s: write one text, in quotes", strings.TrimSuffix(k.Name, "s"), describe(v.node))
			}
			into.SetMapIndex(reflect.ValueOf(e.key), reflect.ValueOf(sc.Text))
		}
		r.values[Join(path, e.key)] = v
	}
	return true
}

func (r *Reader) time(n ast.Node, k Key, into reflect.Value) bool {
	sc, _ := textOf(n, false)
	t, err := time.Parse(time.RFC3339, sc.Text)
	if err != nil {
		r.Add(r.at(n), "%s is a time such as 2026-01-31T08:00:00Z", k.Name)
		return false
	}
	into.Set(reflect.ValueOf(t.UTC()))
	return true
}

func (r *Reader) truth(n ast.Node, k Key, into reflect.Value) bool {
	node, ok := n.(*ast.BoolNode)
	if !ok {
		r.Add(r.at(n), "%s is true or false, but here is %s", k.Name, describe(n))
		return false
	}
	into.SetBool(node.Value)
	return true
}

func (r *Reader) number(n ast.Node, k Key, into reflect.Value) bool {
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
		if k.Form == "version" {
			r.Add(r.at(n), "this version is not known: write version: %s", version)
			return false
		}
		r.Add(r.at(n), "%s is a number, but here is %s%s", k.Name, describe(n), advice(k.Hint))
		return false
	}
	least, _ := strconv.ParseFloat(k.least, 64)
	most, _ := strconv.ParseFloat(k.most, 64)
	written := n.GetToken().Value
	switch whole := into.CanInt(); {
	case k.Form == "version":
		if written != version {
			r.Add(r.at(n), "this version is not known: write version: %s", version)
			return false
		}
	case whole && v != math.Trunc(v):
		r.Add(r.at(n), "%s must be a whole number; this is %.20s", k.Name, written)
		return false
	case v < least || v > most:
		zero := ""
		if v == 0 {
			zero = advice(k.zero)
		}
		r.Add(r.at(n), "%s must be from %s to %s; this is %.20s%s", k.Name, k.least, k.most, written, zero)
		return false
	}
	if into.CanInt() {
		into.SetInt(int64(v))
	} else {
		into.SetFloat(v)
	}
	return true
}
