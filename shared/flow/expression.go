package flow

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
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

// options are what every expression of a flow on these kinds is compiled with.
func options(on kinds) []expr.Option {
	opts := []expr.Option{
		expr.Env(fieldTypes(on)),
		expr.MaxNodes(maxNodes),
		expr.DisableAllBuiltins(),
	}
	for _, name := range functions {
		opts = append(opts, expr.EnableBuiltin(name))
	}
	return append(opts, ours...)
}

// mistake is a fault inside an expression, at a character of it.
type mistake struct {
	offset int
	text   string
}

// compileExpression compiles the text of an expression for flows on these
// kinds. The extra options say what type it must have. Either the program or
// the list of mistakes is empty.
func compileExpression(text string, on kinds, extra ...expr.Option) (program *vm.Program, mistakes []mistake) {
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
	opts := append(options(on), extra...)
	tree, err := parseExpression(text, opts)
	if err == nil {
		if mistakes = review(tree, on); len(mistakes) > 0 {
			return nil, mistakes
		}
		program, err = expr.Compile(text, opts...)
	}
	if err != nil {
		m := mistakeOf(err)
		m.offset = min(m.offset, end)
		return nil, []mistake{m}
	}
	return program, nil
}

func mistakeOf(err error) mistake {
	var e *file.Error
	if errors.As(err, &e) {
		return mistake{e.From, e.Message}
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
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

// isScalar reports whether values of a static type can be turned into text;
// an unknown type may turn out to be one.
func isScalar(t reflect.Type) bool {
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
