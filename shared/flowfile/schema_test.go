package flowfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"aftercare/shared/flowfile"
	"aftercare/shared/yamlfile"
	"aftercare/tests/schema"

	"github.com/goccy/go-yaml"
)

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
	return schema.Decode(t, text)
}

// [6]
func TestTheSchemaAcceptsEveryGoodFile(t *testing.T) {
	s := schema.Compile(t, flowfile.Schema(), "")
	for _, file := range append(fixture(t, "good"), shippedFile) {
		if err := s.Validate(instance(t, read(t, file))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := schema.Compile(t, flowfile.CaseSchema(), "").Validate(instance(t, read(t, shippedCases))); err != nil {
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
// refuse; where the reader finds a mistake of shape, the schema must too. With
// -short it tries a quarter of them.
func agree(t *testing.T, text, good []byte, atLeast int, read func([]byte) error) {
	t.Helper()
	s, doc := schema.Compile(t, text, ""), instance(t, good)
	if err := s.Validate(doc); err != nil {
		t.Error(err)
	}
	if err := read(good); err != nil {
		t.Error(err)
	}
	others := schema.Decode(t, []byte(`[7.5, true, " x", "", [], {}, null, ["x"]]`)).([]any)
	changes := schema.Change(doc, others, func(what string) {
		if testing.Short() && rand.IntN(4) > 0 {
			return
		}
		text, err := json.MarshalIndent(doc, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		refused := s.Validate(doc)
		err = read(text)
		if refused != nil && err == nil {
			t.Errorf("%s: only the schema refuses it: %v", what, refused)
		}
		var mistakes yamlfile.Mistakes
		errors.As(err, &mistakes)
		i := slices.IndexFunc(mistakes, func(f yamlfile.Mistake) bool { return ofShape.MatchString(f.Text) && !notOfShape.MatchString(f.Text) })
		if refused == nil && i >= 0 {
			t.Errorf("%s: the schema accepts it, but the reader says: %s", what, mistakes[i])
		}
	})
	if changes < atLeast {
		t.Errorf("made %d changes, want more", changes)
	}
}

// The file with every key is refused as soon as the schema lacks one.
func TestOneFileHasEveryKeyOfTheSchema(t *testing.T) {
	whole := instance(t, read(t, filepath.Join(fixtures, "good", "every-key.yaml")))
	var root map[string]any
	if err := json.Unmarshal(flowfile.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	defs := maps.Clone(root["$defs"].(map[string]any))
	defs["file"] = root
	for name, def := range defs {
		properties := def.(map[string]any)["properties"].(map[string]any)
		for k, p := range properties {
			if p.(map[string]any)["description"] == nil {
				t.Errorf("the key %s of %s has no description", k, name)
			}
			properties[k] = false
			without, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			if schema.Compile(t, without, "").Validate(whole) == nil {
				t.Errorf("the file does not have the key %s of %s", k, name)
			}
			properties[k] = p
		}
	}
}

func TestTheSchemasExamplesAndDefaultsAreWhatItAllows(t *testing.T) {
	seen := 0
	for name, def := range schema.Decode(t, flowfile.Schema()).(map[string]any)["$defs"].(map[string]any) {
		for k, p := range def.(map[string]any)["properties"].(map[string]any) {
			values, _ := p.(map[string]any)["examples"].([]any)
			if fallback, ok := p.(map[string]any)["default"]; ok {
				values = append(values, fallback)
			}
			at := fmt.Sprintf("#/$defs/%s/properties/%s", name, k)
			s := schema.Compile(t, flowfile.Schema(), at)
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
