package handler_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/handler"
	"aftercare/tests/schema"
)

const schemaFile = "../../scripts/submission.schema.json"

// everyKey are good submissions that have, together, every key.
var everyKey = []string{
	`{"dedupeKey":"k","instanceId":"i-1","instanceIds":["i-2","i-3"],"priority":9,"notBefore":"2026-03-05T02:00:00+08:00","spread":"30m","expiresIn":"24h",
	  "bootDeadline":"1h","onBootDeadline":"drop","whenNotBootable":"wait","repeatMode":"Once",
	  "labels":["release-42","team:db"],"submittedBy":"ann","reason":"they are old",
	  "run":{"name":"job","type":"RunShellScript","content":"true","timeout":"90s","workingDir":"/opt","username":"admin","parameters":{"a":"1"}}}`,
	`{"dedupeKey":"k","select":{"tags":{"role":"web"},"name":"web-*","resourceGroup":"rg-1"},"invoke":{"commandId":"c-1"}}`,
	`{"instanceIds":["i-1"],"invoke":{"commandId":"c-1","timeout":"1h30m","username":"admin","parameters":{"a":"1"}}}`,
	`{"instanceId":"i-1","dedupeKey":"k","submittedBy":"ann","reason":"it is wrong","cancel":{"taskId":"0123456789abcdef0123456789abcdef"}}`,
	`{"instanceId":"i-1","dedupeKey":"k","submittedBy":"ann","reason":"it is mended","retry":{"run":"0123456789abcdef0123456789abcdef"}}`,
	`{"instanceIds":["i-1","i-2"],"dedupeKey":"k","submittedBy":"ann","reason":"it is full","flow":"clean-disk","inputs":{"path":"/var/log"}}`,
	`{"instanceId":"i-1","cancel":{"dedupeKey":"k"}}`, `{"instanceId":"i-1","cancel":{"label":"release-42"}}`,
	`{"instanceId":"i-1","cancel":{"run":"0123456789abcdef0123456789abcdef"}}`, `{"instanceId":"i-1","cancel":{"all":true}}`,
	`{"dedupeKey":"k","submittedBy":"ann","reason":"an incident","stop":{"flow":"restart-api"}}`,
	`{"reason":"an incident","stop":{}}`, `{"reason":"an incident","stop":{"instance":"i-1"}}`, `{"reason":"an incident","stop":{"label":"team:db"}}`,
	`{"resume":{}}`, `{"resume":{"flow":"restart-api"}}`, `{"resume":{"instance":"i-1"}}`, `{"resume":{"label":"team:db"}}`,
}

// notOfShape are mistakes that a schema cannot see: they are about several keys,
// or about how much a text means.
var notOfShape = regexp.MustCompile(`^(dedupeKey is missing|whenNotBootable cannot|bootDeadline is for|instanceIds names an instance twice|run\.(content|workingDir|username|parameters)|invoke\.(username|parameters))\b`)

func TestTheSchemaAndTheReaderAgreeOnEveryKeyOfASubmission(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	must(t, err)
	s := schema.Compile(t, text, "")
	// It offers neither null nor empty texts, which are as if the key were not there.
	others := schema.Decode(t, []byte(`[7.5, -1, true, "a b", [], {}, ["x/y"], ["x", "x"], "`+strings.Repeat("x", 600)+`"]`)).([]any)
	changes := 0
	for _, good := range everyKey {
		doc := schema.Decode(t, []byte(good))
		if err := s.Validate(doc); err != nil {
			t.Error(err)
		}
		must(t, handler.MistakesIn([]byte(good)))
		changes += schema.Change(doc, others, func(what string) {
			refused, mistakes := s.Validate(doc), handler.MistakesIn(encode(doc))
			switch {
			case refused != nil && mistakes == nil:
				t.Errorf("%s: only the schema refuses it: %v", what, refused)
			case refused == nil && mistakes != nil && slices.ContainsFunc(strings.Split(mistakes.Error(), "\n"), func(m string) bool { return !notOfShape.MatchString(m) }):
				t.Errorf("%s: the schema accepts it, but the reader says: %s", what, mistakes)
			}
		})
	}
	if changes < 300 {
		t.Errorf("made %d changes, want more", changes)
	}
}

// TestTheSchemaHasTheKeysOfTheReference says that nothing is left out of it, and
// that the submissions above have them all.
func TestTheSchemaHasTheKeysOfTheReference(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	must(t, err)
	var root struct {
		Properties map[string]json.RawMessage
		Defs       map[string]struct{ Properties map[string]json.RawMessage } `json:"$defs"`
	}
	must(t, json.Unmarshal(text, &root))
	keys := slices.Collect(maps.Keys(root.Properties))
	for name, def := range root.Defs {
		for key := range def.Properties {
			keys = append(keys, name+"."+key)
		}
	}
	slices.Sort(keys)
	if want := slices.Sorted(maps.Keys(rows(t, "submission"))); !slices.Equal(keys, want) {
		t.Errorf("the schema has the keys\n%v\nand scripts/README.md\n%v", keys, want)
	}
	have := map[string]bool{}
	for _, good := range everyKey {
		for key, value := range schema.Decode(t, []byte(good)).(map[string]any) {
			have[key] = true
			members, _ := value.(map[string]any)
			if key == "inputs" {
				continue // their names are the flow's
			}
			for name := range members {
				have[key+"."+name] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(have)); !slices.Equal(got, keys) {
		t.Errorf("the test changes the keys\n%v\nwant\n%v", got, keys)
	}
}
