package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aftercare/shared/flow"
	"aftercare/shared/flowfile"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/parser"
	"pgregory.net/rapid"
)

// oracle evaluates an expression with expr's own machine, as it is written:
// without the optimizer.
func oracle(text string) (string, error) {
	e := ended()
	env := map[string]any{
		"event": map[string]any{
			"id": e.ID, "exitCode": e.ExitCode, "repeats": e.Repeats, "errorDesc": e.ErrorDesc, "requeued": e.Requeued,
			"startTime": e.StartTime.Format(time.RFC3339), "finishTime": e.FinishTime.Format(time.RFC3339),
		},
		"run": map[string]any{"depth": 2},
	}
	program, err := expr.Compile(text, expr.Optimize(false),
		expr.Function("split", func(args ...any) (any, error) {
			list := []any{} // of one type with other lists: expr tells empty ones of two types apart
			for _, part := range strings.Split(args[0].(string), args[1].(string)) {
				list = append(list, part)
			}
			return list, nil
		}, new(func(text, separator string) []string)),
		expr.Function("lines", func(args ...any) (any, error) {
			list := []any{}
			for text := args[0].(string); text != ""; {
				line, rest, _ := strings.Cut(text, "\n")
				list, text = append(list, strings.TrimSuffix(line, "\r")), rest
			}
			return list, nil
		}, new(func(text string) []string)),
		expr.Function("match", func(args ...any) (any, error) {
			found := regexp.MustCompile(args[1].(string)).FindStringSubmatch(args[0].(string))
			if found == nil {
				return nil, nil
			}
			return found[append(args, 0)[2].(int)], nil // no pattern here has a group that may be missing
		}, new(func(text, pattern string) string), new(func(text, pattern string, group int) string)),
		expr.Function("fromJSON", func(args ...any) (any, error) {
			var v any
			err := json.Unmarshal([]byte(args[0].(string)), &v)
			return v, err
		}, new(func(text string) any)),
		expr.Function("secondsBetween", func(args ...any) (any, error) {
			from, errFrom := time.Parse(time.RFC3339, args[0].(string))
			to, errTo := time.Parse(time.RFC3339, args[1].(string))
			return int(to.Sub(from).Seconds()), errors.Join(errFrom, errTo)
		}, new(func(from, to string) int)))
	if err != nil {
		return "", err
	}
	got, err := expr.Run(program, env)
	return fmt.Sprint(got), err
}

// evaluate evaluates an expression as the functions do. The value is printed as
// the function string prints it.
func evaluate(text string) (value string, failed string) {
	d := definition(onFailure(runStep("a", "x", "${{ string("+text+"\n) }}"), flow.FailureContinue))
	r := flow.NewRun("run-1", d, ended(), 2)
	if got := r.Begin(at(0)); len(got) > 0 {
		return got[0].Run.Parameters["x"], ""
	}
	return "", r.Steps[0].Reason
}

// agree compares how an expression is read and evaluated with expr, if the checker
// takes the expression.
func agree(t interface{ Errorf(string, ...any) }, checker flowfile.Checker, text string) (checked bool) {
	template := "${{ string(" + text + "\n) }}"
	mistakes := checker.Template(template, flow.Scope{On: both[:1], InFlow: true})
	if _, dynamic := flow.Static(template); len(mistakes) > 0 || !dynamic {
		return false
	}
	if want, err := parser.Parse(text); err == nil {
		if got, err := parser.Parse(flow.Read(text)); err != nil || got.Node.String() != want.Node.String() {
			t.Errorf("%s: it is read as %s", text, flow.Read(text))
		}
	}
	got, failed := evaluate(text)
	want, err := oracle("string(" + text + "\n)")
	switch {
	case !utf8.ValidString(want): // no parameter can be
	// expr takes the characters of a text for a list, if its checker does not know that
	// it is a text.
	case failed != "" && err == nil && strings.Contains(failed, "takes a list, but this is text"):
	case failed != "" && err == nil:
		t.Errorf("%s: got %q, want %q", text, failed, want)
	case failed == "" && err == nil && got != want:
		t.Errorf("%s: got %s, want %s", text, got, want)
	// expr makes the list of a range before it looks for a number in it, and
	// takes the smaller of an int and a float for an int.
	case failed == "" && err != nil && !strings.Contains(err.Error(), "memory budget") && !strings.Contains(err.Error(), "interface conversion"):
		t.Errorf("%s: got %s, want %v", text, got, err)
	}
	return true
}

