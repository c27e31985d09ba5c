package access

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Entry is what a service notes about a request for the log of requests.
type Entry struct {
	Call string // of its API; the method and path if empty
	// About names the call's subject: a table, an instance, a bus, a function.
	About string
	Code  string // of its API's error; the HTTP status if empty
}

// recorder is a ResponseWriter that collects what goes into the log.
type recorder struct {
	http.ResponseWriter
	status int
	entry  Entry
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// EntryOf returns the entry of the request that w answers. Services fill it in,
// whether it is logged or not.
func EntryOf(w http.ResponseWriter) *Entry {
	if r, ok := w.(*recorder); ok {
		return &r.entry
	}
	return &Entry{}
}

// logged serves a request and writes its line: service, call, subject, code and
// duration, in one Write.
func logged(to io.Writer, service string, next http.Handler, w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	begin := time.Now()
	cut := true
	defer func() {
		code := cmp.Or(rec.entry.Code, strconv.Itoa(rec.status))
		if cut {
			code = "cut"
		}
		call := word(cmp.Or(rec.entry.Call, r.URL.Path))
		if rec.entry.Call == "" {
			call = word(r.Method) + " " + call
		}
		fmt.Fprintf(to, "%s %s %s %s %d ms\n", service, call, word(cmp.Or(rec.entry.About, "-")), word(code),
			time.Since(begin).Milliseconds())
	}()
	next.ServeHTTP(rec, r)
	cut = false
}

// word turns a client's text into one harmless word.
func word(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
