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
	scope := newHead(d).scope()
	when, mistakes := compileCondition(d.When, scope)
	if len(mistakes) > 0 || !slices.Contains(d.On, TaskCompleted) {
		return func(Command) bool { return false }
	}
	env := scope.Sample()
	for _, root := range env {
		for name, like := range root.(map[string]any) {
			root.(map[string]any)[name] = unknown{like: like}
		}
	}
	event, run := env["event"].(map[string]any), env["run"].(map[string]any)
	event["kind"] = TaskCompleted
	depths := 1
	if slices.ContainsFunc(when, func(c clause) bool { return slices.Contains(c.names, "run\x00depth") }) {
		depths = MaxDepth
	}
	return func(by Command) bool {
		event["commandName"], event["commandId"] = cmp.Or(by.Name, unknownName), unknown{like: ""}
		if by.ID != "" {
			event["commandId"] = by.ID
		}
		for depth := 1; depth <= depths; depth++ {
			run["depth"] = depth
			if !slices.ContainsFunc(when, func(c clause) bool { return !c.possible(env) }) {
				return true
			}
		}
		return false
	}
}

// unknownName stands for the name of a saved command. Nobody writes it.
const unknownName = "\x00a saved command\x00"

// possible reports whether a clause can hold, as far as its values are known. One
// that fails with the name of a saved command may hold with its true name.
func (c clause) possible(env map[string]any) bool {
	for g := range guesses() {
		g.at, env[""] = "when", g
		fails, err := condition{c}.holds(env)
		assumed := slices.ContainsFunc(g.made, func(d decision) bool { return d.answer == cannotTell })
		if fails == nil || err != nil && !assumed || g.lost != "" {
			return true
		}
	}
	return false
}
