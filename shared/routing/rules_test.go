package routing_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aftercare/shared/decide"
	"aftercare/shared/routing"
	"aftercare/tests/rules"
)

// Each rule of the package comment is named by the doc comment of a test that
// fails if it is broken, as its number in square brackets.
func TestEveryRuleIsNamedByATest(t *testing.T) {
	rules.Check(t, map[string]string{"*_test.go": `\[\d+\]`})
}

// A new kind of alert must be added to Kinds, or be another's recovery.
func TestAMatchCanNameEveryKindOfAlert(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../decide/alert.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Alert") {
			return true
		}
		word, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		kind, _ := strconv.Unquote(word.Value)
		seen++
		if known := routing.Value(decide.Alert{Kind: decide.AlertKind(kind)}, "kind"); !slices.Contains(routing.Kinds, decide.AlertKind(known)) {
			t.Errorf("Kinds lacks %s", kind)
		}
		return true
	})
	if seen < len(routing.Kinds) {
		t.Errorf("saw %d kinds in shared/decide, want more", seen)
	}
}