// parts are expressions of each type, in which {…} stands for one of a type.
var parts = map[string][]string{
	"int": {
		"0", "1", "2", "-3", "0x1F", "1_000", "event.exitCode", "run.depth", "event?.repeats", "{int} + {int}", "{int} - {int}", "{int} * {int}",
		"{int} % {int}", "-{int}", "+{int}", "abs({int})", "len({text})", "len({list})", "int({float})", "int({text})", "indexOf({text}, {text})",
		"lastIndexOf({text}, {text})", "count({list}, {test})", "{list} | count({test})", "secondsBetween(event.startTime, event.finishTime)", "max({int}, {int})",
		"min({ints})", `int(match({text}, "[0-9]+"))`, `int(fromJSON("{int}"))`, "len(lines({text}))", "{bool} ? {int} : {int}", "({int})", "{any} ?? {int}", "first({ints})", "{ints}[{int}]", "{ints}[-1]", "{a: {int}}.a",
	},
	"float": {
		"1.5", ".5", "2e3", "{int} / {int}", "{float} * {int}", "{float} - {float}", "{int} ** {int}", "{int} ^ {float}", "float({text})", "float({int})",
		"round({float})", "floor({float})", "ceil({int})", "max({float}, {int})", "-{float}", "abs({float})", "min({int}, {float}, 2)",
	},
	"text": {
		`""`, `"a"`, `'b c'`, "`d\\`", `"é\n"`, `"\u00e9"`, "event.id", `event["errorDesc"]`, "{text} + {text}", "upper({text})", "lower({text})",
		"trim({text})", "trim({text}, {text})", "trimPrefix({text}, {text})", "trimSuffix({text}, {text})", "{text} | trim()", "string({any})", "{texts}[0]",
		"{text}[{int}:{int}]", "{text}[:{int}]", "{text}[{int}:]", "{bool} ? {text} : {text}", "last({texts})", `{"x y": {text}}["x y"]`, `match({text}, "(b).", 1) ?? "c"`, `match({text}, "^[a-e]")`,
	},
	"bool": {
		"true", "false", "event.requeued", "{int} == {int}", "{int} != {float}", "{text} == {text}", "{int} < {int}", "{float} >= {int}", "{text} <= {text}",
		"{int} < {int} < {int}", "{bool} && {bool}", "{bool} || {bool}", "{bool} and {bool} or {bool}", "not {bool}", "!{bool}", "{text} contains {text}",
		"{text} startsWith {text}", "{text} not endsWith {text}", `{text} matches "^[a-e]+"`, "{int} in {ints}", "{int} not in 1..{int}", "{float} in 1..3",
		"{text} in {texts}", "all({list}, {test})", "any({list}, {test})", "none({list}, {test})", "one({list}, {{test}})", "hasPrefix({text}, {text})",
		"hasSuffix({text}, {text})", "{bool} ? {bool} : {bool}", "({bool})", "{int} in 1..1000000000", "{bool} // a comment", "{list} == {list}", "{any} == {any}", `{text} in {"a": 1}`, "last({texts}) in {a: 1}", "{any} == nil",
	},
	"test": {"# == {int}", "# > 1", "true", "{bool}", `# == {text}`, "not (# in {list})", "len({text}) > #"},
	"ints": {"[{int}, {int}]", "1..{int}", "{int}..3", "filter({ints}, {test})", "[]", "{ints}[1:]"},
	"texts": {
		`split({text}, ",")`, `split({text}, "")`, `lines({text})`, `lines("a\nb\r\n")`, "[{text}, {text}]", `filter({texts}, # != {text})`, "{texts}[:{int}]", `filter([{a: {text}}], .a == {text})`,
	},
	"list": {"{ints}", "{texts}", "[{int}, {text}, {float}]", "[nil, {bool}]"},
	"any":  {"{int}", "{float}", "{text}", "{bool}", "{list}", "nil", "first({list})", "last({list})", "{a: {int}, b: {text}}", "first([{a: 1}])?.a", "first([])?.a?.b", "{a: nil}.a?.b ?? {int}"},
}

var hole = regexp.MustCompile(`\{(int|float|text|bool|test|ints|texts|list|any)\}`)

// written draws an expression of a type. Without brackets its parts may bind in
// another way than they were drawn.
func written(t *rapid.T, kind string, depth int) string {
	choices := parts[kind]
	if depth == 0 {
		choices = choices[:2]
	}
	return hole.ReplaceAllStringFunc(rapid.SampledFrom(choices).Draw(t, kind), func(name string) string {
		if depth == 0 {
			return "1"
		}
		inner := written(t, strings.Trim(name, "{}"), depth-1)
		if rapid.Bool().Draw(t, "in brackets") {
			inner = "(" + inner + ")"
		}
		return inner
	})
}

// The functions evaluate every expression as expr does. [10] [17]
func TestEvaluationsAgreeWithExpr(t *testing.T) {
	checker, checked := flowfile.NewChecker(), 0
	rapid.Check(t, func(rt *rapid.T) {
		for range 20 {
			if agree(rt, checker, written(rt, "any", 4)) {
				checked++
			}
		}
	})
	if checked < 300 {
		t.Errorf("only %d expressions were sound", checked)
	}
	// Each part at least once.
	for kind, all := range parts {
		for _, text := range all {
			for _, value := range []string{"1", "1.5", `"a"`, "true", "[1, 2]", "[]", "nil", "event.id"} {
				text := hole.ReplaceAllString(text, value)
				if kind == "test" {
					text = "filter([1, 2, 3], " + text + ")"
				}
				agree(t, checker, text)
			}
		}
	}
}
