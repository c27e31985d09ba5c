package flowfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aftercare/shared/flowfile"
	"aftercare/shared/yamlfile"
)

// graded is a mistake that people make, and what a message about it must say.
type graded struct {
	name, src    string
	line, column int
	severity     string
	words, never []string
}

// readGraded reads testdata/graded.txt, whose head says how it is written.
func readGraded(t *testing.T) (list []graded) {
	t.Helper()
	heads := regexp.MustCompile(`(?m)^-- (.*) --\n`)
	text := string(read(t, "testdata/graded.txt"))
	for _, at := range heads.FindAllStringSubmatchIndex(text, -1) {
		g := graded{name: text[at[2]:at[3]], src: text[at[1]:]}
		if next := heads.FindStringIndex(g.src); next != nil {
			g.src = g.src[:next[0]]
		}
		for {
			line, rest, _ := strings.Cut(g.src, "\n")
			kind, words, found := strings.Cut(line, ": ")
			if !found || kind != "mistake" && kind != "warning" && kind != "note" && kind != "never" {
				break
			}
			if kind == "never" {
				g.never = strings.Split(words, " | ")
			} else {
				g.severity, g.words = kind, strings.Split(words, " | ")
			}
			g.src = rest
		}
		before, after, found := strings.Cut(g.src, "▸")
		if !found || len(g.words) == 0 {
			t.Fatalf("%s has no place or no words", g.name)
		}
		g.src = before + after
		g.line = strings.Count(before, "\n") + 1
		g.column = len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
		list = append(list, g)
	}
	return list
}

// The mistakes that newcomers made, and twenty more, are all found, each at its
// place and in words that say what to write. [1] [6] [10] [85] [87] [88] [89]
func TestEveryGradedMistakeSaysWhatToWrite(t *testing.T) {
	list := readGraded(t)
	kinds := map[string]bool{}
	for _, g := range list {
		number, _, _ := strings.Cut(g.name, " ")
		kinds[number] = true
		t.Run(g.name, func(t *testing.T) {
			found := flowfile.Inspect(nil, "f", []byte(g.src), nil, time.Time{})
			good := false
			for severity, list := range map[string]yamlfile.Mistakes{"mistake": found.Mistakes, "warning": found.Warnings, "note": found.Notes} {
				for _, m := range list {
					good = good || severity == g.severity && g.in(m)
					for _, word := range g.never {
						if strings.Contains(m.Text, word) {
							t.Errorf("a message has %q: %s", word, m)
						}
					}
				}
			}
			if !good {
				t.Errorf("got mistakes:\n%s\nwarnings:\n%s\nwant a %s at %d:%d with %q", found.Mistakes, found.Warnings, g.severity, g.line, g.column, g.words)
			}
		})
	}
	if len(kinds) < 62 {
		t.Errorf("%d kinds of mistakes, want 62", len(kinds))
	}
}

// in reports whether a message is good for a mistake.
func (g graded) in(m yamlfile.Mistake) bool {
	for _, word := range g.words {
		if !strings.Contains(m.Text, word) {
			return false
		}
	}
	return fmt.Sprint(m.Line, m.Column) == fmt.Sprint(g.line, g.column)
}

// A warning that is wrong costs more than one that is missing. [88] [89]
func TestWhatIsMeantIsNoWarning(t *testing.T) {
	for _, file := range []string{"testdata/quiet.yaml", shippedFile} {
		found := flowfile.Inspect(os.DirFS(filepath.Dir(file)), "f", read(t, file), nil, time.Time{})
		if len(found.Mistakes)+len(found.Warnings) > 0 {
			t.Errorf("%s: got mistakes\n%s\nwarnings\n%s", file, found.Mistakes, found.Warnings)
		}
	}
}
