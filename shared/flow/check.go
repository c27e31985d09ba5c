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
	// Output: the flow captures what the command of the event printed.
	Output bool
	// Silent are the ids of Steps whose output nobody captures.
	Silent []string
	// Sure are those of Steps that succeeded or were skipped if this one begins, since
	// the run ends if they fail; true if none skips them either.
	Sure map[string]bool
	// Inputs are those of the flow.
	Inputs map[string]Input
}

func (s Scope) scope() scope {
	out := scope{steps: strings.Join(s.Steps, " "), inputs: s.Inputs, output: s.Output}
	for _, name := range s.On {
		out.on |= kindOf(name)
	}
	if s.InFlow {
		out.steps = none
	}
	return out
}

// Sample returns an environment of zero values: what an expression may name,
// with values of the types that it will find.
func (s Scope) Sample() map[string]any { return s.scope().sample() }

// Checker checks expressions. It is not safe for concurrent use.
type Checker struct {
	types Types
	words Words
}

// Types finds the mistakes of an expression that lie in its types or syntax.
// Read is the expression as the functions read it.
type Types func(text, read string, s Scope, condition bool) []Mistake

// Words puts the mistakes that this package finds in an expression into better
// words, for people who know other languages.
type Words func(text string, mistakes []Mistake) []Mistake

// NewChecker returns a checker. The functions know no types: package flowfile,
// which they do not link, does.
func NewChecker(types Types, words Words) *Checker { return &Checker{types, words} }

// Condition checks a when.
func (c *Checker) Condition(text string, s Scope) []Mistake {
	_, mistakes := c.compile(text, s, true)
	return mistakes
}

// Template checks a text with ${{ }} in it. It also returns the text without
// its expressions, and whether there are any.
func (c *Checker) Template(text string, s Scope) (static string, dynamic bool, mistakes []Mistake) {
	t, mistakes := compileTemplate(text, func(expression string) (*node, []Mistake) { return c.compile(expression, s, false) })
	return t.static(), t.dynamic(), mistakes
}

func (c *Checker) compile(text string, s Scope, condition bool) (*node, []Mistake) {
	tree, mistakes := compile(text, s.scope())
	if len(mistakes) > 0 {
		return nil, c.words(text, mistakes)
	}
	return tree, c.types(text, tree.String(), s, condition)
}

// Kinds lists the kinds of event that a flow can be for.
func Kinds() []string { return kindNames(ofAny) }
