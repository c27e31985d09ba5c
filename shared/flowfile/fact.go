package flowfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// fact is what a condition, or the place where it stands, says of one value.
type fact struct {
	name string // of the value, such as event.exitCode or trim(steps.a.output)
	said string // the fact as people write it
	node ast.Node
	// holds reports whether a value fits. Samples are values, or parts of texts, from
	// which all that matters follows; only: no other value fits. Opaque: they do not
	// show enough.
	holds        func(any) bool
	samples      []any
	only, opaque bool
	// given is why the fact holds, if it is not in the expression itself; warning says
	// that what contradicts it may be meant.
	given   string
	warning bool
}

// comparisons are expr's operators between two values.
var comparisons = sync.OnceValue(func() map[string]*vm.Program {
	programs := map[string]*vm.Program{}
	for _, op := range strings.Fields("== != < <= > >= in contains startsWith endsWith matches") {
		programs[op], _ = expr.Compile("x " + op + " y")
	}
	return programs
})

// compare returns what expr answers to a comparison.
func compare(x any, op string, y any, positive bool) bool {
	answer, err := expr.Run(comparisons()[op], map[string]any{"x": x, "y": y})
	return err == nil && answer == positive
}

// factOf returns what a part of a condition says, if it compares one value with
// literals. Not positive: its opposite.
func factOf(n ast.Node, positive bool) (f fact, ok bool) {
	said := part{n, positive}.String()
	switch n := n.(type) {
	case *ast.MemberNode: // a field that is true or false
		f = oneOf(n.String(), positive)
		f.node, f.said = n, said
		return f, n.Type() != nil && n.Type().Kind().String() == "bool"
	case *ast.BinaryNode:
		x, y, op := n.Left, n.Right, n.Operator
		value, err := expr.Eval(y.String(), nil)
		if comparisons()[op] == nil || constant(x) || !constant(y) || err != nil {
			return f, false
		}
		f = fact{name: x.String(), said: said, node: x, opaque: op == "matches"}
		f.samples, ok = value.([]any)
		if !ok {
			f.samples = []any{value}
		}
		f.only = (op == "==" || op == "in") == positive && (op == "==" || op == "in" || op == "!=")
		f.holds = func(v any) bool { return compare(v, op, value, positive) }
	}
	return f, f.holds != nil
}

func constant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NilNode:
		return true
	case *ast.UnaryNode:
		return constant(n.Node)
	case *ast.ArrayNode:
		return !slices.ContainsFunc(n.Nodes, func(n ast.Node) bool { return !constant(n) })
	}
	return false
}

// oneOf is the fact that a value is one of these.
func oneOf(name string, values ...any) fact {
	return fact{name: name, samples: values, only: true, holds: func(v any) bool {
		return slices.ContainsFunc(values, func(one any) bool { return compare(v, "==", one, true) })
	}}
}

// fits is the fact that a text fits one of the patterns of instances.
func fits(name string, patterns []string) fact {
	f := fact{name: name, holds: func(v any) bool {
		text, ok := v.(string)
		return ok && slices.ContainsFunc(patterns, func(p string) bool { return flow.Fits(p, text) })
	}}
	f.opaque = slices.ContainsFunc(patterns, func(p string) bool { return strings.ContainsAny(p, "*?") })
	f.only = !f.opaque
	for _, p := range patterns {
		f.samples = append(f.samples, p)
	}
	return f
}

// together reports whether two facts do not contradict each other. It tries all values
// that their samples suggest.
func together(a, b fact) bool {
	if a.name != b.name {
		return true
	}
	var values []any
	switch {
	case a.only:
		values = a.samples
	case b.only:
		values = b.samples
	case a.opaque || b.opaque || len(a.samples)+len(b.samples) > 6:
		return true
	default:
		values = suggested(slices.Concat(a.samples, b.samples))
	}
	return slices.ContainsFunc(values, func(v any) bool { return a.holds(v) && b.holds(v) })
}

// suggested are nil, numbers around the samples, and texts made of them.
func suggested(samples []any) []any {
	values, parts := []any{nil}, []string{"", " ", "~"}
	for _, sample := range samples {
		switch v := sample.(type) {
		case int:
			values = append(values, v-1, float64(v)-0.5, v, float64(v)+0.5, v+1)
		case float64:
			values = append(values, v-1, v, v+1)
		case string:
			parts = append(parts, v)
		}
	}
	for _, x := range parts {
		for _, y := range parts {
			for _, z := range parts {
				values = append(values, x+y+z)
			}
		}
	}
	return values
}

// part is a part of a condition that && or || joins with others, or its opposite.
type part struct {
	ast.Node
	positive bool
}

// String writes the part as people do.
func (p part) String() string {
	if p.positive {
		return p.Node.String()
	}
	return "not (" + p.Node.String() + ")"
}

// parts takes a condition apart at its outermost && or ||.
func (p part) parts() (list []part, and bool) {
	switch n := p.Node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return part{n.Node, !p.positive}.parts()
		}
	case *ast.BinaryNode:
		isAnd, isOr := n.Operator == "&&" || n.Operator == "and", n.Operator == "||" || n.Operator == "or"
		if !isAnd && !isOr {
			break
		}
		and = isAnd == p.positive
		for _, side := range []ast.Node{n.Left, n.Right} {
			inner, innerAnd := part{side, p.positive}.parts()
			if len(inner) > 1 && innerAnd != and {
				inner = []part{{side, p.positive}}
			}
			list = append(list, inner...)
		}
		return list, and
	}
	return []part{p}, true
}

