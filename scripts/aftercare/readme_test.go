package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"aftercare/scripts/internal/flowgraph"
	"aftercare/shared/alertfile"
	"aftercare/shared/flow"
	"aftercare/shared/flowfile"

	"github.com/google/go-cmp/cmp"
)

// excerpt is what stands between two texts of functions/README.md.
func excerpt(t *testing.T, begin, end string) string {
	t.Helper()
	guide, err := os.ReadFile("../../functions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(guide), begin)
	got, _, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("functions/README.md has no lines %q and %q", begin, end)
	}
	return strings.TrimSpace(got)
}

func TestTheGuideHasTheSettings(t *testing.T) {
	got := excerpt(t, "<!-- settings -->\n", "<!-- /settings -->\n")
	var want strings.Builder
	if err := printSettings(&want); err != nil {
		t.Fatal(err)
	}
	if got != strings.TrimSpace(want.String()) {
		t.Errorf("the settings in functions/README.md are\n%s\nput the output of 'bin/aftercare settings' in their place:\n%s", got, want.String())
	}
}

func TestTheGuideHasTheReference(t *testing.T) {
	got, want := excerpt(t, "<!-- reference -->\n", "<!-- /reference -->\n"), strings.TrimSpace(flowfile.Reference())
	if got != want {
		t.Errorf("put the output of 'bin/aftercare flows reference' between the marks in functions/README.md (-got +want):\n%s", cmp.Diff(got, want))
	}
}

func TestTheGuideDrawsAShippedFlow(t *testing.T) {
	got := excerpt(t, "<!-- graph -->\n```mermaid\n", "```\n<!-- /graph -->\n")
	src, err := os.ReadFile("../../functions/flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	flows, err := flowfile.Read("functions/flows.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(flows, func(d flow.Definition) bool { return d.Name == "restart-service" })
	if i < 0 {
		t.Fatal("restart-service is not shipped")
	}
	if want := flowgraph.Draw(flows[i]); got != strings.TrimSpace(want) {
		t.Errorf("the graph in functions/README.md is\n%s\nput the output of 'bin/aftercare flows graph functions/flows.yaml restart-service' in its place:\n%s", got, want)
	}
}

func TestTheGuidesFlowHasNoMistake(t *testing.T) {
	flow := excerpt(t, "```yaml\n", "\n```\n")
	secret := strings.Trim(excerpt(t, "<!-- secret -->\n```yaml\n", "```\n<!-- /secret -->\n"), "\n") + "\n"
	if found := flowfile.Inspect(nil, "functions/README.md", []byte(secret), nil, time.Time{}); len(found.Mistakes)+len(found.Warnings) > 0 {
		t.Errorf("the recipe for secrets has %v %v", found.Mistakes, found.Warnings)
	}
	calendar := fstest.MapFS{"c": {Data: []byte(excerpt(t, "<!-- calendar -->\n```yaml\n", "```\n<!-- /calendar -->\n"))}}
	if _, err := flowfile.ReadIn(calendar, "f", []byte("version: 1\ndefaults: {windows: {calendar: c, timeZone: UTC, open: [{from: 08:00, to: 09:00}]}}\nflows: []\n")); err != nil {
		t.Errorf("the calendar: %v", err)
	}
	if _, err := flowfile.Read("functions/README.md", []byte("version: 1\nflows:\n  "+flow)); err != nil {
		t.Errorf("%v", err)
	}
}

func TestTheGuidesAlertsFileHasNoMistake(t *testing.T) {
	src := excerpt(t, "<!-- alerts -->\n```yaml\n", "```\n<!-- /alerts -->\n")
	f, err := alertfile.Read("functions/README.md", []byte(src))
	if err != nil || len(f.Warnings) > 0 {
		t.Errorf("%v, %v", err, f)
	}
}

// TestTheGuidesTemplateHasNoMistake adds it to the guide's alerts.yaml.
func TestTheGuidesTemplateHasNoMistake(t *testing.T) {
	src := excerpt(t, "<!-- alerts -->\n```yaml\n", "```\n<!-- /alerts -->\n") + "\n" + excerpt(t, "<!-- template -->\n```yaml\n", "```\n<!-- /template -->\n")
	f, err := alertfile.Read("functions/README.md", []byte(strings.Replace(src, "language: zh", "language: zh, template: short", 1)))
	if err != nil || len(f.Warnings) > 0 || f.Templates["short"] == "" {
		t.Errorf("%v, %v", err, f)
	}
}

// TestTheGuideShowsAMistakeAsItIsPrinted validates the line that the guide
// shows, in a file where it is the fifth.
func TestTheGuideShowsAMistakeAsItIsPrinted(t *testing.T) {
	shown := excerpt(t, "compiled files are deployed.\n\n  ```\n", "\n  ```\n")
	_, rest, _ := strings.Cut(shown, "    5 | ")
	line, _, _ := strings.Cut(rest, "\n")
	t.Chdir(t.TempDir())
	file := "version: 1\nflows:\n  - name: a\n    on: task-completed\n" + line + "\n    steps:\n      - id: b\n        stop: failed\n"
	if err := os.WriteFile("flows.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	run(t.Context(), []string{"flows", "validate", "flows.yaml"}, os.Getenv, nil, &out, &out)
	if got, want := out.String(), strings.ReplaceAll(shown, "\n  ", "\n"); !strings.HasPrefix(got, want) {
		t.Errorf("functions/README.md shows\n%s\nand printed is\n%s", want, got)
	}
}
