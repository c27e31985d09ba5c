package flow

import (
	"slices"
	"strings"
)

// unknown is a value that nobody knows before a command has run: what a step
// prints, and what follows from that. Only rehearsals have it. [91]
type unknown struct {
	// of are the steps whose outputs decide, sorted.
	of []string
	// like is a value of its type; nil if its type is not known.
	like any
	// fails: for some outputs there is no value, only an error.
	fails bool
}

// String says what it depends on.
func (u unknown) String() string { return dependsOn(u.of) }

// Error makes it what a truth that is neither yes nor no returns.
func (u unknown) Error() string { return u.String() }

// dependsOn says in words that something depends on what steps print.
func dependsOn(steps []string) string {
	verb := " prints"
	if len(steps) > 1 {
		verb = " print"
	}
	return "depends on what " + strings.Join(steps, " and ") + verb
}

// with is the unknown that depends on another one, too. The type stays.
func (u unknown) with(other unknown) unknown {
	return unknown{union(u.of, other.of), u.like, u.fails || other.fails}
}

// union returns the words of two lists, sorted, each once.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// undecided is a condition that depends on what steps print.
type undecided struct {
	unknown
	clauses []string
	// never: it does not hold, whatever is printed; but it may not be evaluated.
	never bool
}

func (u undecided) Error() string { return u.String() + " (" + strings.Join(u.clauses, " && ") + ")" }

// total are the operators and functions that have a value for all operands of
// types that they take at all. What is not there may fail.
var total = map[string]bool{
	"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true, "+": true, "-": true, "*": true, "/": true, "**": true, "^": true, "!": true, "not": true,
	"contains": true, "startsWith": true, "endsWith": true, "matches": true, "in": true, opSlice: true,
	"trim": true, "trimPrefix": true, "trimSuffix": true, "lower": true, "upper": true, "hasPrefix": true, "hasSuffix": true,
	"indexOf": true, "lastIndexOf": true, "len": true, "lines": true, "string": true, "abs": true, "ceil": true, "floor": true, "round": true, "min": true, "max": true,
}

// results are values like those of functions that may fail.
var results = map[string]any{
	"int": 0, "float": 0.0, "all": false, "any": false, "none": false, "one": false, "count": 0, "secondsBetween": 0,
}

// operator is the node's operator, or the name of the function that it calls.
func (n *node) operator() string {
	if n.op == opCall {
		return n.value.(string)
	}
	return n.op
}

// among returns the unknown among a node's operands; ok is false without one.
func (n *node) among(args []any) (u unknown, ok bool) {
	for _, arg := range args {
		switch v := arg.(type) {
		case unknown:
			u, ok = u.with(v), true
		case map[string]any: // all that is known of a step or of all
			if n.op == opMember || n.op == opSafe {
				continue
			}
			for _, part := range v {
				if inner, is := n.among([]any{part}); is {
					u, ok = u.with(inner), true
				}
			}
		}
	}
	return u, ok
}

// through is what an operator or function makes of operands of which u is the
// unknown part.
func (e *evaluation) through(n *node, args []any, u unknown) unknown {
	name, typed := n.operator(), true
	samples := slices.Clone(args)
	for i, arg := range args {
		if v, ok := arg.(unknown); ok {
			samples[i] = v.like
			typed = typed && v.like != nil
		}
	}
	switch {
	case name == "==" || name == "!=":
		u.like = false
	case name == "match" && typed:
		u.like = nil // text or nil
	case typed && total[name]:
		var err error
		if u.like, err = e.apply(n, samples); err == nil {
			return u
		}
		u.fails = true // whatever is printed
	default:
		u.like, u.fails = results[name], true
	}
	return u
}

// ways is the value of a choice whose condition is unknown: known if every way
// has the same. [91]
func (e *evaluation) ways(n *node, u unknown) (any, error) {
	var found []any
	switch {
	case n.op == "??":
		found = append(found, u)
	case n.op != opChoice:
		found = append(found, n.is("||", "or")) // then the condition decides
	}
	for _, way := range n.args[1:] {
		v, err := e.value(way)
		if inner, ok := v.(unknown); ok {
			u = u.with(inner)
		}
		if u.fails = u.fails || err != nil; err == nil {
			found = append(found, v)
		}
	}
	same := !u.fails
	for i, v := range found {
		if inner, ok := v.(unknown); ok {
			v, same = inner.like, false
		}
		same = same && equal(v, found[0])
		if like := zero(v); i == 0 {
			u.like = like
		} else if u.like != like {
			u.like = nil
		}
	}
	if same && len(found) > 0 {
		return found[0], nil
	}
	return u, nil
}

// zero is a value of the same type; nil for lists and mappings.
func zero(v any) any {
	switch v.(type) {
	case bool:
		return false
	case int:
		return 0
	case float64:
		return 0.0
	case string:
		return ""
	}
	return nil
}
