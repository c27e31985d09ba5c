package functioncompute

import (
	"bytes"
	"io"
	"sync"
)

// lineLog lets several processes share a writer without mixing their lines.
type lineLog struct {
	mu sync.Mutex
	w  io.Writer
}

// writer returns a writer for one process, which prefixes every line. It
// must be flushed at the end; it is used by one goroutine at a time.
func (l *lineLog) writer(prefix string) *lineWriter {
	return &lineWriter{log: l, prefix: prefix}
}

type lineWriter struct {
	log    *lineLog
	prefix string
	rest   []byte // the part of a line that came without its end
}

// maxLine is the length at which a line without an end is broken.
const maxLine = 64 << 10

// Write accepts any piece of output, and passes on the lines that end in it.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 && len(w.rest) < maxLine {
			return len(p), nil
		}
		if end < 0 {
			end = len(w.rest) - 1
		}
		w.line(w.rest[:end+1])
		w.rest = append(w.rest[:0], w.rest[end+1:]...)
	}
}

// flush passes on a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.line(w.rest)
		w.rest = nil
	}
}

func (w *lineWriter) line(p []byte) {
	out := make([]byte, 0, len(w.prefix)+len(p)+1)
	out = append(append(out, w.prefix...), bytes.TrimSuffix(p, []byte("\n"))...)
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	// The log is for people; a function must not fail because it is full.
	_, _ = w.log.w.Write(append(out, '\n'))
}
