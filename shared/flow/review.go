package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aftercare/shared/suggest"
)

// review finds every name that an expression must not use, with what to write
// instead, everything that would make its cost unbounded, and words that a
// field can never have. The type checker then finds the rest, one at a time.
func review(tree *node, s Scope) []Mistake {
	r := &reviewer{Scope: s}
	r.visit(tree)
	return r.mistakes
}

type reviewer struct {
	Scope
	inside   string // the function whose predicate is being visited
	mistakes []Mistake
}

func (r *reviewer) add(n *node, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{Offset: n.at, Text: fmt.Sprintf(format, args...)})
}

func (r *reviewer) visit(nodes ...*node) {
	for _, n := range nodes {
		if n != nil {
			r.visitOne(n)
		}
	}
}

func (r *reviewer) visitOne(n *node) {
	switch n.op {
	case opName:
		r.identifier(n)
		return
	case opMember, opSafe:
		r.member(n)
		return
	case opCall:
		r.call(n)
		return
	case opElement:
		if n.value != nil {
			r.add(n, "#%s is not allowed: only # is", n.value)
		}
	case "matches":
		r.pattern(n.args[1], "matches")
	case "-":
		if len(n.args) == 2 && r.hyphen(n) {
			return
		}
	case "==", "!=", "in":
		r.words(n)
	}
	r.visit(n.args...)
}

// pattern finds a pattern that is not written as text: its cost is not known before.
func (r *reviewer) pattern(n *node, of string) {
	if n.op != opPattern {
		r.add(n, "the pattern of %s must be written as text in quotes", of)
	}
}

// group checks the pattern of match, and the group that it takes.
func (r *reviewer) group(n *node) {
	if len(n.args) < 2 {
		return // the checker of types says so
	}
	r.pattern(n.args[1], "match")
	p, sound := n.args[1].value.(*pattern)
	if !sound || len(n.args) < 3 {
		return
	}
	if i, ok := n.args[2].value.(int); n.args[2].op != opLiteral || !ok {
		r.add(n.args[2], "the group of match must be written as a number, for example 1 for the first pair of brackets")
	} else if groups := p.NumSubexp(); i > groups {
		r.add(n.args[2], "there is no group %d: groups are pairs of brackets, of which the pattern has %d", i, groups)
	}
}

func (r *reviewer) identifier(n *node) {
	name := n.value.(string)
	switch {
	case name == "steps" && r.InFlow:
		r.add(n, "there are no steps yet when a flow starts: use steps in the when of a step")
	case slices.Contains(roots, name):
		r.add(n, "%s is not a value itself: name one of its fields, for example %s", name, examples[name])
	case slices.Contains(functions, name):
		r.add(n, "%s is a function: write %s(…)", name, name)
	default:
		for _, root := range roots[:4] {
			if slices.Contains(r.fields(root), name) {
				r.add(n, "there is no name %.60q%s", name, suggest.DidYouMean(root+"."+name))
				return
			}
		}
		hint := ": a name begins with " + strings.Join(roots, ", ") + ", and text stands in quotes"
		if near := suggest.Nearest(name, append(slices.Clone(roots), functions...)); near != "" {
			hint = suggest.DidYouMean(near)
		}
		r.add(n, "there is no name %.60q%s", name, hint)
	}
}

var examples = map[string]string{
	"event": "event.instanceId", "instance": "instance.state", "run": "run.depth", "inputs": "inputs.path", "steps": "steps.check.exitCode",
}

// root returns which root the node names.
func (n *node) root() (string, bool) {
	name, ok := n.value.(string)
	return name, ok && n.op == opName && slices.Contains(roots, name)
}

// member checks the first name behind a root, and for steps the second too.
func (r *reviewer) member(n *node) {
	base := n.args[0]
	if base.op == opChain {
		base = base.args[0]
	}
	if root, ok := base.root(); ok && (root != "steps" || !r.InFlow) {
		name, ok := n.args[1].text()
		if !ok {
			r.add(n.args[1], "the field of %s must be written as a name, for example %s", root, examples[root])
			return
		}
		r.field(root, n.args[1])
		if root == "steps" {
			r.add(n, "a step is not a value itself: name one of its fields, for example %s.status", written("steps\x00"+name))
		}
		return
	}
	if base.is(opMember, opSafe) && !r.InFlow {
		if root, _ := base.args[0].root(); root == "steps" {
			r.stepField(base, n)
			return
		}
	}
	r.visit(n.args...)
}

