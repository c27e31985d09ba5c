package screen

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"aftercare/scripts/columns"
)

// ellipsis stands for what is cut off.
const ellipsis = "…"

// Cut returns a text of at most so many columns.
func Cut(text string, most int) string {
	used, kept := 0, 0
	for i, c := range text {
		used += columns.Rune(c)
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

// Wrapped breaks a text into lines of at most so many columns: between words, and
// in longer words between the characters of East Asia. An id stays whole.
func Wrapped(text string, width int) []string { return wrapped(text, width, true) }

// wrapped breaks longer words anywhere, unless they stay whole.
func wrapped(text string, width int, whole bool) (lines []string) {
	for _, word := range strings.Fields(text) {
		if n := len(lines) - 1; n >= 0 && columns.Of(lines[n])+1+columns.Of(word) <= width {
			lines[n] += " " + word
			continue
		}
		line, used := "", 0
		for _, c := range word {
			if wide := columns.Rune(c); (wide == 2 || !whole) && used > 0 && used+wide > width {
				lines, line, used = append(lines, line), "", 0
			}
			line, used = line+string(c), used+columns.Rune(c)
		}
		lines = append(lines, line)
	}
	return lines
}

// Say prints a text after a lead, which may be empty, on lines that fit the Writer's
// width. A text that must be broken continues below where it began.
func Say(w io.Writer, lead, text string) {
	indent := columns.Of(lead)
	out, _ := w.(Writer)
	lines := []string{text}
	if width := out.look.Width; width > 0 && indent+columns.Of(text) > width {
		lines = Wrapped(text, max(width-indent, leastCell))
	}
	_, _ = io.WriteString(w, lead+strings.Join(lines, "\n"+strings.Repeat(" ", indent))+"\n")
}
