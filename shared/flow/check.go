package flow

import (
	"strings"
)

// Scope is where an expression of a file stands, and so what it may name.
type Scope struct {
	// On is the kinds of event of the flow. An empty list allows the fields of
	// every kind, for files whose `on` cannot be read.
	On []string
	// Steps are the ids of the steps before. InFlow: it is the flow's own when,
	// before every step.
	Steps  []string
	InFlow bool
}

func (s Scope) scope() scope {
	out := scope{steps: strings.Join(s.Steps, " ")}
	for _, name := range s.On {
		out.on |= kindOf(name)
	}
	if s.InFlow {
		out.steps = none
	}
	return out
}

// Checker checks expressions as the functions compile them. It is not safe
// for concurrent use.
type Checker struct{ x *expressions }

// NewChecker returns a checker.
func NewChecker() *Checker { return &Checker{newExpressions()} }

// Condition checks a when.
func (c *Checker) Condition(text string, s Scope) []Mistake {
	if text == "" {
		return []Mistake{{0, "the expression is empty"}}
	}
	_, mistakes := c.x.condition(text, s.scope())
	return mistakes
}

// Template checks a text with ${{ }} in it. It also returns the text without
// its expressions, and whether there are any.
func (c *Checker) Template(text string, s Scope) (static string, dynamic bool, mistakes []Mistake) {
	t, mistakes := c.x.template(text, s.scope())
	return t.static(), t.dynamic(), mistakes
}

// Kinds lists the kinds of event that a flow can be for.
func Kinds() []string { return kindNames(ofAny) }
