package decide_test

import (
	"slices"
	"strings"
	"testing"

	"aftercare/shared/decide"

	"pgregory.net/rapid"
)

// (decide rule 14)
func TestKeysTellTheirPartsApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		parts := rapid.SliceOfN(rapid.String(), 1, 4)
		a, b := parts.Draw(rt, "a"), parts.Draw(rt, "b")
		ka, kb := decide.Key(a...), decide.Key(b...)
		if same := slices.Equal(a, b); same != (ka == kb) {
			rt.Fatalf("keys %s and %s of %q and %q", ka, kb, a, b)
		}
		if len(ka) != 32 || strings.Trim(ka, "0123456789abcdef") != "" {
			rt.Fatalf("key %q, want 32 hex digits", ka)
		}
	})
}
