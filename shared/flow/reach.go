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
	names := map[*node][]string{}
	return func(by Command) bool {
		for depth := 1; depth <= depths; depth++ {
			if (&assumption{Command: by, depth: depth, names: names}).weigh(tree) != no {
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
	env   map[string]any     // made when it is first needed
	names map[*node][]string // what parts of the condition read, as far as that is known
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

// weigh returns what is known about a condition or a part of it.
func (a *assumption) weigh(n *node) truth {
	switch {
	case n.is("&&", "and"):
		return min(a.weigh(n.args[0]), a.weigh(n.args[1]))
	case n.is("||", "or"):
		return max(a.weigh(n.args[0]), a.weigh(n.args[1]))
	case n.is("!", "not"):
		return -a.weigh(n.args[0])
	case n.op != opChoice:
		return a.weighPart(n)
	}
	cond, then, otherwise := a.weigh(n.args[0]), a.weigh(n.args[1]), a.weigh(n.args[2])
	switch {
	case cond == yes, then == otherwise:
		return then
	case cond == no:
		return otherwise
	}
	return maybe
}

// weighPart weighs an expression that is not made of conditions. Its truth is
// known if it reads only known values.
func (a *assumption) weighPart(n *node) truth {
	names, known := a.names[n]
	if !known {
		names = namesIn(n)
		a.names[n] = names
	}
	for _, name := range names {
		switch name {
		case "event\x00kind", "event\x00commandName", "run\x00depth":
		case "event\x00commandId":
			if a.ID == "" {
				return maybe
			}
		default:
			return maybe
		}
	}
	switch value, err := run(n, a.environment()); {
	case err != nil:
		return maybe
	case value == true:
		return yes
	}
	return no
}
