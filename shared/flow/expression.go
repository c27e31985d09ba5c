package flow

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxExpression is the most characters of one expression.
	maxExpression = 4096
	// memoryBudget bounds the elements of the lists that it makes when it runs,
	// and maxParts those of one split.
	memoryBudget = 10_000
	maxParts     = 1000
	// workBudget bounds the steps of one evaluation: one for each part of the
	// expression that is evaluated, each byte of text and each element of a list
	// that it takes or makes, and for a pattern each byte times the pattern's
	// parts, at most maxPattern. [17]
	workBudget = 10_000_000
	maxPattern = 1000
	// maxNested is how deep lists and mappings of JSON stand in one another.
	maxNested = 100
)

// Bounds are what bounds flows and expressions, each with its number.
func Bounds() []Bound {
	return []Bound{
		{maxExpression, "characters of one expression"},
		{workBudget, "steps of one evaluation: one for each part that is evaluated, each byte and each element that it takes or makes, and for a pattern each byte times the pattern's parts"},
		{maxPattern, "parts of a pattern, counting its repetitions"},
		{memoryBudget, "elements of the lists that one evaluation makes by .., [ ] or filter"},
		{maxParts, "parts of one split"},
		{maxNested, "lists and mappings of JSON in one another"},
		{maxAlert, "characters of an alert's text; the rest is cut off"},
		{MaxStarts, "flows that one event starts"},
		{MaxWaiting, "runs of a flow that wait on one instance"},
		{MaxInputs, "inputs of a flow"},
		{maxInputValue, "characters of an input's value"},
		{MaxDepth, "flows that follow from one another"},
	}
}

// Bound is one of Bounds.
type Bound struct {
	Most int
	Of   string
}

// Mistake is a mistake inside an expression, at a character of it, counted from
// 0. The text says what to write instead.
type Mistake struct {
	Offset int
	Text   string
	// Syntax: the text is no expression. Package flowfile knows more words for it.
	Syntax bool
	// Warning: it is probably not what was meant, but may be.
	Warning bool
}

// tooEarly is the mistake whose place is after the last character.
const tooEarly = "the expression ends too early"

// compile reads an expression and finds the names that it must not use. It does
// not know types: package flowfile has checked them. Either the tree or the
// list of mistakes is empty.
func compile(text string, s Scope) (*node, []Mistake) {
	end := utf8.RuneCountInString(strings.TrimRight(text, " \t\n"))
	switch {
	case strings.TrimSpace(text) == "":
		return nil, []Mistake{{Text: "the expression is empty"}}
	case end > maxExpression:
		return nil, []Mistake{{Text: fmt.Sprintf("the expression has %d characters: at most %d are allowed", end, maxExpression)}}
	}
	tree, mistake := parse(text)
	if mistake != nil {
		if mistake.Text == tooEarly {
			mistake.Offset = end
		}
		mistake.Syntax = true
		return nil, []Mistake{*mistake}
	}
	if mistakes := review(tree, s); len(mistakes) > 0 {
		return nil, mistakes
	}
	return tree, nil
}

// run evaluates an expression. The error is one line for people, without the
// values that caused it.
func run(n *node, env map[string]any) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, errors.New("the expression could not be evaluated")
		}
	}()
	return (&evaluation{env: env}).value(n)
}

// outermost takes an expression apart at its outermost &&.
func outermost(n *node) []*node {
	if n.is("&&", "and") {
		return append(outermost(n.args[0]), outermost(n.args[1])...)
	}
	return []*node{n}
}
