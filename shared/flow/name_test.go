package flow_test

import (
	"strings"
	"testing"

	"aftercare/shared/flow"
)

func TestNamesOfFlows(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "0": true, "look-after": true, "7-": true, "a--b": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "A": false, "a_b": false, "a b": false, "a.b": false, "a/b": false, "*": false, "é": false,
		"a\n": false, "\na": false, "a\x00": false, strings.Repeat("a", 64): false,
	} {
		if got := flow.ValidName(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}
