package flowfile

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aftercare/shared/command"
	"aftercare/shared/flow"
)

// Schema returns the JSON Schema (draft 2020-12) of files of flows, for editors.
// It comes from the same types and tags as Read's checks.
func Schema() []byte {
	return schemaOf(reflect.TypeFor[file](), "Flows of Aftercare", "What Aftercare does by itself on ECS instances, and when")
}

// CaseSchema is Schema for files of cases, as ReadCases reads them.
func CaseSchema() []byte {
	return schemaOf(reflect.TypeFor[caseFile](), "Cases of Aftercare's flows", "Events, and what the flows beside them must do")
}

func schemaOf(t reflect.Type, title, description string) []byte {
	s := &schema{defs: map[string]any{}}
	root := s.object(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"], root["description"] = title, description
	root["$defs"] = s.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers can be written
	}
	return append(text, '\n')
}

// anyText is the type of a text that can be anything.
var anyText = []string{"string", "number", "boolean"}

type schema struct{ defs map[string]any }

// object describes a struct.
func (s *schema) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, k := range keysOf(t) {
		properties[k.name] = s.key(k)
		if k.need != "" {
			required = append(required, k.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if t == reflect.TypeFor[flow.Step]() {
		var one []any
		for _, a := range actions {
			one = append(one, map[string]any{"required": []string{a}})
		}
		out["oneOf"] = one
		commands := map[string]any{"anyOf": one[:2]}
		out["dependentSchemas"] = map[string]any{"retry": commands, "capture": commands}
	}
	return out
}

// key describes the values of a key.
func (s *schema) key(k key) map[string]any {
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

func (s *schema) value(k key) map[string]any {
	t := k.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
		return map[string]any{"type": "string", "pattern": durationPattern}
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Struct:
		return s.reference(t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		list := map[string]any{"type": "array", "items": s.reference(t.Elem())}
		if k.name != "flows" {
			list["minItems"] = 1
		}
		if k.name == "steps" {
			list["maxItems"] = maxSteps
		}
		return list
	case t.Kind() == reflect.Slice:
		return s.list(k)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		one := s.reference(t.Elem().Elem())
		list := map[string]any{"type": "array", "items": one, "minItems": 1}
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"anyOf": []any{one, list}}}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": anyText}}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.String:
		return s.text(k)
	case k.form == "version":
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

func (s *schema) list(k key) map[string]any {
	list := map[string]any{"type": "array", "items": s.text(k), "uniqueItems": true}
	switch k.form {
	case "ends": // an empty list means never to try again
		return list
	case "texts":
		return map[string]any{"anyOf": []any{s.text(k), map[string]any{"type": "array", "items": s.text(k)}}}
	case "one-or-list":
		list["minItems"] = 1
		return map[string]any{"anyOf": []any{s.text(k), list}}
	}
	list["minItems"] = 1
	return list
}

// text describes a text by the words or the form of its key.
func (s *schema) text(k key) map[string]any {
	out := map[string]any{"type": "string"}
	if len(k.words) > 0 {
		return map[string]any{"enum": k.words}
	}
	switch k.form {
	case "", "texts":
		out["type"] = anyText
	case "identifier", "jump":
		out["pattern"] = flow.NamePattern
	case "command-id":
		out["pattern"] = command.IDPattern
	case "time":
		out["pattern"] = timePattern
	case "line":
		out["minLength"], out["maxLength"] = literal(k.least, reflect.TypeFor[int]()), literal(k.most, reflect.TypeFor[int]())
	case "text", "template", "zone":
		out["minLength"] = 1
	case "condition": // true and false are conditions
		out["type"], out["minLength"] = []string{"string", "boolean"}, 1
	case "wait":
		out["anyOf"] = []any{map[string]any{"const": flow.WaitNextBoot}, map[string]any{"pattern": durationPattern}}
	case "ends":
		return map[string]any{"anyOf": []any{
			map[string]any{"enum": append(append([]string{}, flow.RetryStatuses...), errorCodes...)},
			map[string]any{"type": "string", "pattern": containerPattern},
		}}
	}
	return out
}
