package flowfile

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/suggest"

	"github.com/expr-lang/expr/ast"
)

var (
	outputs = regexp.MustCompile(`^(?:event|steps(?:\.(\w+)|\["([\w-]+)"\]))\.output$`)
	fields  = regexp.MustCompile(`^(?:event|instance|steps|inputs)[.\[]`)
	regions = regexp.MustCompile(`^(?:event|instance)\.(?:region|zone|azone|dataRegion)$`)
	// placeholder is text that other tools replace.
	placeholder = regexp.MustCompile(`\$\{[A-Za-z_]|\{\{\s*[A-Za-z_]|^\$[A-Za-z_]\w+|\$\([a-z]{3}`)
	missing     = regexp.MustCompile(`^(?:instance\.(?:tags|name|os|zone|region|agentVersion)\b|match\()`)
	day         = regexp.MustCompile(`^[0-9]{4}-`)
	slashes     = regexp.MustCompile(`^/.*/[gimsu]*$`)
	numeral     = regexp.MustCompile(`^\s*-?[0-9]+\s*$`)
	errorsOf    = regexp.MustCompile(`^(?:event|steps.*)\.errorCode$`)
)

// place is where an expression stands, with what is known there. Silent are the ids of
// its Steps whose output nobody captures.
type place struct {
	flow.Scope
	silent []string
	given  []fact
}

// lint finds what an expression, whose types are right, does not mean: mistakes, if
// it cannot work, else warnings. [88]
type lint struct {
	place
	text  string
	found []flow.Mistake
}

func (l *lint) add(n ast.Node, warning bool, format string, args ...any) {
	for {
		member, ok := n.(*ast.MemberNode)
		if !ok {
			break
		}
		n = member.Node
	}
	l.found = append(l.found, flow.Mistake{Offset: n.Location().From, Text: fmt.Sprintf(format, args...), Warning: warning})
}

// Visit looks at one part of the expression.
func (l *lint) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		l.captured(n)
	case *ast.BuiltinNode:
		if n.Name == "int" || n.Name == "float" {
			l.number(n)
		}
	case *ast.StringNode:
		if placeholder.MatchString(n.Value) {
			l.add(n, true, "nothing replaces this in an expression: name the value without quotes, such as event.commandName")
		}
	case *ast.ConditionalNode:
		l.contradictions(part{n.Cond, true}, l.given)
	case *ast.BinaryNode:
		l.ordered(n)
		l.compared(n, n.Left, n.Right)
		if n.Operator == "==" || n.Operator == "!=" {
			l.compared(n, n.Right, n.Left)
		}
	}
}

// captured finds an output that nothing fetches. It is a mistake: it is always empty.
func (l *lint) captured(n *ast.MemberNode) {
	if m := outputs.FindStringSubmatch(n.String()); m != nil && slices.Contains(l.silent, m[1]+m[2]) {
		l.add(n, false, "%s is always empty, because the step %s does not capture it: write capture: true in that step, which must be a run or an invoke", n, m[1]+m[2])
	}
}

// ordered finds numbers that are compared as texts, and what is compared with nil
// although it never is.
func (l *lint) ordered(n *ast.BinaryNode) {
	name, is := n.Left.String(), n.Left.Type()
	s, ok := n.Right.(*ast.StringNode)
	_, none := n.Right.(*ast.NilNode)
	none = none && fields.MatchString(name) && is != nil && !strings.HasPrefix(name, "instance")
	switch {
	case ok && n.Operator == "matches" && slashes.MatchString(s.Value):
		l.add(n.Left, true, "/ is a letter of a pattern like any other: write the pattern alone, with (?i) before it where case does not count")
	case ok && n.Operator == "!=" && s.Value == "" && missing.MatchString(name) && !strings.Contains(l.text, name+" != nil"):
		l.add(n.Left, true, `%s != "" holds of what is not there, too: write %[1]s != nil`, name)
	case ok && strings.ContainsAny(n.Operator, "<>") && strings.HasSuffix(strings.ToLower(name), "time") && !day.MatchString(s.Value):
		l.add(n.Left, true, `%s is a text such as 2026-01-31T08:00:00Z, which this says nothing about: write such a text, or windows for a time of the day`, name)
	case ok && strings.ContainsAny(n.Operator, "<>") && numeral.MatchString(s.Value):
		l.add(n.Left, true, `%s compares texts letter by letter, and "9" is more than "80": write int(trim(%s)) %[1]s %[3]s`, n.Operator, name, s.Value)
	case none && is.Kind() == reflect.String:
		l.add(n.Left, false, `%s is never nil: write %s %s ""`, name, name, n.Operator)
	case none && is.Kind() != reflect.Interface && is.Kind() != reflect.Map:
		l.add(n.Left, false, "%s is never nil: compare it with a value", name)
	}
}

