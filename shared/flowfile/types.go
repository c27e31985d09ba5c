package flowfile

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"aftercare/shared/flow"
	"aftercare/shared/wording"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
)

// maxNodes bounds the parts of an expression.
const maxNodes = 1000

// Checker checks expressions with expr, which knows types. What expr refuses is a
// mistake. It holds expr's config for each scope: many expressions have the same. It
// is not safe for concurrent use.
type Checker map[string]*conf.Config

// NewChecker returns a checker.
func NewChecker() Checker { return Checker{} }

// Condition checks a when.
func (c Checker) Condition(text string, s flow.Scope) []flow.Mistake {
	return c.check(text, &lint{place: place{Scope: s}}, true)
}

// Template checks a text with ${{ }} in it.
func (c Checker) Template(text string, s flow.Scope) []flow.Mistake {
	return c.template(text, place{Scope: s})
}

func (c Checker) template(text string, at place) []flow.Mistake {
	return flow.CheckTemplate(text, func(expression string) []flow.Mistake {
		return c.check(expression, &lint{place: at}, false)
	})
}

// check finds the mistakes of an expression, what package flow finds first.
func (c Checker) check(text string, l *lint, condition bool) []flow.Mistake {
	if mistakes := flow.Check(text, l.Scope); len(mistakes) > 0 {
		return wording.Syntax(text, mistakes)
	}
	l.text = text
	return c.types(l, condition)
}

// base is what every config has in common. It is copied, and never changed.
var base = sync.OnceValue(func() conf.Config {
	c := conf.CreateNew()
	unused := func(...any) (any, error) { return nil, errors.New("it is not evaluated here") }
	for _, option := range []expr.Option{
		expr.MaxNodes(maxNodes),
		expr.Function("secondsBetween", unused, new(func(from, to string) int)),
		expr.Function("split", unused, new(func(text, separator string) []string)),
		expr.Function("fromJSON", unused, new(func(text string) any)),
		expr.Function("lines", unused, new(func(text string) []string)),
		expr.Function("match", unused, new(func(text, pattern string) string), new(func(text, pattern string, group int) string)),
	} {
		option(c)
	}
	for name := range c.Builtins {
		if !slices.Contains(flow.Functions(), name) || c.Functions[name] != nil {
			delete(c.Builtins, name)
		}
	}
	return *c
})

func (c Checker) config(s flow.Scope, condition bool) *conf.Config {
	key := fmt.Sprint(s, condition)
	if known, ok := c[key]; ok {
		return known
	}
	made := base()
	expr.Env(typesOf(s.Sample()))(&made)
	if condition {
		expr.AsBool()(&made)
		expr.WarnOnAny()(&made)
	}
	c[key] = &made
	return &made
}

func typesOf(values map[string]any) types.Map {
	m := types.Map{}
	for name, v := range values {
		if nested, ok := v.(map[string]any); ok {
			m[name] = typesOf(nested)
		} else {
			m[name] = types.TypeOf(v)
		}
	}
	return m
}

// types finds the mistakes of an expression that lie in its types. It does not trust
// the library to survive every input.
func (c Checker) types(l *lint, condition bool) (mistakes []flow.Mistake) {
	defer func() {
		if recover() != nil {
			mistakes = []flow.Mistake{{Text: "the expression cannot be compiled: write it in another way"}}
		}
	}()
	config := c.config(l.Scope, condition)
	tree, err := parser.ParseWithConfig(l.text, config)
	if err != nil {
		return []flow.Mistake{wording.Types(err, nil)}
	}
	result, err := checker.Check(tree, config)
	if err == nil {
		ast.Walk(&tree.Node, l)
		if condition {
			l.given = l.contradictions(part{tree.Node, true}, l.given)
		}
		err = optimizer.Optimize(&tree.Node, config)
	}
	if err == nil {
		_, err = compiler.Compile(tree, config)
	}
	if err != nil {
		return []flow.Mistake{wording.Types(err, tree.Node)}
	}
	if !condition && !hasText(result) {
		begin := utf8.RuneCountInString(l.text) - utf8.RuneCountInString(strings.TrimLeft(l.text, " \t\n"))
		return []flow.Mistake{{Offset: begin, Text: "the result is neither text nor a number, true or false: select one of its parts"}}
	}
	_, alone := tree.Node.(*ast.MemberNode)
	if name := tree.Node.String(); !condition && alone && strings.HasPrefix(name, "instance.tags") && !slices.ContainsFunc(l.given, func(f fact) bool { return f.name == name }) {
		l.add(tree.Node, true, "%s may be missing, and then this step ends as invalid: write %[1]s ?? \"unknown\"", name)
	}
	return l.found
}

// hasText reports whether values of a static type can be turned into text; an
// unknown type may turn out to be one.
func hasText(t reflect.Type) bool {
	return t != nil && slices.Contains([]reflect.Kind{
		reflect.String, reflect.Bool, reflect.Interface, reflect.Int, reflect.Int64, reflect.Float64,
	}, t.Kind())
}
