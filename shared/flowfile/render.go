package flowfile

import (
	"fmt"
	"strings"
	"unicode"
)

// maxShown is how many columns of a line are shown around a fault.
const maxShown = 100

// Render returns faults as one shows them to a person: each with the line of
// the source where it is, and a mark under the character. src is what was read.
func Render(src []byte, faults Faults) string {
	lines := strings.Split(normalized(src), "\n")
	var b strings.Builder
	for i, f := range faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String() + "\n")
		if f.Line < 1 || f.Line > len(lines) || f.Column < 1 {
			continue
		}
		line, mark := excerpt([]rune(strings.ToValidUTF8(lines[f.Line-1], "\ufffd")), f.Column-1)
		gutter := fmt.Sprintf("%5d | ", f.Line)
		fmt.Fprintf(&b, "%s%s\n%*s%s^\n", gutter, line, len(gutter), "| ", mark)
	}
	return b.String()
}

// excerpt cuts a line to what is shown of it, with the character at the given
// offset in it, and returns what leads to that character on the line below: as
// many columns, and tabs where the line has tabs.
func excerpt(line []rune, offset int) (shown, lead string) {
	offset = min(offset, len(line))
	begin, end := 0, len(line)
	before, after := "", ""
	if columns(line) > maxShown {
		begin = cutAt(line, offset, -1, maxShown/2)
		end = cutAt(line, offset, 1, maxShown/2+max(0, maxShown/2-columns(line[begin:offset])))
		if begin > 0 {
			before = "…"
		}
		if end < len(line) {
			after = "…"
		}
	}
	var text, mark strings.Builder
	mark.WriteString(strings.Repeat(" ", len([]rune(before))))
	for i, c := range line[begin:end] {
		wide := width(c)
		if unicode.IsControl(c) && c != '\t' {
			c, wide = '\ufffd', 1
		}
		text.WriteRune(c)
		switch {
		case begin+i >= offset:
		case c == '\t':
			mark.WriteByte('\t')
		default:
			mark.WriteString(strings.Repeat(" ", wide))
		}
	}
	return before + text.String() + after, mark.String()
}

// cutAt returns the offset that is so many columns away from another one, in
// the direction of step.
func cutAt(line []rune, offset, step, room int) int {
	for room > 0 && (step < 0 && offset > 0 || step > 0 && offset < len(line)) {
		c := offset
		if step < 0 {
			c--
		}
		room -= width(line[c])
		offset += step
	}
	return offset
}

func columns(line []rune) int {
	n := 0
	for _, c := range line {
		n += width(c)
	}
	return n
}

// wide are the characters that take two columns in a terminal: those of East
// Asia, and pictures.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x33ff, 1}, {0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1}, {0xa000, 0xa4cf, 1},
		{0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// width is how many columns a character takes.
func width(c rune) int {
	switch {
	case unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, c):
		return 2
	}
	return 1
}
