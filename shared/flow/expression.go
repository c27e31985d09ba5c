package flow

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
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
	// memoryBudget bounds the elements of the lists that it makes when it is
	// run, and maxParts those of one split.
	memoryBudget = 10_000
	maxParts     = 1000
)

// functions are what an expression may call: pure, and bounded by the length
// of their arguments. Those that make text or lists longer than what they are
// given (repeat, replace, join, map, reduce), and those that read a clock or
// the host's time zones (now, date, timezone), are left out on purpose.
var functions = []string{
	"abs", "all", "any", "ceil", "count", "filter", "first", "float", "floor", "hasPrefix", "hasSuffix",
	"indexOf", "int", "last", "lastIndexOf", "len", "lower", "max", "min", "none", "one", "round",
	"secondsBetween", "split", "string", "trim", "trimPrefix", "trimSuffix", "upper",
}

// ours are the functions that the library does not have, or not like this.
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
		return time.Time{}, errors.New("secondsBetween was given a time that the event does not tell")
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("secondsBetween takes times such as event.startTime")
	}
	return t, nil
}

// mistake is a fault inside an expression, at a character of it.
type mistake struct {
	offset int
	text   string
}

// expressions compiles the expressions of one file. Files repeat themselves,
// so it keeps what it compiled. It is not safe for concurrent use.
type expressions struct {
	base     *conf.Config // what every config has in common
	configs  map[use]*conf.Config
	compiled map[expression]result
}

// use is where an expression stands.
type use struct {
	on kinds
	// condition: the result must be true or false, and else something that
	// has a text.
	condition bool
}

type expression struct {
	text string
	use
}

// result is a program or the mistakes that an expression contains.
type result struct {
	program  *vm.Program
	mistakes []mistake
}

func newExpressions() *expressions {
	base := conf.CreateNew()
	for _, opt := range append([]expr.Option{expr.MaxNodes(maxNodes)}, ours...) {
		opt(base)
	}
	for name := range base.Builtins {
		if !slices.Contains(functions, name) || base.Functions[name] != nil {
			delete(base.Builtins, name)
		}
	}
	return &expressions{base: base, configs: map[use]*conf.Config{}, compiled: map[expression]result{}}
}

// config is what the library needs to know for a use.
func (x *expressions) config(u use) *conf.Config {
	if known, ok := x.configs[u]; ok {
		return known
	}
	c := new(*x.base)
	expr.Env(fieldTypes(u.on))(c)
	if u.condition {
		expr.AsBool()(c)
		expr.WarnOnAny()(c)
	}
	x.configs[u] = c
	return c
}

// compile compiles the text of an expression. Either the program or the list
// of mistakes is empty.
func (x *expressions) compile(text string, u use) (*vm.Program, []mistake) {
	key := expression{text, u}
	done, ok := x.compiled[key]
	if !ok {
		done.program, done.mistakes = compileExpression(text, u.on, x.config(u))
		x.compiled[key] = done
	}
	return done.program, done.mistakes
}

// compileExpression does what expr.Compile does, with a look at the tree
// between its steps, and does not trust the library to survive every input.
func compileExpression(text string, on kinds, config *conf.Config) (program *vm.Program, mistakes []mistake) {
	end := utf8.RuneCountInString(strings.TrimRight(text, " \t\n"))
	switch {
	case strings.TrimSpace(text) == "":
		return nil, []mistake{{0, "the expression is empty"}}
	case end > maxExpression:
		return nil, []mistake{{0, fmt.Sprintf("the expression has %d characters: at most %d are allowed", end, maxExpression)}}
	}
	defer func() {
		if p := recover(); p != nil {
			program, mistakes = nil, []mistake{{0, "the expression cannot be compiled: write it in another way"}}
		}
	}()
	fail := func(err error) (*vm.Program, []mistake) {
		m := mistakeOf(err)
		if m.text == tooEarly {
			m.offset = end
		}
		return nil, []mistake{m}
	}
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return fail(err)
	}
	if mistakes = review(tree.Node, on); len(mistakes) > 0 {
		return nil, mistakes
	}
	resultType, err := checker.Check(tree, config)
	if err != nil {
		return fail(err)
	}
	if !hasText(resultType) {
		begin := utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t\n"))
		return nil, []mistake{{begin, "the result is neither text nor a number, true or false: select one of its parts"}}
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return fail(err)
	}
	program, err = compiler.Compile(tree, config)
	if err != nil {
		return fail(err)
	}
	return program, nil
}

// tooEarly is the mistake whose place is after the last character.
const tooEarly = "the expression ends too early"

// mistakeOf says in Aftercare's words what the library says about an
// expression.
func mistakeOf(err error) mistake {
	var e *file.Error
	if errors.As(err, &e) {
		switch e.Message {
		case "unexpected token EOF", "unexpected end of expression":
			return mistake{e.From, tooEarly}
		}
		return mistake{e.From, e.Message}
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	if found, ok := strings.CutPrefix(line, "expected bool, but got "); ok {
		return mistake{0, "it must be true or false, but this is " + found + ": compare it with something"}
	}
	return mistake{0, line}
}

// run evaluates a program. The error is one line and says what went wrong,
// for a person.
func run(program *vm.Program, env map[string]any) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, errors.New("the expression could not be evaluated")
		}
	}()
	machine := vm.VM{MemoryBudget: memoryBudget}
	value, err = machine.Run(program, env)
	if err != nil {
		text := strings.Join(strings.Fields(mistakeOf(err).text), " ")
		return nil, errors.New(shorten(text, 300))
	}
	return value, nil
}

func shorten(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit]) + "…"
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
