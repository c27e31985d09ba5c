package flow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// review finds every name that an expression must not use, each with what to
// write instead, and what would make its cost unbounded. The type checker
// then finds the rest, one at a time.
func review(tree ast.Node, on kinds) []mistake {
	r := &reviewer{on: on}
	r.visit(tree)
	return r.mistakes
}

type reviewer struct {
	on       kinds
	inside   string // the function whose predicate is being visited
	mistakes []mistake
}

func (r *reviewer) add(n ast.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, mistake{n.Location().From, fmt.Sprintf(format, args...)})
}

func (r *reviewer) visit(nodes ...ast.Node) {
	for _, n := range nodes {
		r.visitOne(n)
	}
}

func (r *reviewer) visitOne(n ast.Node) {
	switch n := n.(type) {
	case nil, *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.BytesNode,
		*ast.ConstantNode, *ast.PointerNode:
	case *ast.IdentifierNode:
		r.identifier(n)
	case *ast.UnaryNode:
		r.visit(n.Node)
	case *ast.BinaryNode:
		if _, literal := n.Right.(*ast.StringNode); n.Operator == "matches" && !literal {
			r.add(n.Right, "the pattern of matches must be written as text in quotes")
		}
		r.visit(n.Left, n.Right)
	case *ast.ChainNode:
		r.visit(n.Node)
	case *ast.MemberNode:
		r.member(n)
	case *ast.SliceNode:
		r.visit(n.Node)
		r.visitIfAny(n.From)
		r.visitIfAny(n.To)
	case *ast.CallNode:
		r.call(n)
	case *ast.BuiltinNode:
		r.function(n, n.Name)
		outside := r.inside
		for _, arg := range n.Arguments {
			if _, ok := arg.(*ast.PredicateNode); ok {
				if outside != "" {
					r.add(n, "%s inside %s is not allowed: write it beside, joined with && or ||", n.Name, outside)
				}
				r.inside = n.Name
			}
			r.visit(arg)
			r.inside = outside
		}
	case *ast.PredicateNode:
		r.visit(n.Node)
	case *ast.ConditionalNode:
		r.visit(n.Cond, n.Exp1, n.Exp2)
	case *ast.ArrayNode:
		r.visit(n.Nodes...)
	case *ast.MapNode:
		r.visit(n.Pairs...)
	case *ast.PairNode:
		r.visit(n.Key, n.Value)
	case *ast.VariableDeclaratorNode:
		r.add(n, "let is not allowed: write the value where it is used")
	default:
		r.add(n, "only one expression is allowed: remove the semicolon")
	}
}

func (r *reviewer) visitIfAny(n ast.Node) {
	if n != nil {
		r.visit(n)
	}
}

func (r *reviewer) identifier(n *ast.IdentifierNode) {
	switch {
	case n.Value == "event":
		r.add(n, "event is not a value itself: name one of its fields, for example event.instanceId")
	case slices.Contains(functions, n.Value):
		r.add(n, "%s is a function: write %s(…)", n.Value, n.Value)
	default:
		if slices.Contains(fieldNames(r.on), n.Value) {
			r.add(n, "there is no name %.60q, did you mean %q?", n.Value, "event."+n.Value)
			return
		}
		r.add(n, "there is no name %.60q%s", n.Value, suggest(n.Value, "the names", append([]string{"event"}, functions...)))
	}
}

func (r *reviewer) member(n *ast.MemberNode) {
	base, ok := n.Node.(*ast.IdentifierNode)
	if !ok || base.Value != "event" {
		r.visit(n.Node, n.Property)
		return
	}
	name, ok := n.Property.(*ast.StringNode)
	if !ok {
		r.add(n.Property, "the field of event must be written as a name, for example event.instanceId")
		return
	}
	known := fieldNames(r.on)
	if slices.Contains(known, name.Value) {
		return
	}
	for _, f := range fields {
		if f.name == name.Value {
			r.add(name, "event.%s is only there in flows on %s", f.name, strings.Join(kindNames(f.on), " or "))
			return
		}
	}
	r.add(name, "event has no field %.60q%s", name.Value, suggest(name.Value, "its fields", known))
}

func (r *reviewer) call(n *ast.CallNode) {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
		r.function(callee, callee.Value)
	} else {
		r.add(n.Callee, "only functions can be called, and values have none: the functions are %s", strings.Join(functions, ", "))
	}
	r.visit(n.Arguments...)
}

func (r *reviewer) function(n ast.Node, name string) {
	if !slices.Contains(functions, name) {
		r.add(n, "there is no function %.60q%s", name, suggest(name, "the functions", functions))
	}
}
