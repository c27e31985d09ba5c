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

// starting stands in unknown.of for the command of the event. [45]
const starting = "the starting command"

// dependsOn says in words that something depends on what steps print.
func dependsOn(steps []string) string {
	verb := " prints"
	if len(steps) > 1 {
		verb = " print"
	}
	return "depends on what " + strings.Join(steps, " and ") + verb
}

// with is the unknown that depends on another value, too. The type stays.
func (u unknown) with(other any) unknown {
	if v, ok := other.(unknown); ok {
		return unknown{union(u.of, v.of), u.like, u.fails || v.fails}
	}
	return u
}

// union returns the words of two lists, sorted, each once.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// total are the operators and functions that have a value for all operands of
// types that they take at all. What is not there may fail.
var total = strings.Fields(`== != < <= > >= + - * / ** ^ ! not contains startsWith endsWith matches in [:] trim trimPrefix trimSuffix
	lower upper hasPrefix hasSuffix indexOf lastIndexOf len lines string abs ceil floor round min max`)

// results are values like those of functions that may fail.
var results = map[string]any{
	"int": 0, "float": 0.0, "all": false, "any": false, "none": false, "one": false, "count": 0, "secondsBetween": 0,
}

// among returns the unknown among operands; ok is false without one.
func among(args []any) (u unknown, ok bool) {
	for _, arg := range args {
		if v, is := arg.(unknown); is {
			u, ok = u.with(v), true
		}
	}
	return u, ok
}

// through is what an operator or function makes of operands of which u is the
// unknown part.
func (e *evaluation) through(n *node, args []any, u unknown) unknown {
	name, typed := n.op, true
	if name == opCall {
		name = n.value.(string)
	}
	samples := slices.Clone(args)
	for i, arg := range args {
		if v, ok := arg.(unknown); ok {
			samples[i], typed = v.like, typed && v.like != nil
		}
	}
	switch {
	case name == "==" || name == "!=":
		u.like = false
	case name == "match" && typed:
		u.like = nil // text or nil
	case typed && slices.Contains(total, name):
		var err error
		u.like, err = e.apply(n, samples)
		u.fails = u.fails || err != nil
	default:
		u.like, u.fails = results[name], true
	}
	return u
}
