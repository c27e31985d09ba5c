package schema

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"

	"aftercare/shared/yamlfile"
)

// Instance is a YAML file as an editor gives it to a schema.
func Instance(t testing.TB, src []byte) any {
	t.Helper()
	var v any
	if err := yaml.UnmarshalWithOptions(src, &v, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return Decode(t, text)
}

// Agree removes every value of a good file, puts it under another key and
// replaces it by values of other types. What the schema refuses the reader must
// refuse; where the reader finds a mistake that ofShape matches and notOfShape does
// not, the schema must refuse, too. There must be some changes at least. With
// -short it tries a quarter of them.
func Agree(t *testing.T, text, good []byte, atLeast int, ofShape, notOfShape *regexp.Regexp, read func([]byte) error) {
	t.Helper()
	s, doc := Compile(t, text, ""), Instance(t, good)
	if err := s.Validate(doc); err != nil {
		t.Error(err)
	}
	if err := read(good); err != nil {
		t.Error(err)
	}
	others := Decode(t, []byte(`[7.5, true, " x", "", [], {}, null, ["x"]]`)).([]any)
	changes := Change(doc, others, func(what string) {
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

// HasEveryKey fails if a file lacks a key of the schema, or the schema a key's
// description. The file is refused as soon as the schema lacks one of its keys.
func HasEveryKey(t *testing.T, text, src []byte) {
	t.Helper()
	whole := Instance(t, src)
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
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
			if Compile(t, without, "").Validate(whole) == nil {
				t.Errorf("the file does not have the key %s of %s", k, name)
			}
			properties[k] = p
		}
	}
}
