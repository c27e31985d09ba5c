package flow_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each rule of the package comment is named by the doc comment of a test that
// fails if it is broken, as its number in square brackets.
func TestEveryRuleIsNamedByATest(t *testing.T) {
	named := map[int][]string{}
	for _, dir := range []string{".", "../flowfile", "../engine", "../../tests/faults"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Errorf("%s has no tests", dir)
		}
		for _, name := range files {
			namedIn(t, name, named)
		}
	}
	rules := rulesOf(t, "doc.go")
	for _, rule := range rules {
		if len(named[rule]) == 0 {
			t.Errorf("no test names rule %d", rule)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(named)) {
		if !slices.Contains(rules, rule) {
			t.Errorf("%s names rule %d, which does not exist", strings.Join(named[rule], ", "), rule)
		}
	}
}

// rulesOf lists the numbers of the rules of a package comment.
func rulesOf(t *testing.T, name string) []int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var rules []int
	for _, m := range regexp.MustCompile(`(?m)^ +(\d+)\. `).FindAllStringSubmatch(file.Doc.Text(), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(rules) > 0 && n <= rules[len(rules)-1] {
			t.Errorf("rule %d stands behind rule %d", n, rules[len(rules)-1])
		}
		rules = append(rules, n)
	}
	if len(rules) < 50 {
		t.Fatalf("only %d rules were found in %s", len(rules), name)
	}
	return rules
}

// namedIn adds the tests of a file to the rules that they name.
func namedIn(t *testing.T, name string, named map[int][]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\[(\d+)\]`)
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		for _, m := range number.FindAllStringSubmatch(f.Doc.Text(), -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			named[n] = append(named[n], f.Name.Name)
		}
	}
}
