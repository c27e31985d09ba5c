package flow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// condition is a when, taken apart into the clauses that must all hold.
type condition []clause

type clause struct {
	text    string
	program *vm.Program
	// names are what it reads, such as event.exitCode.
	names []string
}

// condition compiles a when; the empty one holds always.
func (x *expressions) condition(text string, s scope) (condition, []Mistake) {
	if text == "" {
		return nil, nil
	}
	s.condition = true
	tree, mistakes := x.parse(text, s)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	var c condition
	for _, n := range outermost(tree.Node) {
		// Read the node first: the library changes what it translates.
		part := clause{text: oneLine(n.String()), names: namesIn(n)}
		if part.program, _, mistakes = x.translate(&parser.Tree{Node: n, Source: tree.Source}, s); len(mistakes) > 0 {
			return nil, x.wholly(text, s, mistakes)
		}
		c = append(c, part)
	}
	return c, nil
}

// wholly returns the mistakes of the whole condition, whose places are more
// exact than those of a clause.
func (x *expressions) wholly(text string, s scope, ofClause []Mistake) []Mistake {
	tree, _ := x.parse(text, s)
	if _, _, mistakes := x.translate(tree, s); len(mistakes) > 0 {
		return mistakes
	}
	return ofClause
}

// oneLine is a clause as a reason shows it.
func oneLine(text string) string {
	return shorten(strings.Join(strings.Fields(text), " "), 300)
}

// holds evaluates the clauses in order. It returns the first that is false,
// nil if all hold.
func (c condition) holds(env map[string]any) (*clause, error) {
	for i := range c {
		value, err := run(c[i].program, env)
		if err != nil {
			return &c[i], err
		}
		if value != true {
			return &c[i], nil
		}
	}
	return nil, nil
}

// values returns the values of a clause's names, in the order of the clause.
func (c clause) values(env map[string]any) []Value {
	var out []Value
	for _, name := range c.names {
		var v any = env
		for _, part := range strings.Split(name, "\x00") {
			m, ok := v.(map[string]any)
			if !ok {
				v = nil
				break
			}
			v = m[part]
		}
		text := fmt.Sprint(v)
		if s, ok := v.(string); ok {
			text = fmt.Sprintf("%q", shorten(s, 200))
		}
		out = append(out, Value{Name: written(name), Value: text})
	}
	return out
}

// written is a name as people write it: event.exitCode, steps["the-id"].status.
func written(name string) string {
	parts := strings.Split(name, "\x00")
	out := parts[0]
	for _, p := range parts[1:] {
		if strings.Contains(p, "-") {
			out += fmt.Sprintf("[%q]", p)
		} else {
			out += "." + p
		}
	}
	return out
}

// Value is the value of a name in an expression, as one would write it there:
// text in quotes.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// namesIn lists the values that an expression reads, each once, in order. The
// parts of a name are joined by NUL.
func namesIn(n ast.Node) []string {
	c := &nameCollector{}
	ast.Walk(&n, c)
	return c.names
}

type nameCollector struct{ names []string }

func (c *nameCollector) Visit(n *ast.Node) {
	if name := nameOf(*n); strings.Contains(name, "\x00") && !slices.Contains(c.names, name) {
		// Visits come from the inside: steps.x before steps.x.status.
		c.names = slices.DeleteFunc(c.names, func(known string) bool { return strings.HasPrefix(name, known+"\x00") })
		c.names = append(c.names, name)
	}
}

// nameOf returns the name that a node stands for; empty if it is not a name.
func nameOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if slices.Contains(roots, n.Value) {
			return n.Value
		}
	case *ast.ChainNode:
		return nameOf(n.Node)
	case *ast.MemberNode:
		p, ok := n.Property.(*ast.StringNode)
		if base := nameOf(n.Node); ok && base != "" {
			return base + "\x00" + p.Value
		}
	}
	return ""
}
