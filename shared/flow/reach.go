package flow

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// Command is a command that a flow sends, as the event of its end names it.
type Command struct {
	// Name is the command's name; empty for a saved command, whose name is not
	// in the file.
	Name string
	// ID is a saved command's id; empty for others, which get their id when they
	// are sent.
	ID string
}

// Starters returns a predicate: can the end of this command start d? Only
// event.kind, event.commandName, event.commandId and run.depth are known; every
// other value is assumed to match. The predicate is not safe for concurrent
// use. [81]
func Starters(d Definition) func(Command) bool {
	if !slices.Contains(d.On, TaskCompleted) {
		return func(Command) bool { return false }
	}
	if d.When == "" {
		return func(Command) bool { return true }
	}
	w := &weigher{x: newExpressions(), scope: scope{on: head{On: d.On}.kinds(), steps: none, condition: true}}
	if _, mistakes := w.x.condition(d.When, w.scope); len(mistakes) > 0 {
		return func(Command) bool { return false }
	}
	tree, _ := w.x.parse(d.When, w.scope)
	depths := 1
	if slices.Contains(namesIn(tree.Node), "run\x00depth") {
		depths = deepest
	}
	weigh := w.weigh(tree.Node, tree.Source)
	return func(by Command) bool {
		for depth := 1; depth <= depths; depth++ {
			if weigh(&assumption{Command: by, depth: depth}) != no {
				return true
			}
		}
		return false
	}
}

const (
	// deepest is how many flows can lead to an event that starts a flow. [50]
	deepest = 10
	// unknownName stands for the name of a saved command. Nobody writes it.
	unknownName = "\x00a saved command\x00"
)

// truth is what is known about a condition. The truth of && is the minimum of
// both sides, the truth of || the maximum.
type truth int

const (
	no truth = iota - 1
	maybe
	yes
)

// assumption is what is known about an event.
type assumption struct {
	Command
	depth int
	env   map[string]any // made when it is first needed
}

// name is the assumed event.commandName.
func (a *assumption) name() string {
	if a.Name == "" {
		return unknownName
	}
	return a.Name
}

func (a *assumption) environment() map[string]any {
	if a.env == nil {
		a.env = map[string]any{
			"event": map[string]any{"kind": TaskCompleted, "commandName": a.name(), "commandId": a.ID},
			"run":   map[string]any{"depth": a.depth},
		}
	}
	return a.env
}

// weigher turns a condition into a function that weighs it.
type weigher struct {
	x     *expressions
	scope scope
}

type weighing func(*assumption) truth

func (w *weigher) weigh(n ast.Node, source file.Source) weighing {
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			left, right := w.weigh(n.Left, source), w.weigh(n.Right, source)
			return func(a *assumption) truth { return min(left(a), right(a)) }
		case "||", "or":
			left, right := w.weigh(n.Left, source), w.weigh(n.Right, source)
			return func(a *assumption) truth { return max(left(a), right(a)) }
		}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			inner := w.weigh(n.Node, source)
			return func(a *assumption) truth { return -inner(a) }
		}
	case *ast.ConditionalNode:
		return choice(w.weigh(n.Cond, source), w.weigh(n.Exp1, source), w.weigh(n.Exp2, source))
	}
	return w.part(n, source)
}

// choice weighs cond ? then : otherwise.
func choice(cond, then, otherwise weighing) weighing {
	return func(a *assumption) truth {
		switch cond(a) {
		case yes:
			return then(a)
		case no:
			return otherwise(a)
		}
		if t := then(a); t == otherwise(a) {
			return t
		}
		return maybe
	}
}

// part weighs an expression that is not made of conditions. Its truth is known
// if it reads only known values.
func (w *weigher) part(n ast.Node, source file.Source) weighing {
	unknown := func(*assumption) truth { return maybe }
	needsID := false
	for _, name := range namesIn(n) {
		switch name {
		case "event\x00kind", "event\x00commandName", "run\x00depth":
		case "event\x00commandId":
			needsID = true
		default:
			return unknown
		}
	}
	if name, ok := literalName(n); ok {
		return func(a *assumption) truth {
			if a.name() == name {
				return yes
			}
			return no
		}
	}
	program, _, mistakes := w.x.translate(&parser.Tree{Node: n, Source: source}, w.scope)
	if len(mistakes) > 0 {
		return unknown
	}
	return func(a *assumption) truth {
		if needsID && a.ID == "" {
			return maybe
		}
		switch value, err := run(program, a.environment()); {
		case err != nil:
			return maybe
		case value == true:
			return yes
		}
		return no
	}
}

// literalName returns the name with which a condition compares the command's
// name. Most conditions do only that, and every flow of a file is weighed for
// every command: comparing directly is faster.
func literalName(n ast.Node) (string, bool) {
	b, ok := n.(*ast.BinaryNode)
	if !ok || b.Operator != "==" || nameOf(b.Left) != "event\x00commandName" {
		return "", false
	}
	literal, ok := b.Right.(*ast.StringNode)
	if !ok {
		return "", false
	}
	return literal.Value, true
}
