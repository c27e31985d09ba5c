package screen

import (
	"strings"
	"unicode"

	"aftercare/scripts/columns"
)

// maxExcerpt is how many columns of a line are shown.
const maxExcerpt = 100

// Excerpt cuts a line to what is shown of it around a column, and returns what
// leads to that column on the line below: as many columns, and tabs where the
// line has tabs. Columns count from 1, in characters; the last one is behind
// the line.
func Excerpt(line string, column int) (shown, lead string) {
	chars := []rune(strings.ToValidUTF8(line, "\ufffd"))
	for i, c := range chars {
		if !unicode.IsGraphic(c) && c != '\t' {
			chars[i] = '\ufffd'
		}
	}
	offset := min(column-1, len(chars))
	begin, end := 0, len(chars)
	before, after := "", ""
	if columns.Of(string(chars)) > maxExcerpt {
		begin = cutAt(chars, offset, -1, maxExcerpt/2)
		end = cutAt(chars, offset, 1, maxExcerpt/2+max(0, maxExcerpt/2-columns.Of(string(chars[begin:offset]))))
		if begin > 0 {
			before = ellipsis
		}
		if end < len(chars) {
			after = ellipsis
		}
	}
	var mark strings.Builder
	mark.WriteString(strings.Repeat(" ", columns.Of(before)))
	for _, c := range chars[begin:offset] {
		if c == '\t' {
			mark.WriteByte('\t')
		} else {
			mark.WriteString(strings.Repeat(" ", columns.Rune(c)))
		}
	}
	return before + string(chars[begin:end]) + after, mark.String()
}

// cutAt returns the offset that is so many columns away from another one, in
// the direction of step.
func cutAt(line []rune, offset, step, room int) int {
	for room > 0 && (step < 0 && offset > 0 || step > 0 && offset < len(line)) {
		c := offset
		if step < 0 {
			c--
		}
		room -= columns.Rune(line[c])
		offset += step
	}
	return offset
}