// stepField checks steps.<id>.<field>.
func (r *reviewer) stepField(step, n *node) {
	_, isName := step.args[1].text()
	field, isField := n.args[1].text()
	if !isName || !isField {
		r.add(step, "a step and its field must be written as names, for example %s", examples["steps"])
		return
	}
	r.field("steps", step.args[1])
	known := slices.Sorted(maps.Keys(StepRecord{}.values()))
	if !slices.Contains(known, field) {
		r.add(n.args[1], "a step has no field %.60q%s", field, suggest.Hint(field, "its fields", known))
	}
}

func (r *reviewer) field(root string, n *node) {
	known := r.fields(root)
	name, _ := n.text()
	elsewhere := slices.IndexFunc(fields, func(f field) bool { return root == "event" && f.name == name })
	switch {
	case slices.Contains(known, name):
		if root == "event" && name == "output" && !r.Output {
			r.add(n, "event.output is only there if the flow captures it: write captureEvent: true beside when")
		}
	case root == "steps" && len(known) == 0:
		r.add(n, "there is no step before this one: only those that stand above can be named")
	case root == "steps":
		r.add(n, "there is no step %.60q before this one%s", name, suggest.Hint(name, "those before", known))
	case root == "inputs" && len(known) == 0:
		r.add(n, "this flow has no inputs: list them under the key inputs")
	case root == "inputs":
		r.add(n, "the flow has no input %.60q%s", name, suggest.Hint(name, "its inputs", known))
	case elsewhere >= 0:
		r.add(n, "event.%s exists only in flows on %s", name, strings.Join(fields[elsewhere].on, " or "))
	default:
		r.add(n, "%s has no field %.60q%s", root, name, suggest.Hint(name, "its fields", known))
	}
}

// hyphen finds a step's id, or the name of an input or a tag, that contains -, which reads as a
// minus, and adds how to write it.
func (r *reviewer) hyphen(n *node) bool {
	left := n.args[0]
	if left.op != opMember {
		return false
	}
	root, _ := left.args[0].root()
	name, named := left.args[1].text()
	if rest := n.args[1]; nameOf(left.args[0]) == "instance\x00tags" && rest.op == opName {
		r.add(left, "a tag's name with - in it is written instance.tags[%q]", name+"-"+rest.value.(string))
		return true
	}
	what := map[string]string{"steps": "a step's id", "inputs": "an input's name"}[root]
	if !named || what == "" || root == "steps" && r.InFlow || slices.Contains(r.fields(root), name) {
		return false
	}
	for _, id := range r.fields(root) {
		if strings.HasPrefix(id, name+"-") {
			r.add(left, "%s with - in it is written %s[%q]", what, root, id)
			return true
		}
	}
	rest := n.args[1]
	for rest.is(opMember, opSafe, "-") {
		rest = rest.args[0]
	}
	if more, ok := rest.value.(string); ok && rest.op == opName && !slices.Contains(roots, more) {
		r.add(left, "%s with - in it is written %s[%q], and there is no such one before this", what, root, name+"-"+more)
		return true
	}
	return false
}

// words finds words that a field is compared with and can never have. [85]
func (r *reviewer) words(n *node) {
	name, other := nameOf(n.args[0]), n.args[1]
	if name == "" {
		name, other = nameOf(n.args[1]), n.args[0]
	}
	known := wordsOf(name)
	if name == "event\x00kind" && len(r.On) > 0 {
		known = r.On
	}
	if known == nil {
		return
	}
	literals := []*node{other}
	if n.op == "in" && other.op == opList {
		literals = other.args
	}
	for _, l := range literals {
		if word, ok := l.text(); ok && !slices.Contains(known, word) {
			hint := suggest.Hint(word, "its words", known)
			if mine, ok := stepStatusOf[word]; ok && slices.Contains(known, mine) {
				hint = suggest.DidYouMean(mine)
			}
			r.add(l, "%s is never %.60q%s", written(name), word, hint)
		}
	}
}

// wordsOf lists what a name can be, nil if it can be anything.
func wordsOf(name string) []string {
	switch name {
	case "event\x00kind":
		return allKinds
	case "event\x00invocationStatus":
		return Statuses
	case "instance\x00state":
		return States
	case "instance\x00os":
		return Systems
	}
	if strings.HasPrefix(name, "steps\x00") && strings.HasSuffix(name, "\x00status") {
		return StepStatuses
	}
	return nil
}

func (r *reviewer) call(n *node) {
	name := n.value.(string)
	if !slices.Contains(functions, name) {
		r.add(n, "there is no function %.60q%s", name, suggest.Hint(name, "the functions", functions))
	}
	if name == "match" {
		r.group(n)
	}
	outside := r.inside
	for i, arg := range n.args {
		if i == 1 && slices.Contains(predicates, name) {
			if outside != "" {
				r.add(n, "%s inside %s is not allowed: write it beside, joined with && or ||", name, outside)
			}
			r.inside = name
		}
		r.visit(arg)
	}
	r.inside = outside
}
