package flow

import (
	"cmp"
	"slices"
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
	tree, mistakes := compile(d.When, newHead(d).scope())
	if len(mistakes) > 0 {
		return func(Command) bool { return false }
	}
	depths := 1
	if slices.Contains(namesIn(tree), "run\x00depth") {
		depths = MaxDepth
	}
	weigh := tree.weigh()
	return func(by Command) bool {
		for depth := 1; depth <= depths; depth++ {
			if weigh(&assumption{Command: by, depth: depth}) != no {
				return true
			}
		}
		return false
	}
}

// unknownName stands for the name of a saved command. Nobody writes it.
const unknownName = "\x00a saved command\x00"

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

func (a *assumption) environment() map[string]any {
	if a.env == nil {
		a.env = map[string]any{
			"event": map[string]any{"kind": TaskCompleted, "commandName": cmp.Or(a.Name, unknownName), "commandId": a.ID},
			"run":   map[string]any{"depth": a.depth},
		}
	}
	return a.env
}

type weighing func(*assumption) truth

// weigh turns a condition into a function that weighs it.
func (n *node) weigh() weighing {
	switch {
	case n.is("&&", "and"):
		left, right := n.args[0].weigh(), n.args[1].weigh()
		return func(a *assumption) truth { return min(left(a), right(a)) }
	case n.is("||", "or"):
		left, right := n.args[0].weigh(), n.args[1].weigh()
		return func(a *assumption) truth { return max(left(a), right(a)) }
	case n.is("!", "not"):
		inner := n.args[0].weigh()
		return func(a *assumption) truth { return -inner(a) }
	case n.op == opChoice:
		return choice(n.args[0].weigh(), n.args[1].weigh(), n.args[2].weigh())
	}
	return n.weighPart()
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

// weighPart weighs an expression that is not made of conditions. Its truth is
// known if it reads only known values.
func (n *node) weighPart() weighing {
	needsID := false
	for _, name := range namesIn(n) {
		switch name {
		case "event\x00kind", "event\x00commandName", "run\x00depth":
		case "event\x00commandId":
			needsID = true
		default:
			return func(*assumption) truth { return maybe }
		}
	}
	return func(a *assumption) truth {
		if needsID && a.ID == "" {
			return maybe
		}
		switch value, err := run(n, a.environment()); {
		case err != nil:
			return maybe
		case value == true:
			return yes
		}
		return no
	}
}
