package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// review finds every name that an expression must not use, with what to write
// instead, everything that would make its cost unbounded, and words that a
// field can never have. The type checker then finds the rest, one at a time.
func review(tree ast.Node, s scope) []Mistake {
	r := &reviewer{scope: s}
	r.visit(tree)
	return r.mistakes
}

type reviewer struct {
	scope
	inside   string // the function whose predicate is being visited
	mistakes []Mistake
}

func (r *reviewer) add(n ast.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{n.Location().From, fmt.Sprintf(format, args...)})
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
		if n.Operator == "-" && r.hyphen(n) {
			return
		}
		r.words(n)
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
	case n.Value == "steps" && r.steps == none:
		r.add(n, "there are no steps yet when a flow starts: use steps in the when of a step")
	case slices.Contains(roots, n.Value):
		r.add(n, "%s is not a value itself: name one of its fields, for example %s", n.Value, examples[n.Value])
	case slices.Contains(functions, n.Value):
		r.add(n, "%s is a function: write %s(…)", n.Value, n.Value)
	default:
		for _, root := range roots[:3] {
			if slices.Contains(fieldsOf(root, r.scope), n.Value) {
				r.add(n, "there is no name %.60q%s", n.Value, DidYouMean(root+"."+n.Value))
				return
			}
		}
		r.add(n, "there is no name %.60q%s", n.Value, Suggest(n.Value, "the names", append(slices.Clone(roots), functions...)))
	}
}

var examples = map[string]string{
	"event": "event.instanceId", "instance": "instance.state", "run": "run.depth", "steps": "steps.check.exitCode",
}

// member checks the first name behind a root, and for steps the second too.
func (r *reviewer) member(n *ast.MemberNode) {
	base := n.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	switch base := base.(type) {
	case *ast.IdentifierNode:
		if slices.Contains(roots, base.Value) && (base.Value != "steps" || r.steps != none) {
			if name, ok := n.Property.(*ast.StringNode); ok {
				r.field(base.Value, name)
				if base.Value == "steps" {
					r.add(n, "a step is not a value itself: name one of its fields, for example %s.status", written("steps\x00"+name.Value))
				}
			} else {
				r.add(n.Property, "the field of %s must be written as a name, for example %s", base.Value, examples[base.Value])
			}
			return
		}
	case *ast.MemberNode:
		if root, ok := base.Node.(*ast.IdentifierNode); ok && root.Value == "steps" && r.steps != none {
			r.stepField(base, n)
			return
		}
	}
	r.visit(n.Node, n.Property)
}

// stepField checks steps.<id>.<field>.
func (r *reviewer) stepField(step, n *ast.MemberNode) {
	id, isName := step.Property.(*ast.StringNode)
	field, isField := n.Property.(*ast.StringNode)
	if !isName || !isField {
		r.add(step, "a step and its field must be written as names, for example %s", examples["steps"])
		return
	}
	r.field("steps", id)
	known := slices.Sorted(maps.Keys(StepRecord{}.values()))
	if !slices.Contains(known, field.Value) {
		r.add(field, "a step has no field %.60q%s", field.Value, Suggest(field.Value, "its fields", known))
	}
}

func (r *reviewer) field(root string, name *ast.StringNode) {
	known := fieldsOf(root, r.scope)
	if slices.Contains(known, name.Value) {
		return
	}
	switch root {
	case "steps":
		if len(known) == 0 {
			r.add(name, "there is no step before this one")
			return
		}
		r.add(name, "there is no step %.60q before this one%s", name.Value, Suggest(name.Value, "those before", known))
		return
	case "event":
		for _, f := range fields {
			if f.name == name.Value {
				r.add(name, "event.%s exists only in flows on %s", f.name, strings.Join(kindNames(f.on), " or "))
				return
			}
		}
	}
	r.add(name, "%s has no field %.60q%s", root, name.Value, Suggest(name.Value, "its fields", known))
}

// hyphen finds a step's id that contains -, which reads as a minus, and adds how
// to write it.
func (r *reviewer) hyphen(n *ast.BinaryNode) bool {
	left, ok := n.Left.(*ast.MemberNode)
	if !ok || r.steps == none {
		return false
	}
	root, ok := left.Node.(*ast.IdentifierNode)
	name, named := left.Property.(*ast.StringNode)
	if !ok || !named || root.Value != "steps" || slices.Contains(r.stepIDs(), name.Value) {
		return false
	}
	for _, id := range r.stepIDs() {
		if strings.HasPrefix(id, name.Value+"-") {
			r.add(left, "a step's id with - in it is written steps[%q]", id)
			return true
		}
	}
	return false
}

// words finds words that a field is compared with and can never have. [85]
func (r *reviewer) words(n *ast.BinaryNode) {
	if n.Operator != "==" && n.Operator != "!=" && n.Operator != "in" {
		return
	}
	name, other := nameOf(n.Left), n.Right
	if name == "" {
		name, other = nameOf(n.Right), n.Left
	}
	known := wordsOf(name)
	if known == nil {
		return
	}
	literals := []ast.Node{other}
	if list, ok := other.(*ast.ArrayNode); ok && n.Operator == "in" {
		literals = list.Nodes
	}
	for _, l := range literals {
		if word, ok := l.(*ast.StringNode); ok && !slices.Contains(known, word.Value) {
			hint := Suggest(word.Value, "its words", known)
			if mine, ok := stepStatusOf[word.Value]; ok && slices.Contains(known, mine) {
				hint = DidYouMean(mine)
			}
			r.add(word, "%s is never %.60q%s", written(name), word.Value, hint)
		}
	}
}

// wordsOf lists what a name can be, nil if it can be anything.
func wordsOf(name string) []string {
	switch name {
	case "event\x00kind":
		return kindNames(ofAny)
	case "event\x00invocationStatus":
		return Statuses
	case "instance\x00state":
		return States
	}
	if strings.HasPrefix(name, "steps\x00") && strings.HasSuffix(name, "\x00status") {
		return StepStatuses
	}
	return nil
}

func (r *reviewer) call(n *ast.CallNode) {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
		r.function(callee, callee.Value)
	} else {
		r.add(n.Callee, "only functions can be called, and values have no methods: the functions are %s", strings.Join(functions, ", "))
	}
	r.visit(n.Arguments...)
}

func (r *reviewer) function(n ast.Node, name string) {
	if !slices.Contains(functions, name) {
		r.add(n, "there is no function %.60q%s", name, Suggest(name, "the functions", functions))
	}
}