// contradictions finds what never holds in a condition where all of given holds, and
// what always does. It returns the facts that hold where the condition does.
func (l *lint) contradictions(of part, given []fact) []fact {
	parts, and := of.parts()
	if !and {
		l.alternatives(parts, given)
		return given
	}
	for _, p := range parts {
		f, ok := factOf(p.Node, p.positive)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(given, func(other fact) bool { return !together(other, f) }); i >= 0 {
			l.never(f, given[i])
		}
		given = append(slices.Clip(given), f)
	}
	for _, p := range parts {
		if inner, _ := p.parts(); len(inner) > 1 {
			l.contradictions(p, given)
		}
	}
	return given
}

// alternatives finds what always holds between parts that || joins, and what is wrong
// in each of them.
func (l *lint) alternatives(parts []part, given []fact) {
	asks := func(p part) bool {
		inner, _ := p.parts()
		return len(inner) > 1 && strings.Contains(p.Node.String(), "run.depth")
	}
	open := func(p part) bool {
		return !strings.Contains(p.Node.String(), "run.depth") && !strings.Contains(p.Node.String(), "event.kind")
	}
	if i := slices.IndexFunc(parts, open); i >= 0 && !strings.Contains(l.text, "(") && slices.ContainsFunc(parts, asks) {
		l.add(parts[i].Node, true, "run.depth is not asked with this: && binds closer than ||, so put brackets around what || joins")
	}
	var others []fact
	for _, p := range parts {
		if f, ok := factOf(p.Node, !p.positive); ok {
			f.said = p.String()
			if i := slices.IndexFunc(others, func(other fact) bool { return !together(other, f) }); i >= 0 {
				l.add(f.node, false, "%s or %s always holds: write &&, or one of them alone", others[i].said, f.said)
			}
			others = append(others, f)
		}
		l.contradictions(p, given)
	}
}

// never says that a fact contradicts another one.
func (l *lint) never(f, other fact) {
	if other.given != "" {
		l.add(f.node, other.warning, "%s never holds, because %s", f.said, other.given)
		return
	}
	l.add(f.node, false, "%s and %s never both hold: write ||, or one of them alone", other.said, f.said)
}

// bounds are the least values of numbers.
var bounds = map[string]int{
	"event.failedBefore": 0, "event.repeats": 0, "event.uptime": -1, "instance.bootSeq": 0, "instance.failedRuns": 0, "run.depth": 0, "run.attempt": 1,
}

// facts are what is known of the instances.
func facts(of *flow.Instances) (list []fact) {
	if of == nil {
		return nil
	}
	if of.OS != "" {
		list = append(list, oneOf("instance.os", of.OS))
	}
	if len(of.Name) > 0 {
		list = append(list, fits("instance.name", of.Name))
	}
	for tag, patterns := range of.Tags {
		list = append(list, fits(written("instance.tags", tag), patterns))
	}
	for i := range list {
		list[i].given = "instances says another " + strings.TrimPrefix(list[i].name, "instance.")
	}
	return list
}

// started is what follows from the kinds of event that start a flow.
func started(on []string) (list []fact) {
	for name, least := range bounds {
		list = append(list, fact{name: name, samples: []any{least}, given: fmt.Sprint("it is at least ", least), holds: func(v any) bool { return compare(v, ">=", least, true) }})
	}
	say := func(name, given string, values ...any) {
		f := oneOf(name, values...)
		f.given, f.warning = given, true
		list = append(list, f)
	}
	if len(on) == 0 {
		return nil
	}
	kinds := yamlfile.Listed(on, "or")
	if !slices.Contains(on, flow.TaskCompleted) {
		say("run.depth", "run.depth is 0 in flows on "+kinds+": no flow leads to their event", 0)
	}
	if !slices.Contains(on, flow.TaskCompleted) && !slices.Contains(on, flow.FirstHeartbeat) {
		say("event.account", "event.account is empty in flows on "+kinds, "")
		say("event.source", `event.source is "aftercare" in flows on `+kinds, "aftercare")
	}
	var all []any
	for _, kind := range on {
		all = append(all, kind)
	}
	say("event.kind", "the flow is on "+kinds, all...)
	return list
}

// beginning is what a flow's when sees of a run that has not begun.
func beginning() []fact {
	attempt, began := oneOf("run.attempt", 1), oneOf("run.startedAt", "")
	attempt.given, began.given = "no run has begun yet", "no run has begun yet"
	return []fact{attempt, began}
}

// lasting are the facts of a flow's condition that hold in all of its run.
func lasting(list []fact) []fact {
	changing := regexp.MustCompile(`\binstance\.(?:state|bootSeq|bootTime|failedRuns|agentVersion)\b|\brun\.(?:attempt|startedAt)\b`)
	list = slices.DeleteFunc(list, func(f fact) bool { return changing.MatchString(f.name) })
	for i := range list {
		if list[i].given == "" {
			list[i].given = "the flow's when says " + list[i].said
		}
		list[i].warning = true
	}
	return list
}

// written is the name of an entry as expr writes it: steps.one, steps["the-id"].
func written(of, entry string) string {
	tree, err := parser.Parse(fmt.Sprintf("%s[%q]", of, entry))
	if err != nil {
		return ""
	}
	return tree.Node.String()
}
