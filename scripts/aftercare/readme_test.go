package main

import (
	"os"
	"strings"
	"testing"
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
