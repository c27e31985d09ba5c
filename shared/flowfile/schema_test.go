package flowfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"aftercare/shared/flowfile"
	"aftercare/tests/schema"
)

// [6]
func TestTheSchemaAcceptsEveryGoodFile(t *testing.T) {
	s := schema.Compile(t, flowfile.Schema(), "")
	for _, file := range append(fixture(t, "good"), shippedFile) {
		if err := s.Validate(schema.Instance(t, read(t, file))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := schema.Compile(t, flowfile.CaseSchema(), "").Validate(schema.Instance(t, read(t, shippedCases))); err != nil {
		t.Errorf("%s: %v", shippedCases, err)
	}
}

// An editor finds the schema beside the shipped files.
func TestTheShippedFilesNameTheirSchemas(t *testing.T) {
	for file, s := range map[string]struct {
		name, command string
		want          []byte
	}{
		shippedFile:  {"flows.schema.json", "flows schema", flowfile.Schema()},
		shippedCases: {"flows_test.schema.json", "flows schema --cases", flowfile.CaseSchema()},
	} {
		if first, _, _ := strings.Cut(string(read(t, file)), "\n"); first != "# yaml-language-server: $schema="+s.name {
			t.Errorf("%s begins with %q, and does not name %s", file, first, s.name)
		}
		if got := read(t, filepath.Join(filepath.Dir(file), s.name)); strings.TrimSpace(string(got)) != strings.TrimSpace(string(s.want)) {
			t.Errorf("write into functions/%s what 'bin/aftercare %s' prints", s.name, s.command)
		}
	}
}

// ofShape are the mistakes that the schema must find, too.
var ofShape = regexp.MustCompile(`has no key|needs the key (name|on|steps|id|content|commandId|max|window|maxFailures|resumeAfter|timeZone|open|from|to|flows|version)|` +
	`is (a mapping|a list|text|true or false|a number|a duration)\b.*, but here|has no value| cannot be .*: write|must be from [0-9]+ to|is a number with a unit|` +
	`must consist of|does one thing|needs one of the keys|is only for steps with|is empty: (list|write)`)

// notOfShape are mistakes that look like those.
var notOfShape = regexp.MustCompile(`^onFailure cannot be|alert is empty|content is empty`)

func TestTheSchemaAndTheReaderAgreeOnEveryKey(t *testing.T) {
	schema.Agree(t, flowfile.Schema(), read(t, filepath.Join(fixtures, "good", "every-key.yaml")), 1000, ofShape, notOfShape, func(src []byte) error {
		_, err := flowfile.ReadIn(os.DirFS(filepath.Join(fixtures, "good")), "f", src)
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
	schema.Agree(t, flowfile.CaseSchema(), []byte(everyCaseKey), 300, ofShape, notOfShape, func(src []byte) error {
		_, err := flowfile.ReadCases("f", src)
		return err
	})
}

// [47]
func TestTheSchemaAndTheReaderOfCalendarsAgreeOnEveryKey(t *testing.T) {
	file := filepath.Join(fixtures, "good", "calendars", "holidays.yaml")
	schema.HasEveryKey(t, flowfile.CalendarSchema(), read(t, file))
	schema.Agree(t, flowfile.CalendarSchema(), read(t, file), 100, ofShape, notOfShape, func(src []byte) error {
		folder := fstest.MapFS{"c.yaml": {Data: src}}
		_, err := flowfile.ReadIn(folder, "f", []byte("version: 1\ndefaults: {windows: {calendar: c.yaml, timeZone: UTC, open: [{from: 08:00, to: 09:00}]}}\nflows: []\n"))
		return err
	})
}

func TestOneFileHasEveryKeyOfTheSchema(t *testing.T) {
	schema.HasEveryKey(t, flowfile.Schema(), read(t, filepath.Join(fixtures, "good", "every-key.yaml")))
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
