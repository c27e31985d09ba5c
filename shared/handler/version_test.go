package handler_test

import (
	"strings"
	"testing"

	"aftercare/shared/version"
)

// TestAnAnswerAndEachLineNameTheVersion, so that people see which one handled an input
// while an alias divides them among two.
func TestAnAnswerAndEachLineNameTheVersion(t *testing.T) {
	r := rigWith(t, "i-1")
	out, err := r.FirstHeartbeat(r.Boot("i-1"))
	must(t, err)
	if out.Version != version.Name() || out.Version == "" {
		t.Errorf("the answer names version %q, want %q", out.Version, version.Name())
	}
	lines := strings.Split(strings.TrimSpace(r.Log.String()), "\n")
	for _, line := range lines {
		if !strings.Contains(line, `"version":"`+version.Name()+`"`) {
			t.Errorf("a line names no version: %s", line)
		}
	}
}
