package flow

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

const (
	version  = "1"
	maxSteps = 20
)

// isIdentifier reports whether s is 1 to 63 small letters, digits and -, and
// does not begin with -. A regular expression would be compiled at every cold
// start.
func isIdentifier(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '-' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// flowCompiler turns a parsed file into flows. Its methods add a fault for
// whatever they cannot use and go on.
type flowCompiler struct {
	*source
	*expressions
}

func (c *flowCompiler) file() []*compiledFlow {
	m := c.mapping(c.root, "a flows file", "version", "flows")
	if m == nil {
		return nil
	}
	if n := c.required(m, "a flows file", "version", "write version: "+version); n != nil {
		if n = c.resolve(n); n != nil {
			if i, ok := n.(*ast.IntegerNode); !ok || i.GetToken().Value != version {
				c.add(c.at(n), "this version is not known: write version: %s", version)
			}
		}
	}
	var flows []*compiledFlow
	names := map[string]position{}
	for _, n := range c.list(c.required(m, "a flows file", "flows", "write flows: [] for none"), "flows") {
		if f := c.flow(n, names); f != nil {
			flows = append(flows, f)
		}
	}
	return flows
}

// required returns the value of a key, and adds a fault if there is none.
func (c *flowCompiler) required(m *mapping, what, key, advice string) ast.Node {
	e := m.entry(key)
	switch {
	case e.value == nil:
		c.add(e.at, "%s needs the key %s: %s", what, key, advice)
		return nil
	case e.value.Type() == ast.NullType:
		c.add(e.at, "%s has no value: %s", key, advice)
		return nil
	}
	return e.value
}

func (c *flowCompiler) flow(n ast.Node, names map[string]position) *compiledFlow {
	m := c.mapping(n, "a flow", "name", "on", "when", "steps")
	if m == nil {
		return nil
	}
	f := &compiledFlow{}
	f.name = c.identifier(c.required(m, "a flow", "name", "name it, for example collect-logs"), "a flow's name", names)
	f.on = c.kind(c.required(m, "a flow", "on", "say for which event it is, "+TaskCompleted+" or "+FirstHeartbeat))
	if when := m.find("when"); when != nil {
		f.when = c.condition(when, f.on)
	}
	steps := c.required(m, "a flow", "steps", "list at least one step")
	items := c.list(steps, "steps")
	if steps != nil && items != nil && len(items) == 0 {
		c.add(c.at(steps), "steps is empty: list at least one step")
	}
	if len(items) > maxSteps {
		c.add(c.at(items[maxSteps]), "this is step %d: a flow has at most %d", maxSteps+1, maxSteps)
		return f
	}
	ids := map[string]position{}
	for _, item := range items {
		f.steps = append(f.steps, c.step(item, f, ids))
	}
	return f
}

// identifier reads a name that stands for something and must be there once.
func (c *flowCompiler) identifier(n ast.Node, what string, seen map[string]position) string {
	if n == nil {
		return ""
	}
	sc, ok := c.scalar(n, what, false)
	if !ok {
		return ""
	}
	at := c.at(sc.node)
	if !isIdentifier(sc.text) {
		c.add(at, "%s must consist of a-z, 0-9 and -, begin with a letter or digit, and have at most 63 characters; this is %.70q", what, sc.text)
		return ""
	}
	first, again := seen[sc.text]
	switch {
	case !again:
		seen[sc.text] = at
	case first == at:
		c.add(at, "%s must be there once, but an alias repeats %s: write it out with another one", what, sc.text)
	default:
		c.add(at, "%s must be there once: %s is already in line %d", what, sc.text, first.line)
	}
	return sc.text
}

// kind reads the event that a flow is for. If it cannot be read, the result is
// 0, under which expressions may name every field.
func (c *flowCompiler) kind(n ast.Node) kinds {
	if n == nil {
		return 0
	}
	sc, ok := c.scalar(n, "on", false)
	if !ok {
		return 0
	}
	on := kindOf(sc.text)
	if on == 0 {
		c.add(c.at(sc.node), "there is no event %.60q%s", sc.text, suggest(sc.text, "the events", kindNames(ofAny)))
	}
	return on
}

func (c *flowCompiler) condition(n ast.Node, on kinds) *condition {
	sc, ok := c.scalar(n, "when", true)
	if !ok {
		return nil
	}
	if i := strings.Index(sc.text, opening); i >= 0 {
		c.add(c.locate(sc, utf8.RuneCountInString(sc.text[:i])), "when is an expression already: write it without ${{ and }}")
		return nil
	}
	program, mistakes := c.compile(sc.text, use{on: on, condition: true})
	c.mistakes(sc, "when", mistakes)
	return &condition{text: oneLine(sc.text), program: program}
}

func (c *flowCompiler) mistakes(sc scalar, what string, mistakes []mistake) {
	for _, m := range mistakes {
		at := c.locate(sc, m.offset)
		if c.commentFollows(sc, at) {
			m.text += " (here # begins a comment of YAML: put the text in quotes)"
		}
		c.add(at, "%s: %s", what, m.text)
	}
}

func (c *flowCompiler) step(n ast.Node, f *compiledFlow, ids map[string]position) compiledStep {
	var step compiledStep
	m := c.mapping(n, "a step", "id", "run")
	if m == nil {
		return step
	}
	step.id = c.identifier(c.required(m, "a step", "id", "name it, for example collect"), "a step's id", ids)
	if n := c.required(m, "a step", "run", "say which command to run"); n != nil {
		c.run(n, f, &step)
	}
	return step
}
