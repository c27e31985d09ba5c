package flow

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// predicates are the functions whose second argument is evaluated for each
// element of the first.
var predicates = []string{"all", "any", "count", "filter", "none", "one"}

// functions are what an expression may call: pure, and bounded by the length
// of their arguments. Functions that make text or lists longer than their
// arguments (repeat, replace, join, map, reduce), and those that read a clock
// or the host's time zones (now, date, timezone), are left out on purpose.
var functions = slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(plainFunctions)), predicates...)))

// plainFunctions are the others. They may panic about arguments of the wrong
// number or type, which the checker refuses.
var plainFunctions = map[string]func(args []any) (any, error){
	"abs":            abs,
	"ceil":           rounding(math.Ceil),
	"first":          func(args []any) (any, error) { return end(args[0], 0), nil },
	"float":          toFloat,
	"floor":          rounding(math.Floor),
	"fromJSON":       ofTexts(fromJSON),
	"hasPrefix":      texts(func(t []string) any { return strings.HasPrefix(t[0], t[1]) }),
	"hasSuffix":      texts(func(t []string) any { return strings.HasSuffix(t[0], t[1]) }),
	"indexOf":        texts(func(t []string) any { return strings.Index(t[0], t[1]) }),
	"int":            toInt,
	"last":           func(args []any) (any, error) { return end(args[0], -1), nil },
	"lastIndexOf":    texts(func(t []string) any { return strings.LastIndex(t[0], t[1]) }),
	"len":            length,
	"lines":          ofTexts(lines),
	"lower":          texts(func(t []string) any { return strings.ToLower(t[0]) }),
	"match":          match,
	"max":            func(args []any) (any, error) { return extreme("<", args) },
	"min":            func(args []any) (any, error) { return extreme(">", args) },
	"round":          rounding(math.Round),
	"secondsBetween": ofTexts(secondsBetween),
	"split":          ofTexts(split),
	"string":         func(args []any) (any, error) { return fmt.Sprint(args[0]), nil },
	"trim":           texts(trim),
	"trimPrefix":     texts(func(t []string) any { return strings.TrimPrefix(t[0], append(t, " ")[1]) }),
	"trimSuffix":     texts(func(t []string) any { return strings.TrimSuffix(t[0], append(t, " ")[1]) }),
	"upper":          texts(func(t []string) any { return strings.ToUpper(t[0]) }),
}

// texts makes a function of texts.
func texts(f func(t []string) any) func([]any) (any, error) {
	return ofTexts(func(t []string) (any, error) { return f(t), nil })
}

// ofTexts is texts for a function that may fail. What fromJSON gives may be no text,
// which no checker knows.
func ofTexts(f func(t []string) (any, error)) func([]any) (any, error) {
	return func(args []any) (any, error) {
		t := make([]string, len(args))
		for i, arg := range args {
			text, ok := arg.(string)
			if !ok {
				return nil, fmt.Errorf("text is expected, but this is %s", typeOf(arg))
			}
			t[i] = text
		}
		return f(t)
	}
}

// typeOf says in words what a value is.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing (nil)"
	case bool:
		return "true or false"
	case int, float64:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	}
	return "a mapping"
}

func trim(t []string) any {
	if len(t) == 1 {
		return strings.TrimSpace(t[0])
	}
	return strings.Trim(t[0], t[1])
}

func rounding(f func(float64) float64) func([]any) (any, error) {
	return func(args []any) (any, error) {
		x, ok := float(args[0])
		if !ok {
			return nil, fmt.Errorf("only numbers can be rounded, but this is %s", typeOf(args[0]))
		}
		return f(x), nil
	}
}

func abs(args []any) (any, error) {
	negative, err := calculate("<", []any{args[0], 0})
	if err == nil && negative == true {
		return calculate("-", args)
	}
	return args[0], err
}

// end is the first or last element of a list, nil if the list is empty.
func end(list any, i int) any {
	v, err := member(list, i)
	if err != nil {
		return nil
	}
	return v
}

// The errors do not quote the value: it can be a command's output, which must
// not outlive the run in a record. [72]
func toFloat(args []any) (any, error) {
	x, ok := float(args[0])
	if text, isText := args[0].(string); isText {
		var err error
		x, err = strconv.ParseFloat(text, 64)
		ok = err == nil
	}
	if !ok {
		return nil, notNumber("float", "a number", args[0])
	}
	return x, nil
}

func toInt(args []any) (any, error) {
	i, err := integer(args[0])
	if text, ok := args[0].(string); ok {
		i, err = strconv.Atoi(text)
	}
	if err != nil {
		return nil, notNumber("int", "a whole number", args[0])
	}
	return i, nil
}

func notNumber(function, want string, got any) error {
	if got == nil {
		return fmt.Errorf("%s got nothing, as from a match that fails or from a missing tag: write ?? and another value behind it", function)
	}
	return fmt.Errorf("%s got something that is not %s: trim removes white space around one", function, want)
}

func length(args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return nil, fmt.Errorf("invalid argument for len (%s)", typeOf(args[0]))
}

// extreme is the number, also of those in lists, that no other exceeds: op says
// when another is preferred.
func extreme(op string, args []any) (any, error) {
	var best any
	for _, v := range args {
		if list, ok := v.([]any); ok {
			var err error
			if v, err = extreme(op, list); err != nil {
				return nil, err
			}
			if v == nil {
				continue
			}
		}
		if _, ok := float(v); !ok {
			return nil, fmt.Errorf("only numbers can be compared, but this is %s", typeOf(v))
		}
		if best == nil {
			best = v
		} else if exceeds, _ := calculate(op, []any{best, v}); exceeds == true {
			best = v
		}
	}
	return best, nil
}

func secondsBetween(t []string) (any, error) {
	from, errFrom := parseTime(t[0])
	to, errTo := parseTime(t[1])
	if err := cmp.Or(errFrom, errTo); err != nil {
		return nil, err
	}
	return int(to.Sub(from) / time.Second), nil
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

func split(t []string) (any, error) {
	parts := strings.SplitN(t[0], t[1], maxParts+1)
	if len(parts) > maxParts {
		return nil, fmt.Errorf("split makes more than %d parts", maxParts)
	}
	list := make([]any, len(parts))
	for i, part := range parts {
		list[i] = part
	}
	return list, nil
}

// predicate applies a function to a list and a predicate, in whose absence the
// elements themselves count.
func (e *evaluation) predicate(name string, args []*node) (any, error) {
	v, err := e.value(args[0])
	if err != nil {
		return nil, err
	}
	if u, ok := v.(unknown); ok {
		return unknown{u.of, results[name], true}, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s takes a list, but this is %s", name, typeOf(v))
	}
	body := &node{op: opElement}
	if len(args) > 1 {
		body = args[1]
	}
	kept := []any{}
	for _, v := range list {
		e.element = v
		truth, err := e.truth(body)
		if err != nil {
			return nil, err
		}
		if truth {
			kept = append(kept, v)
		}
		if name == "all" && !truth || truth && (name == "any" || name == "none") {
			break // the rest may fail
		}
	}
	switch name {
	case "all":
		return len(kept) == len(list), nil
	case "any":
		return len(kept) > 0, nil
	case "none":
		return len(kept) == 0, nil
	case "one":
		return len(kept) == 1, nil
	case "count":
		return len(kept), nil
	}
	return kept, e.grow(len(kept))
}

// Functions lists the functions that an expression may call.
func Functions() []string { return slices.Clone(functions) }
