package flow

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

const (
	// maxExpression is the most characters of one expression.
	maxExpression = 4096
	// maxNodes bounds its parts.
	maxNodes = 1000
	// memoryBudget bounds the elements of the lists that it makes when it runs,
	// and maxParts those of one split.
	memoryBudget = 10_000
	maxParts     = 1000
)

// functions are what an expression may call: pure, and bounded by the length
// of their arguments. Functions that make text or lists longer than their
// arguments (repeat, replace, join, map, reduce), and those that read a clock
// or the host's time zones (now, date, timezone), are left out on purpose.
var functions = []string{
	"abs", "all", "any", "ceil", "count", "filter", "first", "float", "floor", "hasPrefix", "hasSuffix",
	"indexOf", "int", "last", "lastIndexOf", "len", "lower", "max", "min", "none", "one", "round",
	"secondsBetween", "split", "string", "trim", "trimPrefix", "trimSuffix", "upper",
}

// ours are functions that the library lacks or defines differently.
var ours = []expr.Option{
	expr.Function("secondsBetween", func(args ...any) (any, error) {
		from, err := parseTime(args[0].(string))
		if err != nil {
			return nil, err
		}
		to, err := parseTime(args[1].(string))
		if err != nil {
			return nil, err
		}
		return int(to.Sub(from) / time.Second), nil
	}, new(func(from, to string) int)),
	expr.Function("split", func(args ...any) (any, error) {
		parts := strings.SplitN(args[0].(string), args[1].(string), maxParts+1)
		if len(parts) > maxParts {
			return nil, fmt.Errorf("split makes more than %d parts", maxParts)
		}
		return parts, nil
	}, new(func(text, separator string) []string)),
}

func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, errors.New("secondsBetween got an empty time: the event does not contain it")
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("secondsBetween takes times such as event.startTime")
	}
	return t, nil
}

// Mistake is a mistake inside an expression, at a character of it, counted from
// 0. The text says what to write instead.
type Mistake struct {
	Offset int
	Text   string
}

// scope is where an expression stands, and so what it may name.
type scope struct {
	on kinds
	// steps are the ids that may be named after steps, joined by spaces; the
	// constant none in a flow's own when, where steps does not exist.
	steps string
	// condition: the result must be true or false; otherwise it must be
	// something that has a text.
	condition bool
}

// none is the steps of a scope that has no steps.
const none = "-"

func (s scope) stepIDs() []string { return strings.Fields(s.steps) }

// expressions compiles expressions. Many expressions have the same scope, so it
// keeps the library's config for each. It is not safe for concurrent use.
type expressions struct{ configs map[scope]*conf.Config }

func newExpressions() *expressions { return &expressions{map[scope]*conf.Config{}} }

// base is what every config has in common. It is copied, and never changed.
var base = sync.OnceValue(func() conf.Config {
	c := conf.CreateNew()
	for _, opt := range append([]expr.Option{expr.MaxNodes(maxNodes)}, ours...) {
		opt(c)
	}
	for name := range c.Builtins {
		if !slices.Contains(functions, name) || c.Functions[name] != nil {
			delete(c.Builtins, name)
		}
	}
	return *c
})

// config returns the library's config for a scope.
func (x *expressions) config(s scope) *conf.Config {
	if known, ok := x.configs[s]; ok {
		return known
	}
	c := base()
	expr.Env(knownTypes(s))(&c)
	if s.condition {
		expr.AsBool()(&c)
		expr.WarnOnAny()(&c)
	}
	x.configs[s] = &c
	return &c
}

