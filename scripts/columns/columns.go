// Package columns measures texts by the columns that they take in a terminal.
package columns

import (
	"unicode"

	"golang.org/x/text/width"
)

// Of is how many columns a text takes.
func Of(text string) int {
	n := 0
	for _, c := range text {
		n += Rune(c)
	}
	return n
}

// Rune is how many columns a character takes: two for those of East Asia and
// pictures, none for marks on the character before.
func Rune(c rune) int {
	if unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
