// Package screen is how the tools show what others wrote: in tables, in
// excerpts of files, and with nothing in it that a terminal would obey. It
// knows nothing of what is shown.
package screen

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer passes on what is written to it. Characters that a terminal would
// obey, or that are not seen, become escapes such as \u001b. In JSON these are
// the same characters, since its texts are the only place for them.
type Writer struct {
	out  io.Writer
	look Look
}

// NewWriter returns a Writer to out, with no limit of width and no colours.
func NewWriter(out io.Writer) Writer { return Writer{out: out} }

// With returns the Writer with another look.
func (w Writer) With(look Look) Writer {
	w.look = look
	return w
}

// Write writes whole characters: one that is continued by the next call is
// taken for bytes that are no text.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.out, visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw returns what is behind a Writer if that is no terminal, for bytes that
// programs are to get as they are. Otherwise it returns out.
func Raw(out io.Writer) io.Writer {
	if w, ok := out.(Writer); ok && !terminal(w.out) {
		return w.out
	}
	return out
}

// terminal reports whether out may be one.
func terminal(out io.Writer) bool {
	file, ok := out.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err != nil || info.Mode()&fs.ModeCharDevice != 0
}

// visible replaces what Writer does not pass on.
func visible(text string) string {
	clean := func(c rune) bool { return unicode.IsGraphic(c) || c == '\n' || c == '\t' }
	if utf8.ValidString(text) && strings.IndexFunc(text, func(c rune) bool { return !clean(c) }) < 0 {
		return text
	}
	var b strings.Builder
	for i, c := range text {
		switch high, low := utf16.EncodeRune(c); {
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], string(c)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case clean(c):
			b.WriteRune(c)
		case c > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}
