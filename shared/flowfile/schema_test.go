package flowfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/flowfile"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiledSchema(t testing.TB, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("flows.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("flows.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a YAML file as an editor gives it to a schema.
func instance(t testing.TB, src []byte) any {
	t.Helper()
	var v any
	if err := yaml.UnmarshalWithOptions(src, &v, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// [6]
func TestTheSchemaAcceptsEveryGoodFile(t *testing.T) {
	s := compiledSchema(t, flowfile.Schema())
	for _, file := range append(fixture(t, "good"), shippedFile) {
		if err := s.Validate(instance(t, read(t, file))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := compiledSchema(t, flowfile.CaseSchema()).Validate(instance(t, read(t, shippedCases))); err != nil {
		t.Errorf("%s: %v", shippedCases, err)
	}
}

// ofShape are the mistakes that the schema must find, too.
var ofShape = regexp.MustCompile(`has no key|needs the key (name|on|steps|id|content|commandId|max|window|maxFailures|resumeAfter|timeZone|open|from|to|flows|version)|` +
	`is (a mapping|a list|text|true or false|a number|a duration)\b.*, but here|has no value| cannot be .*: write|must be from [0-9]+ to|is a number with a unit|` +
	`must consist of|does one thing|needs one of the keys|is only for steps with|is empty: (list|write)`)

// notOfShape are mistakes that look like those.
var notOfShape = regexp.MustCompile(`^onFailure cannot be|alert is empty|content is empty`)

func TestTheSchemaAndTheReaderAgreeOnEveryKey(t *testing.T) {
	agree(t, flowfile.Schema(), read(t, filepath.Join(fixtures, "good", "every-key.yaml")), 1000, func(src []byte) error {
		_, err := flowfile.Read("f", src)
		return err
	})
}

// everyCaseKey has every key of a file of cases, but the fields of only one kind
// of event.
const everyCaseKey = `version: 1
cases:
  - name: all
    event: {kind: task-completed, commandName: check, exitCode: 3, requeued: false, startTime: 2026-01-31T08:00:00Z}
    instance: {id: i-1, state: bootable, bootSeq: 2, bootTime: 2026-01-31T08:00:00Z, os: linux, failedRuns: 1}
    depth: 1
    at: 2026-01-31T08:00:00Z
    steps:
      fix: [{status: Failed, exitCode: 1, output: 7}, {hangs: true}]
      back: {status: Success, errorCode: none}
    expect: {fires: [mend, other], flow: mend, plan: [fix, fix], skipped: [], result: failed, alerts: [a, a]}
`

func TestTheSchemaAndTheReaderOfCasesAgreeOnEveryKey(t *testing.T) {
	agree(t, flowfile.CaseSchema(), []byte(everyCaseKey), 300, func(src []byte) error {
		_, err := flowfile.ReadCases("f", src)
		return err
	})
}

// agree removes every value of a good file, puts it under another key and
// replaces it by values of other types. What the schema refuses the reader must
// refuse; where the reader finds a mistake of shape, the schema must too.
func agree(t *testing.T, schema, good []byte, atLeast int, read func([]byte) error) {
	t.Helper()
	s := compiledSchema(t, schema)
	if err := s.Validate(instance(t, good)); err != nil {
		t.Error(err)
	}
	if err := read(good); err != nil {
		t.Error(err)
	}
	src, err := json.Marshal(instance(t, good))
	if err != nil {
		t.Fatal(err)
	}
	document := func() any {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	changes := 0
	var paths [][]any
	walk(document(), nil, func(path []any, _ any) { paths = append(paths, slices.Clone(path)) })
	for _, path := range paths {
		for _, change := range []string{"remove", "rename", `7.5`, `true`, `" x"`, `""`, `[]`, `{}`, `null`, `["x"]`} {
			doc := document()
			if !changed(doc, path, change) {
				continue
			}
			changes++
			text, err := json.MarshalIndent(doc, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			refused := s.Validate(doc)
			err = read(text)
			if refused != nil && err == nil {
				t.Errorf("%v %s: only the schema refuses it: %v", path, change, refused)
			}
			var mistakes flowfile.Mistakes
			errors.As(err, &mistakes)
			i := slices.IndexFunc(mistakes, func(f flowfile.Mistake) bool { return ofShape.MatchString(f.Text) && !notOfShape.MatchString(f.Text) })
			if refused == nil && i >= 0 {
				t.Errorf("%v %s: the schema accepts it, but the reader says: %s", path, change, mistakes[i])
			}
		}
	}
	if changes < atLeast {
		t.Errorf("made %d changes, want more", changes)
	}
}

// walk visits every value of a document.
func walk(v any, path []any, visit func(path []any, v any)) {
	visit(path, v)
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], append(slices.Clone(path), k), visit)
		}
	case []any:
		for i := range v {
			walk(v[i], append(slices.Clone(path), i), visit)
		}
	}
}

// changed changes a document at a path, and reports whether it could.
func changed(doc any, path []any, change string) bool {
	if len(path) == 0 {
		return false
	}
	parent := doc
	for _, step := range path[:len(path)-1] {
		switch p := parent.(type) {
		case map[string]any:
			parent = p[step.(string)]
		case []any:
			parent = p[step.(int)]
		}
	}
	m, isMap := parent.(map[string]any)
	switch change {
	case "remove":
		if isMap {
			delete(m, path[len(path)-1].(string))
		}
		return isMap
	case "rename":
		if isMap {
			k := path[len(path)-1].(string)
			m["zz"+k] = m[k]
			delete(m, k)
		}
		return isMap
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(change))
	if err != nil {
		return false
	}
	if isMap {
		m[path[len(path)-1].(string)] = v
	} else {
		parent.([]any)[path[len(path)-1].(int)] = v
	}
	return true
}

// The file with every key is refused as soon as the schema lacks one.
func TestOneFileHasEveryKeyOfTheSchema(t *testing.T) {
	whole := instance(t, read(t, filepath.Join(fixtures, "good", "every-key.yaml")))
	var schema map[string]any
	if err := json.Unmarshal(flowfile.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	defs := maps.Clone(schema["$defs"].(map[string]any))
	defs["file"] = schema
	for name, def := range defs {
		properties := def.(map[string]any)["properties"].(map[string]any)
		for k, p := range properties {
			if p.(map[string]any)["description"] == nil {
				t.Errorf("the key %s of %s has no description", k, name)
			}
			properties[k] = false
			without, err := json.Marshal(schema)
			if err != nil {
				t.Fatal(err)
			}
			if compiledSchema(t, without).Validate(whole) == nil {
				t.Errorf("the file does not have the key %s of %s", k, name)
			}
			properties[k] = p
		}
	}
}

func TestTheSchemasExamplesAndDefaultsAreWhatItAllows(t *testing.T) {
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(flowfile.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("flows.json", doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for name, def := range doc.(map[string]any)["$defs"].(map[string]any) {
		for k, p := range def.(map[string]any)["properties"].(map[string]any) {
			values, _ := p.(map[string]any)["examples"].([]any)
			if fallback, ok := p.(map[string]any)["default"]; ok {
				values = append(values, fallback)
			}
			at := fmt.Sprintf("flows.json#/$defs/%s/properties/%s", name, k)
			s, err := c.Compile(at)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				seen++
				if err := s.Validate(v); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("saw %d examples and defaults, want more", seen)
	}
}
