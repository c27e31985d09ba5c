package wording

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"aftercare/shared/flow"

	"github.com/expr-lang/expr/ast"
	exprfile "github.com/expr-lang/expr/file"
)

// plainTypes are expr's names of types.
var plainTypes = map[string]string{
	"int": "a number", "int64": "a number", "float64": "a number", "string": "text", "bool": "true or false", "nil": "nil", "interface {}": "anything", "unknown": "anything",
}

func plainType(name string) string {
	switch plain := plainTypes[name]; {
	case plain != "":
		return plain
	case strings.HasPrefix(name, "[]") || name == "array":
		return "a list"
	case strings.HasPrefix(name, "map"):
		return "a mapping"
	}
	return name
}

var mismatch = regexp.MustCompile(`^invalid operation: (.+) \(mismatched types (.+) and (.+)\)$`)

// Types turns expr's error about an expression into a mistake. The tree may be nil.
func Types(err error, tree ast.Node) flow.Mistake {
	line, _, _ := strings.Cut(err.Error(), "\n")
	at := 0
	var e *exprfile.Error
	if errors.As(err, &e) {
		at, line = e.From, e.Message
	}
	if m := mismatch.FindStringSubmatch(line); m != nil {
		if found := nodeAt[*ast.BinaryNode](tree, at); found != nil && found.Operator == m[1] {
			return flow.Mistake{Offset: at, Text: mismatched(found, m[2], m[3])}
		}
	}
	of := ""
	if m := nodeAt[*ast.MemberNode](tree, at); m != nil {
		of = m.Node.String()
	}
	for _, h := range hints()["types"] {
		m := h.form.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		say := strings.ReplaceAll(h.say, "OF", cmp.Or(of, "…"))
		for i, group := range m[1:] {
			say = strings.ReplaceAll(say, "$"+strconv.Itoa(i+1), plainType(group))
		}
		return flow.Mistake{Offset: at, Text: say}
	}
	return flow.Mistake{Offset: at, Text: "the functions cannot evaluate this: write it in another way"}
}

// nodeAt is the part of a kind that stands at a place; nil without one.
func nodeAt[T ast.Node](tree ast.Node, at int) (found T) {
	if tree != nil {
		found, _ = ast.Find(tree, func(n ast.Node) bool { _, ok := n.(T); return ok && n.Location().From == at }).(T)
	}
	return found
}

// mismatched says what to write instead of an operation between values that do not
// fit.
func mismatched(n *ast.BinaryNode, left, right string) string {
	l, r := plainType(left), plainType(right)
	x, literal := n.Left, n.Right
	if _, ok := literalText(x); ok {
		x, literal, l, r = literal, x, r, l
	}
	name := x.String()
	text, isLiteral := literalText(literal)
	is := fmt.Sprintf("%s is %s", name, l)
	switch op := n.Operator; {
	case op == "&&" || op == "and" || op == "||" || op == "or":
		odd, is := n.Left, plainType(left)
		if is == "true or false" {
			odd, is = n.Right, plainType(right)
		}
		if _, ok := literalText(odd); ok {
			return fmt.Sprintf("%s is %s, and no condition: repeat the comparison on both sides, or write in [ ] with all values", odd, is)
		}
		zero := zeros[is]
		if name := odd.String(); strings.HasPrefix(name, "instance.") || strings.HasPrefix(name, "match(") {
			zero = "nil" // what is not there
		}
		return fmt.Sprintf("%s is %s, and not true or false: compare it, for example %[1]s != %[3]s", odd, is, zero)
	case op == "in" && r != "a list" && r != "a mapping":
		return fmt.Sprintf("%s takes a list, such as [1, 2]: for a part of a text, write contains", op)
	case l == "a mapping":
		return fmt.Sprintf("%s is a mapping: name one of its entries, such as %s.role", name, name)
	case op == "in":
		return is + ", and not what the list has"
	case l == "a list" && op == "contains":
		return fmt.Sprintf("%s is a list: write %s in %s", name, literal, name)
	case l == "a list" && r == "a number":
		return fmt.Sprintf("%s is a list: write len(%s) for how many it has", name, name)
	case op == "contains" || op == "startsWith" || op == "endsWith" || op == "matches":
		if l == "text" {
			return fmt.Sprintf("%s takes two texts: write the second one in quotes", op)
		}
		return fmt.Sprintf("%s, and %s takes texts: compare it with ==, or write string(%s)", is, op, name)
	case l == "a number" && isLiteral && isNumber(text):
		return fmt.Sprintf("%s: write %s without quotes", is, text)
	case l == "a number" && isLiteral && r == "text" && op != "+":
		return fmt.Sprintf("%s, and %s is text: compare it with a number", is, literal)
	case l == "text" && r == "a number" && op == "+", l == "a number" && r == "text" && op == "+":
		return "a text and a number cannot be joined: write string(…) around the number, or use two ${{ }}"
	case l == "text" && (r == "a number" || op == "-") && strings.HasSuffix(strings.ToLower(name), "time"):
		return fmt.Sprintf("%s is a time, as text: write secondsBetween(…, …) for the seconds between two of them", name)
	case l == "text" && r == "a number" && (strings.HasPrefix(op, "<") || strings.HasPrefix(op, ">") || strings.HasSuffix(name, ".output")):
		return fmt.Sprintf("%s: write int(trim(%s))", is, name)
	case l == "text" && isLiteral && r != "text" && !strings.ContainsAny(op, "-*/%"):
		return fmt.Sprintf("%s: write \"%s\"", is, text)
	case l == "true or false" && isLiteral && (text == "true" || text == "false"):
		return fmt.Sprintf("%s: write %s without quotes", is, text)
	case l == "true or false":
		return fmt.Sprintf("%s: write %s alone, or not %s", is, name, name)
	}
	return fmt.Sprintf("%s, and %s is %s: %s needs two of a kind", is, literal, r, n.Operator)
}

// zeros are what to compare a value with, to make a condition of it.
var zeros = map[string]string{"a number": "0", "text": `""`, "a list": "[]"}

func literalText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.String(), true
	}
	return "", false
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil
}
