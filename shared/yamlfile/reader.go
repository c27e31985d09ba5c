package yamlfile

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Reader decodes a file into its types, and keeps the places of all values for
// the checks that follow. Paths are such as flows[2].steps[0].run.timeout.
type Reader struct {
	*source
	keys   map[reflect.Type][]Key
	values map[string]value // by path
	meant  map[string]bool
	odd    []string // paths of values that have mistakes
}

// value is the value at a path of the file.
type value struct {
	key  Position
	node ast.Node // resolved; nil if the key has no value
	// sound: it was decoded without a mistake. Values inside may have mistakes.
	sound bool
}

// Said reports whether the file has a value at a path.
func (r *Reader) Said(path string) bool {
	_, ok := r.values[path]
	return ok
}

// Sound reports whether the value at a path could be decoded.
func (r *Reader) Sound(path string) bool { return r.values[path].sound }

// Whole reports whether no value at or under a path has a mistake.
func (r *Reader) Whole(path string) bool {
	return !slices.ContainsFunc(r.odd, func(odd string) bool {
		rest, under := strings.CutPrefix(odd, path)
		return under && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Place is where the value at a path begins, or where the nearest value around it
// begins if the file has no such value.
func (r *Reader) Place(path string) Position {
	for ; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if v, ok := r.values[path]; ok {
			if v.node == nil {
				return v.key
			}
			return r.at(v.node)
		}
	}
	return Position{1, 1}
}

// Key is where the key of the value at a path stands.
func (r *Reader) Key(path string) Position { return r.values[path].key }

// Meant reports whether the key at a path is probably there, but misspelt.
func (r *Reader) Meant(path string) bool { return r.meant[path] }

// Text returns the value at a path as a text, numbers as they are written; ok is
// false if it is something else.
func (r *Reader) Text(path string) (sc Scalar, ok bool) { return textOf(r.values[path].node, true) }

// Count reads the value at a path as a number, and reports whether it is one.
func (r *Reader) Count(path, name string, least, most int, into *int) bool {
	n, ok := r.values[path].node.(*ast.IntegerNode)
	if ok {
		r.number(n, Key{Name: name, least: strconv.Itoa(least), most: strconv.Itoa(most)}, reflect.ValueOf(into).Elem())
	}
	return ok
}

// Once finds names that were used before; seen holds their places.
func (r *Reader) Once(path, name, what string, seen map[string]Position) {
	if name == "" || !r.Sound(path) {
		return
	}
	at := r.Place(path)
	first, again := seen[name]
	switch {
	case !again:
		seen[name] = at
	case first == at:
		r.Add(at, "%s must be unique, but an alias repeats %s: write it out with another one", what, name)
	default:
		r.Add(at, "%s must be unique: %s is already in line %d", what, name, first.Line)
	}
}

// Names lists the known keys of the mapping at a path, in the order of the file.
func (r *Reader) Names(path string) []string {
	var names []string
	for other := range r.values {
		if name, under := strings.CutPrefix(other, path+"."); under && !strings.ContainsAny(name, ".[") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return r.Key(Join(path, a)).Compare(r.Key(Join(path, b))) })
	return names
}

func (r *Reader) keysOf(t reflect.Type) []Key {
	if r.keys[t] == nil {
		r.keys[t] = r.format.keysOf(t)
	}
	return r.keys[t]
}
