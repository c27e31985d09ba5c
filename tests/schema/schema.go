// Package schema lets a test compare a JSON Schema with the reader of the
// documents that it describes.
package schema

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Compile compiles a schema, or a part of it such as #/$defs/step.
func Compile(t testing.TB, text []byte, part string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", Decode(t, text)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json" + part)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Decode reads JSON as the validator takes it.
func Decode(t testing.TB, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Change removes every value of a document, puts it under another key, and
// replaces it by each of the other values, one change at a time. It calls try
// for each, with -short for every third, and returns their number.
func Change(doc any, others []any, try func(what string)) (changes int) {
	done := func(what string) {
		if changes++; changes%3 == 0 || !testing.Short() {
			try(what)
		}
	}
	var change func(v any, path string)
	change = func(v any, path string) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				was, path := v[k], path+"/"+k
				change(was, path)
				for _, other := range others {
					v[k] = other
					done(fmt.Sprintf("%s is %v", path, other))
				}
				delete(v, k)
				done(path + " is removed")
				v["zz"+k] = was
				done(path + " is renamed")
				delete(v, "zz"+k)
				v[k] = was
			}
		case []any:
			for i, was := range v {
				path := fmt.Sprint(path, "/", i)
				change(was, path)
				for _, other := range others {
					v[i] = other
					done(fmt.Sprintf("%s is %v", path, other))
				}
				v[i] = was
			}
		}
	}
	change(doc, "")
	return changes
}
