package yamlfile

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aftercare/shared/flow"
)

// Schema returns the JSON Schema (draft 2020-12) of the format's files, for
// editors. It comes from the same types and tags as Read's checks.
func (f *Format) Schema() []byte {
	s := &schema{format: f, defs: map[string]any{}}
	root := s.object(f.Type)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"], root["description"] = f.Title, f.Description
	root["$defs"] = s.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers can be written
	}
	return append(text, '\n')
}

// anyText is the type of a text that can be anything.
var anyText = []string{"string", "number", "boolean"}

type schema struct {
	format *Format
	defs   map[string]any
}

// object describes a struct.
func (s *schema) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, k := range s.format.keysOf(t) {
		properties[k.Name] = s.key(k)
		if k.Need != "" {
			required = append(required, k.Name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if s.format.Shape != nil {
		s.format.Shape(t, out)
	}
	return out
}

// key describes the values of a key.
func (s *schema) key(k Key) map[string]any {
	out := s.value(k)
	if k.doc != "" {
		out["description"] = k.doc
	}
	if k.typ == durationType {
		out["description"] = k.doc + ", from " + k.least + " to " + k.most
	}
	if k.example != "" {
		out["examples"] = []any{literal(k.example, k.typ)}
	}
	switch {
	case k.fallback == "":
	case k.typ.Kind() == reflect.Slice:
		out["default"] = strings.Fields(k.fallback)
	default:
		out["default"] = literal(k.fallback, k.typ)
	}
	return out
}

// literal is a tag's text as a value of a type.
func literal(text string, t reflect.Type) any {
	if n, err := strconv.Atoi(text); err == nil && t.Kind() != reflect.String {
		return n
	}
	return text
}

func (s *schema) value(k Key) map[string]any {
	t := k.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
		return map[string]any{"type": "string", "pattern": DurationPattern}
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Struct:
		return s.reference(t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		list := map[string]any{"type": "array", "items": s.reference(t.Elem())}
		if k.Form != "any" {
			list["minItems"] = 1
		}
		return list
	case t.Kind() == reflect.Slice:
		return s.list(k)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		one := s.text(Key{Form: "one-or-list", own: k.own})
		if t.Elem().Elem().Kind() == reflect.Struct {
			one = s.reference(t.Elem().Elem())
		}
		list := map[string]any{"type": "array", "items": one, "minItems": 1}
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"anyOf": []any{one, list}}}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return map[string]any{"type": "object", "additionalProperties": s.reference(t.Elem()), "propertyNames": pattern(flow.NamePattern)}
	case t.Kind() == reflect.Map:
		if len(k.words) > 0 {
			return map[string]any{"type": "object", "additionalProperties": s.text(k)}
		}
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": anyText}}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.String:
		return s.text(k)
	case k.Form == "version":
		return map[string]any{"const": literal(version, t)}
	}
	kind := "number"
	if t.Kind() != reflect.Float64 {
		kind = "integer"
	}
	return map[string]any{"type": kind, "minimum": literal(k.least, t), "maximum": literal(k.most, t)}
}

// reference returns a reference to a struct's description, which it adds once.
func (s *schema) reference(t reflect.Type) map[string]any {
	first, size := utf8.DecodeRuneInString(t.Name())
	name := string(unicode.ToLower(first)) + t.Name()[size:]
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // it may refer to itself
		s.defs[name] = s.object(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (s *schema) list(k Key) map[string]any {
	list := map[string]any{"type": "array", "items": s.text(k), "uniqueItems": true}
	switch {
	case k.own.One && k.own.Empty:
		return map[string]any{"anyOf": []any{s.text(k), list}}
	case k.own.Empty:
		return list
	case k.Form == "texts":
		return map[string]any{"anyOf": []any{s.text(k), map[string]any{"type": "array", "items": s.text(k)}}}
	case k.Form == "one-or-list", k.own.One:
		list["minItems"] = 1
		return map[string]any{"anyOf": []any{s.text(k), list}}
	}
	list["minItems"] = 1
	return list
}

// text describes a text by the words or the form of its key.
func (s *schema) text(k Key) map[string]any {
	switch {
	case len(k.words) > 0:
		return map[string]any{"enum": k.words}
	case k.own.Schema != nil:
		return k.own.Schema(k)
	case k.free():
		return map[string]any{"type": anyText}
	}
	return map[string]any{"type": "string"}
}

// Tables calls the function with each mapping of the format, as a path such as
// flows[].steps[], and its keys as the rows of a Markdown table: the key, what it is,
// the values that it takes, and its default. A type that stands in several places is
// listed once.
func (f *Format) Tables(each func(path, rows string)) {
	type place struct {
		path string
		typ  reflect.Type
	}
	seen := map[reflect.Type]bool{}
	for next := []place{{"", f.Type}}; len(next) > 0; next = next[1:] {
		at := next[0]
		if seen[at.typ] {
			continue
		}
		seen[at.typ] = true
		var rows strings.Builder
		for _, k := range f.keysOf(at.typ) {
			inner, path := k.typ, Join(at.path, k.Name)
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
				path += map[reflect.Kind]string{reflect.Slice: "[]", reflect.Map: ".<name>"}[inner.Kind()]
				inner = inner.Elem()
			}
			switch {
			case inner.Kind() != reflect.Struct || inner == timeType:
			case k.Name == f.List:
				next = slices.Insert(next, 1, place{path, inner}) // before the defaults, which have the same keys
			default:
				next = append(next, place{path, inner})
			}
			what := k.doc
			if k.Need != "" {
				what += " (required)"
			}
			fmt.Fprintf(&rows, "| `%s` | %s | %s | %s |\n", k.Name, what, f.values(k), k.fallback)
		}
		each(at.path, strings.ReplaceAll(rows.String(), "||", `\|\|`))
	}
}

// values says in a word or two which values a key takes.
func (f *Format) values(k Key) string {
	switch {
	case len(k.words) > 0:
		return strings.Join(k.words, ", ")
	case k.typ.Kind() == reflect.Bool:
		return "true or false"
	case k.most != strconv.Itoa(math.MaxInt32):
		return k.least + " to " + k.most
	case k.example != "":
		return "such as `" + k.example + "`"
	}
	return ""
}

// Doc is what the key of a type is; empty if it has none of that name.
func (f *Format) Doc(t reflect.Type, name string) string {
	for _, k := range f.keysOf(t) {
		if k.Name == name {
			return k.doc
		}
	}
	return ""
}
