package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// ellipsis stands for what is cut off.
const ellipsis = "…"

// Width is how many columns a text takes in a terminal.
func Width(text string) int {
	n := 0
	for _, c := range text {
		n += columns(c)
	}
	return n
}

// columns is how many columns a character takes: two for those of East Asia
// and pictures, none for marks on the character before.
func columns(c rune) int {
	if unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut returns a text of at most so many columns.
func Cut(text string, most int) string {
	used, kept := 0, 0
	for i, c := range text {
		used += columns(c)
		// Marks take no columns, but must not be without end either.
		if used > most || i > 8*most {
			return text[:kept] + ellipsis
		}
		if used < most {
			kept = i + utf8.RuneLen(c)
		}
	}
	return text
}

// Plain is a text on one line, without anything that a terminal would obey,
// and a dash for none.
func Plain(text string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, text)
	if strings.TrimSpace(out) == "" {
		return "-"
	}
	return out
}
