package screen_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"aftercare/scripts/internal/screen"
)

func shown(text string) string {
	var b strings.Builder
	fmt.Fprint(screen.NewWriter(&b), text)
	return b.String()
}

func TestWhatATerminalWouldObeyIsShown(t *testing.T) {
	for text, want := range map[string]string{
		"one\n\ttwo 升级 é ✅ \u00a0": "one\n\ttwo 升级 é ✅ \u00a0",
		"\x1b[2J\a\r\x00\x7f":      `\u001b[2J\u0007\u000d\u0000\u007f`,
		"\u0085\u009b\u2028\u2029": `\u0085\u009b\u2028\u2029`,
		"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069": `\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069`,
		"\ufeff\U000e0041":      `\ufeff\udb40\udc41`,
		"a\xffb\x9b\xe4\xbd":    `a\xffb\x9b\xe4\xbd`,
		"\ufffd is a character": "\ufffd is a character",
	} {
		if got := shown(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestEscapesInJSONAreTheSameValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]string{rapid.String().Draw(t, "key"): rapid.StringOf(rapid.OneOf(
			rapid.Rune(), rapid.RuneFrom(nil, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co))).Draw(t, "value")}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out := shown(string(text))
		var got map[string]string
		if err := json.Unmarshal([]byte(out), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(value) {
			t.Fatalf("%q became %q (%v)", text, out, err)
		}
		if strings.ContainsFunc(out, func(c rune) bool { return !unicode.IsGraphic(c) }) {
			t.Fatalf("%q holds what a terminal would obey", out)
		}
	})
}

// file is a writer of some mode.
type file struct {
	strings.Builder
	mode fs.FileMode
	err  error
}

func (f *file) Stat() (fs.FileInfo, error) { return info{f.mode}, f.err }

type info struct{ mode fs.FileMode }

func (info) Name() string        { return "out" }
func (info) Size() int64         { return 0 }
func (i info) Mode() fs.FileMode { return i.mode }
func (info) ModTime() time.Time  { return time.Time{} }
func (info) IsDir() bool         { return false }
func (info) Sys() any            { return nil }

func TestOnlyATerminalKeepsBytesFromComingAsTheyAre(t *testing.T) {
	const raw, quoted = "\x1b[2J\xff", `\u001b[2J\xff`
	for name, c := range map[string]struct {
		out  *file
		want string
	}{
		"a terminal":               {&file{mode: fs.ModeDevice | fs.ModeCharDevice}, quoted},
		"a pipe":                   {&file{mode: fs.ModeNamedPipe}, raw},
		"a file":                   {&file{}, raw},
		"what cannot be looked at": {&file{err: errors.New("closed")}, quoted},
	} {
		if _, err := io.WriteString(screen.Raw(screen.NewWriter(c.out)), raw); err != nil {
			t.Fatal(err)
		}
		if got := c.out.String(); got != c.want {
			t.Errorf("%s gets %q, want %q", name, got, c.want)
		}
	}
	var b strings.Builder
	_, _ = io.WriteString(screen.Raw(screen.NewWriter(&b)), raw)
	if b.String() != raw {
		t.Errorf("memory gets %q, want %q", b.String(), raw)
	}
}

func TestAWriterReportsAFailure(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if n, err := screen.NewWriter(w).Write([]byte("text")); n != 0 || err == nil {
		t.Errorf("got %d, %v", n, err)
	}
}
