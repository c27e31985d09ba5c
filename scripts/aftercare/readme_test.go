package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"
)

// The README's table of settings stands between these.
const (
	settingsBegin = "<!-- settings -->\n"
	settingsEnd   = "<!-- /settings -->\n"
)

func TestTheREADMEHasTheSettings(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(readme), settingsBegin)
	got, _, ended := strings.Cut(rest, settingsEnd)
	if !begun || !ended {
		t.Fatalf("README.md has no lines %q and %q", settingsBegin, settingsEnd)
	}
	var want strings.Builder
	if err := printSettings(&want); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got) != strings.TrimSpace(want.String()) {
		t.Errorf("the settings in README.md are\n%s\nput the output of 'bin/aftercare settings' in their place:\n%s", got, want.String())
	}
}

// The README's graph stands between these.
const (
	graphBegin = "<!-- graph -->\n```mermaid\n"
	graphEnd   = "```\n<!-- /graph -->\n"
)

func TestTheREADMEDrawsAShippedFlow(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(readme), graphBegin)
	got, _, ended := strings.Cut(rest, graphEnd)
	if !begun || !ended {
		t.Fatalf("README.md has no lines %q and %q", graphBegin, graphEnd)
	}
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
	if want := flowfile.Graph(flows[i]); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the graph in README.md is\n%s\nput the output of 'bin/aftercare flows graph functions/flows.yaml restart-service' in its place:\n%s", got, want)
	}
}
