package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	numbered = regexp.MustCompile(`(?m)^ +(\d+)\. `)
	naming   = regexp.MustCompile(`\((?:command )?rules? ([0-9, ]+)\)`)
	number   = regexp.MustCompile(`\d+`)
	sourced  = regexp.MustCompile(`\[(agent|api|linux|own)(, (agent|api|linux|own))*\]`)
)

// Each rule of the package comment gives its source, and is named by the doc
// comment of a test, as (rule n) here and as (command rule n) elsewhere.
func TestEveryRuleIsNamedByATest(t *testing.T) {
	named := map[string][]string{}
	for pattern, word := range map[string]string{"*_test.go": "(rule", "../assistant/*_test.go": "(command rule", "../../tests/localcloud/ecs/*_test.go": "(command rule"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests at %s, %v", pattern, err)
		}
		for _, name := range files {
			for _, d := range parsed(t, name).Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
					continue
				}
				for _, m := range naming.FindAllStringSubmatch(strings.ReplaceAll(f.Doc.Text(), "\n", " "), -1) {
					if !strings.HasPrefix(m[0], word) {
						continue
					}
					for _, n := range number.FindAllString(m[1], -1) {
						named[n] = append(named[n], f.Name.Name)
					}
				}
			}
		}
	}
	text := parsed(t, "doc.go").Doc.Text()
	places := numbered.FindAllStringSubmatchIndex(text, -1)
	if len(places) < 20 {
		t.Fatalf("only %d rules were found", len(places))
	}
	var rules []string
	for i, p := range places {
		rule, end := text[p[2]:p[3]], len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		rules = append(rules, rule)
		if !sourced.MatchString(strings.ReplaceAll(text[p[1]:end], "\n", " ")) {
			t.Errorf("rule %s gives no source", rule)
		}
		if len(named[rule]) == 0 {
			t.Errorf("no test names rule %s", rule)
		}
	}
	for n, tests := range named {
		if !slices.Contains(rules, n) {
			t.Errorf("%v name rule %s, which does not exist", tests, n)
		}
	}
}

func parsed(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
