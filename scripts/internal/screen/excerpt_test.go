package screen_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"aftercare/scripts/columns"
	"aftercare/scripts/internal/screen"
)

func TestAnExcerptShowsItsColumnOnOneShortLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("ab升\u0301\u202e\x1b\t")))).Draw(t, "line")
		line = strings.Repeat(line, rapid.IntRange(1, 40).Draw(t, "times"))
		column := rapid.IntRange(1, utf8.RuneCountInString(line)+1).Draw(t, "column")
		shown, lead := screen.Excerpt(line, column)
		if strings.ContainsFunc(shown, func(c rune) bool { return !unicode.IsGraphic(c) && c != '\t' }) {
			t.Fatalf("%q holds what a terminal would obey", shown)
		}
		if columns.Of(shown) > 100+4 {
			t.Fatalf("%q has %d columns", shown, columns.Of(shown))
		}
		if strings.Trim(lead, " \t") != "" || columns.Of(lead) > columns.Of(shown) {
			t.Fatalf("%q is under %q", lead, shown)
		}
	})
}