// number finds a number that is made of text which can hold more.
func (l *lint) number(n *ast.BuiltinNode) {
	of, ok := n.Arguments[0].(*ast.MemberNode)
	name := n.Arguments[0].String()
	switch {
	case !ok || !fields.MatchString(name) || n.Arguments[0].Type() == nil || n.Arguments[0].Type().Kind().String() != "string":
	case strings.Contains(l.text, name+" matches"):
	case outputs.MatchString(name):
		l.add(of, true, "%s(%s) cannot be evaluated if the command prints anything beside a number, even a blank: write %[1]s(trim(%[2]s)), or %[1]s(match(%[2]s, \"[0-9]+\")) for the first number in it", n.Name, name)
	default:
		l.add(of, true, `%s(%s) cannot be evaluated if this text is not a number: ask first, %s matches "^[0-9]+$" && …`, n.Name, name, name)
	}
}

// compared finds comparisons that a newline, a blank or letter case decides.
func (l *lint) compared(n *ast.BinaryNode, x, y ast.Node) {
	whole := n.Operator == "==" || n.Operator == "!=" || n.Operator == "in"
	if !whole && n.Operator != "contains" && n.Operator != "startsWith" && n.Operator != "endsWith" {
		return
	}
	literals := []ast.Node{y}
	if list, ok := y.(*ast.ArrayNode); ok {
		literals = list.Nodes
	}
	name, call := x.String(), ""
	if f, ok := x.(*ast.BuiltinNode); ok && len(f.Arguments) == 1 {
		call = f.Name
	}
	for _, literal := range literals {
		s, ok := literal.(*ast.StringNode)
		if !ok || s.Value == "" {
			continue
		}
		lower, trimmed := strings.ToLower(s.Value), strings.TrimSpace(s.Value)
		code := slices.IndexFunc(errorCodes, func(code string) bool { return strings.EqualFold(code, s.Value) })
		switch {
		case call == "lower" && lower != s.Value:
			l.add(literal, false, "lower makes small letters, and this has capitals: write %q", lower)
		case call == "upper" && strings.ToUpper(s.Value) != s.Value:
			l.add(literal, false, "upper makes capitals, and this has small letters: write %q", strings.ToUpper(s.Value))
		case call == "trim" && whole && trimmed != s.Value:
			l.add(literal, false, "trim removes what is around a text, and this has blanks or newlines there: write %q", trimmed)
		case outputs.MatchString(name) && whole && strings.TrimRight(s.Value, "\n") != s.Value:
			l.add(literal, false, "an output has no newline at its end: write %q", trimmed)
		case outputs.MatchString(name) && whole:
			l.add(x, true, "a blank or another line in what the command prints decides this: write trim(%s) %s …, or contains", name, n.Operator)
		case whole && strings.ContainsAny(s.Value, "*%") && fields.MatchString(name):
			l.add(literal, true, "%s takes * and %% as they are: write startsWith, contains or matches", n.Operator)
		case regions.MatchString(name) && lower != s.Value:
			l.add(literal, true, "letter case counts, and regions and zones have small letters: write %q", lower)
		case errorsOf.MatchString(name) && whole && code >= 0 && errorCodes[code] != s.Value:
			l.add(literal, true, "letter case counts%s", suggest.DidYouMean(errorCodes[code]))
		}
	}
}
