package flow

import (
	"fmt"
	"strings"
)

// Work evaluates an expression of a task-completed flow over an event. It returns how
// many steps that took; ok is false if it is no expression.
func Work(text string, ev Event) (steps int, failed error, ok bool) {
	tree, mistakes := compile(text, Scope{On: []string{TaskCompleted}, InFlow: true})
	if len(mistakes) > 0 {
		return 0, nil, false
	}
	e := evaluation{env: environment(&ev, Instance{}, about{})}
	defer func() {
		if recover() != nil {
			steps, ok = e.work, true
		}
	}()
	_, failed = e.value(tree)
	return e.work, failed, true
}

// MostWork is the most steps that an evaluation takes.
const MostWork = workBudget

// Static returns a text without its expressions, and whether there are any.
func Static(text string) (static string, dynamic bool) {
	t, _ := compileTemplate(text, func(string) (*node, []Mistake) { return &node{}, nil })
	for _, p := range t {
		static, dynamic = static+p.text, dynamic || p.tree != nil
	}
	return static, dynamic
}

// Read writes an expression as the functions read it, with brackets around all its
// parts; empty for everything else.
func Read(text string) string {
	tree, mistake := parse(text)
	if mistake != nil {
		return ""
	}
	return tree.String()
}

func (n *node) String() string {
	args := make([]string, len(n.args))
	for i, arg := range n.args {
		if arg != nil {
			args[i] = arg.String()
		}
	}
	switch {
	case n.op == opLiteral && n.value == nil:
		return "(nil)"
	case n.op == opLiteral:
		return fmt.Sprintf("(%#v)", n.value)
	case n.op == opPattern:
		return fmt.Sprintf("%q", n.value)
	case n.op == opName:
		return n.value.(string)
	case n.op == opElement:
		return "#"
	case n.op == opCall:
		return fmt.Sprintf("%s(%s)", n.value, strings.Join(args, ", "))
	case n.op == opChain:
		return "(" + args[0] + ")"
	case n.op == opMember:
		return args[0] + "[" + args[1] + "]"
	case n.op == opSafe:
		return args[0] + "?.[" + args[1] + "]"
	case n.op == opSlice:
		return args[0] + "[" + args[1] + ":" + args[2] + "]"
	case n.op == opList:
		return "[" + strings.Join(args, ", ") + "]"
	case n.op == opMap:
		var pairs []string
		for i := 0; i < len(args); i += 2 {
			pairs = append(pairs, "("+args[i]+"): "+args[i+1])
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	case n.op == opChoice:
		return "(" + args[0] + " ? " + args[1] + " : " + args[2] + ")"
	case len(args) == 1:
		return "(" + n.op + " " + args[0] + ")"
	}
	return "(" + args[0] + " " + n.op + " " + args[1] + ")"
}
