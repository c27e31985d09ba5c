package screen

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"
)

// Look is how a Writer's output may look.
type Look struct {
	// Width is how many columns a line may take; 0 means any number.
	Width int
	// Colour says that words may be coloured.
	Colour bool
	// Lively says that a line may be written over.
	Lively bool
}

// LookOf returns the look of an output. A terminal has its own width, and colours
// unless the variable NO_COLOR is set; the variable COLUMNS sets the width of any
// output.
func LookOf(out io.Writer, getenv func(string) string) Look {
	var l Look
	if Terminal(out) {
		l.Width = 80
		if width, _, err := term.GetSize(int(out.(*os.File).Fd())); err == nil && width > 0 {
			l.Width = width
		}
		l.Lively = getenv("TERM") != "dumb"
		l.Colour = l.Lively && getenv("NO_COLOR") == ""
	}
	if width, err := strconv.Atoi(getenv("COLUMNS")); err == nil && width > 0 {
		l.Width = width
	}
	return l
}

// Wide returns a Writer's look without a limit of width, and other outputs as they are.
func Wide(out io.Writer) io.Writer {
	w, ok := out.(Writer)
	if !ok {
		return out
	}
	w.look.Width = 0
	return w
}

// Terminal reports whether a stream is one at which a person sits.
func Terminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colour is one of a terminal's own colours. It only supports a word that says the
// same.
type Colour int

// The colours of good, doubtful and bad news.
const (
	Plainly Colour = 0
	Red     Colour = 31
	Green   Colour = 32
	Yellow  Colour = 33
)

// paint writes a text, in colour if w has any.
func paint(w io.Writer, c Colour, text string) {
	out, ok := w.(Writer)
	if !ok || !out.look.Colour || c == Plainly {
		_, _ = io.WriteString(w, text)
		return
	}
	fmt.Fprintf(out.out, "\x1b[%dm", c)
	_, _ = io.WriteString(w, text)
	_, _ = io.WriteString(out.out, "\x1b[0m")
}

// Busy says on a terminal what is waited for, and for how long, once that is more
// than a second. The function that it returns ends that and removes the line.
func Busy(w io.Writer, what string) (end func()) {
	out, ok := w.(Writer)
	if !ok || !out.look.Lively {
		return func() {}
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for seconds := 1; ; seconds++ {
			select {
			case <-ended:
				if seconds > 1 {
					_, _ = io.WriteString(out.out, "\r\x1b[K")
				}
				return
			case <-ticks.C:
				line := Cut(visible(fmt.Sprintf("%s … %d s", what, seconds)), max(out.look.Width-1, 20))
				_, _ = io.WriteString(out.out, "\r"+line+"\x1b[K")
			}
		}
	}()
	return func() { close(ended); <-gone }
}
