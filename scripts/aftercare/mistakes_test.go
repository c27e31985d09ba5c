package main

import (
	"strings"
	"testing"

	"aftercare/shared/flowfile"
	"aftercare/shared/yamlfile"

	"github.com/google/go-cmp/cmp"
)

func TestMistakesAreShownWithAMarkUnderTheCharacter(t *testing.T) {
	long := strings.Repeat("x", 80)
	for name, c := range map[string]struct {
		src          string
		line, column int
		want         string
	}{
		"a plain line":              {"one\n  two: 3\n", 2, 8, "    2 |   two: 3\n      |        ^\n"},
		"the first character":       {"one", 1, 1, "    1 | one\n      | ^\n"},
		"behind the last character": {"one", 1, 4, "    1 | one\n      |    ^\n"},
		"an empty line":             {"one\n\n", 2, 1, "    2 | \n      | ^\n"},
		"tabs":                      {"a\tb\tc", 1, 5, "    1 | a\tb\tc\n      |  \t \t^\n"},
		"wide characters":           {`a: "日本" x`, 1, 9, "    1 | a: \"日本\" x\n      |           ^\n"},
		"combined characters":       {"e\u0301e\u0301x", 1, 5, "    1 | e\u0301e\u0301x\n      |   ^\n"},
		"characters out of sight":   {"a\x01b", 1, 3, "    1 | a\ufffdb\n      |   ^\n"},
		"bytes that are no text":    {"caf\xe9 x", 1, 6, "    1 | caf\ufffd x\n      |      ^\n"},
		"a mark at the begin":       {"\ufeffab", 1, 2, "    1 | ab\n      |  ^\n"},
		"ends of Windows":           {"ab\r\ncd\r\n", 2, 2, "    2 | cd\n      |  ^\n"},
		"a long line, its begin":    {"a" + long + long, 1, 1, "    1 | a" + long + long[:19] + "…\n      | ^\n"},
		"a long line, its middle":   {long + "a" + long, 1, 81, "    1 | …" + long[:50] + "a" + long[:49] + "…\n      | " + strings.Repeat(" ", 51) + "^\n"},
		"a long line, its end":      {long + long + "a", 1, 161, "    1 | …" + long[:50] + "a\n      | " + strings.Repeat(" ", 51) + "^\n"},
		"no such line":              {"one", 7, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			mistakes := yamlfile.Mistakes{{File: "f.yaml", Line: c.line, Column: c.column, Text: "it is wrong"}}
			got := excerpts([]byte(c.src), mistakes, nil)
			if diff := cmp.Diff(mistakes.Error()+"\n"+c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMistakesAreShownWithALineBetweenThem(t *testing.T) {
	src := []byte("version: 2\nflow: []\n")
	want := `f.yaml:1:10: this version is not known: write version: 1
    1 | version: 2
      |          ^

f.yaml:2:1: a flows file has no key "flow", did you mean "flows"?
    2 | flow: []
      | ^
`
	_, err := flowfile.Read("f.yaml", src)
	if diff := cmp.Diff(want, excerpts(src, err.(yamlfile.Mistakes), nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
