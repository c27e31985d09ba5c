// Package rules holds a specification to its tests. A specification is the
// package comment of a doc.go: a list of numbered rules. Tests name the rules that
// they hold in their doc comments, and stories, which are text files, in theirs.
package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Rule is one rule of a specification.
type Rule struct {
	Number int
	Text   string // on one line
}

var (
	numbered = regexp.MustCompile(`(?m)^ +(\d+)\. `)
	number   = regexp.MustCompile(`\d+`)
)

// Check fails the test if a rule of ./doc.go is named by no test, or if a test
// names a rule that does not exist. Names maps each glob of test files, or of
// stories (*.txt, whose comments are lines that begin with #), to the regular
// expression that finds names of rules there; what it matches contains their
// numbers. Check returns the rules.
func Check(t *testing.T, names map[string]string) []Rule {
	t.Helper()
	list := listed(t)
	tests := map[int][]string{}
	for glob, expression := range names {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests at %s, %v", glob, err)
		}
		for _, file := range files {
			read(t, file, regexp.MustCompile(expression), tests)
		}
	}
	for _, r := range list {
		if len(tests[r.Number]) == 0 {
			t.Errorf("no test names rule %d", r.Number)
		}
		delete(tests, r.Number)
	}
	for n, names := range tests {
		t.Errorf("rule %d does not exist, and is named by %s", n, strings.Join(names, ", "))
	}
	return list
}

// listed returns the rules of doc.go.
func listed(t *testing.T) (list []Rule) {
	t.Helper()
	text := parsed(t, "doc.go").Doc.Text()
	places := numbered.FindAllStringSubmatchIndex(text, -1)
	if len(places) == 0 {
		t.Fatal("doc.go has no rules")
	}
	for i, p := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		n, _ := strconv.Atoi(text[p[2]:p[3]])
		if i > 0 && n <= list[i-1].Number {
			t.Errorf("rule %d stands behind rule %d", n, list[i-1].Number)
		}
		list = append(list, Rule{n, strings.Join(strings.Fields(text[p[1]:end]), " ")})
	}
	return list
}

// read adds the tests of a file, or a story, to the rules that they name.
func read(t *testing.T, file string, names *regexp.Regexp, tests map[int][]string) {
	t.Helper()
	add := func(test, comment string) {
		for _, name := range names.FindAllString(strings.ReplaceAll(comment, "\n", " "), -1) {
			for _, digits := range number.FindAllString(name, -1) {
				n, _ := strconv.Atoi(digits)
				if !slices.Contains(tests[n], test) {
					tests[n] = append(tests[n], test)
				}
			}
		}
	}
	if filepath.Ext(file) == ".txt" {
		add(filepath.Base(file), comments(t, file))
		return
	}
	for _, d := range parsed(t, file).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
			add(f.Name.Name, f.Doc.Text())
		}
	}
}

// comments are the comments of a story.
func comments(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if comment, found := strings.CutPrefix(line, "#"); found {
			out.WriteString(comment)
		}
	}
	return out.String()
}

func parsed(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