// parse reads an expression and finds the names that it must not use. It does
// not trust the library to survive every input.
func (x *expressions) parse(text string, s scope) (tree *parser.Tree, mistakes []Mistake) {
	end := utf8.RuneCountInString(strings.TrimRight(text, " \t\n"))
	switch {
	case strings.TrimSpace(text) == "":
		return nil, []Mistake{{0, "the expression is empty"}}
	case end > maxExpression:
		return nil, []Mistake{{0, fmt.Sprintf("the expression has %d characters: at most %d are allowed", end, maxExpression)}}
	}
	defer recovered(&mistakes)
	tree, err := parser.ParseWithConfig(text, x.config(s))
	if err != nil {
		m := mistakeOf(err)
		if m.Text == tooEarly {
			m.Offset = end
		}
		return nil, []Mistake{m}
	}
	if mistakes = review(tree.Node, s); len(mistakes) > 0 {
		return nil, mistakes
	}
	return tree, nil
}

func recovered(mistakes *[]Mistake) {
	if recover() != nil {
		*mistakes = []Mistake{{0, "the expression cannot be compiled: write it in another way"}}
	}
}

// compile compiles the text of an expression whose result has a text. Either
// the program or the list of mistakes is empty.
func (x *expressions) compile(text string, s scope) (*vm.Program, []Mistake) {
	tree, mistakes := x.parse(text, s)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	program, resultType, mistakes := x.translate(tree, s)
	if len(mistakes) == 0 && !hasText(resultType) {
		begin := utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t\n"))
		return nil, []Mistake{{begin, "the result is neither text nor a number, true or false: select one of its parts"}}
	}
	return program, mistakes
}

// translate does what expr.Compile does after parsing.
func (x *expressions) translate(tree *parser.Tree, s scope) (program *vm.Program, result reflect.Type, mistakes []Mistake) {
	defer recovered(&mistakes)
	config := x.config(s)
	result, err := checker.Check(tree, config)
	if err == nil {
		err = optimizer.Optimize(&tree.Node, config)
	}
	if err == nil {
		program, err = compiler.Compile(tree, config)
	}
	if err != nil {
		return nil, nil, []Mistake{mistakeOf(err)}
	}
	return program, result, nil
}

// tooEarly is the mistake whose place is after the last character.
const tooEarly = "the expression ends too early"

// mistakeOf turns the library's error about an expression into a mistake.
func mistakeOf(err error) Mistake {
	var e *file.Error
	if errors.As(err, &e) {
		switch e.Message {
		case "unexpected token EOF", "unexpected end of expression":
			return Mistake{e.From, tooEarly}
		}
		return Mistake{e.From, e.Message}
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	if found, ok := strings.CutPrefix(line, "expected bool, but got "); ok {
		return Mistake{0, "it must be true or false, but this is " + found + ": compare it with something"}
	}
	return Mistake{0, line}
}

// quoting lists messages of the library that quote a value, and their
// replacements: the value can be a command's output, which must not outlive the
// run in a record [72].
var quoting = []struct{ begins, text string }{
	{"invalid operation: int(", "int got something that is not a whole number: trim removes white space around one"},
	{"invalid operation: float(", "float got something that is not a number: trim removes white space around one"},
	{"cannot fetch ", "there is no part with this name or number"},
}

// run evaluates a program. The error is one line for people, without the values
// that caused it.
func run(program *vm.Program, env map[string]any) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, errors.New("the expression could not be evaluated")
		}
	}()
	machine := vm.VM{MemoryBudget: memoryBudget}
	value, err = machine.Run(program, env)
	if err != nil {
		text := strings.Join(strings.Fields(mistakeOf(err).Text), " ")
		for _, q := range quoting {
			if strings.HasPrefix(text, q.begins) {
				text = q.text
			}
		}
		return nil, errors.New(shorten(text, 300))
	}
	return value, nil
}

// hasText reports whether values of a static type can be turned into text; an
// unknown type may turn out to be one.
func hasText(t reflect.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Interface,
		reflect.Int, reflect.Int64, reflect.Float64:
		return true
	}
	return false
}

// outermost takes an expression apart at its outermost &&.
func outermost(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
		return append(outermost(b.Left), outermost(b.Right)...)
	}
	return []ast.Node{n}
}
