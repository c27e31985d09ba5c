package flow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/parser/operator"
	"github.com/expr-lang/expr/parser/utils"
)

// node is an expression or a part of one.
type node struct {
	// op is an operator as it was written, or one of the constants below.
	op string
	// at is its place: the characters before it.
	at int
	// value is a literal's value, the name of a name or a function, or a *pattern.
	value any
	args  []*node
}

// What a node is if it is not an operator.
const (
	opLiteral = "literal"
	opName    = "name"
	opMember  = "."  // of a mapping or list, and the name or number
	opSafe    = "?." // the same, or nil for the whole chain if there is nothing
	opChain   = "chain"
	opSlice   = "[:]" // of a list or text, from and to, which may be nil
	opCall    = "call"
	opElement = "#"
	opPattern = "pattern" // of matches and match
	opList    = "[]"
	opMap     = "{}" // keys and values, in turn
	opChoice  = "?:"
)

// is reports whether the node is one of these operators.
func (n *node) is(ops ...string) bool { return slices.Contains(ops, n.op) }

// text returns the text of a literal.
func (n *node) text() (string, bool) {
	s, ok := n.value.(string)
	return s, ok && n.op == opLiteral
}

// binary reports whether the node is an operator between two others.
func (n *node) binary() bool {
	_, ok := operator.Binary[n.op]
	return ok && len(n.args) == 2
}

// String writes the expression as expr prints its own tree.
func (n *node) String() string {
	switch n.op {
	case opLiteral:
		if s, ok := n.value.(string); ok {
			return fmt.Sprintf("%q", s)
		}
		if n.value == nil {
			return "nil"
		}
		return fmt.Sprint(n.value)
	case opName:
		return n.value.(string)
	case opPattern:
		return fmt.Sprintf("%q", n.value.(*pattern).text)
	case opElement:
		return opElement
	case opCall:
		return fmt.Sprintf("%s(%s)", n.value, join(n.args))
	case opList:
		return "[" + join(n.args) + "]"
	case opChain:
		return n.args[0].String()
	case opMember, opSafe:
		return n.member()
	case opSlice:
		var ends [2]string
		for i, end := range n.args[1:] {
			if end != nil {
				ends[i] = end.String()
			}
		}
		return fmt.Sprintf("%s[%s:%s]", n.args[0], ends[0], ends[1])
	case opMap:
		var pairs []string
		for i := 0; i < len(n.args); i += 2 {
			pairs = append(pairs, n.args[i].key()+": "+n.args[i+1].String())
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	case opChoice:
		return fmt.Sprintf("%s ? %s : %s", n.args[0].inBrackets(n.args[0].op == opChoice),
			n.args[1].inBrackets(n.args[1].op == opChoice), n.args[2].inBrackets(n.args[2].op == opChoice))
	}
	if len(n.args) == 1 {
		return n.unary()
	}
	if n.op == ".." {
		return n.args[0].String() + ".." + n.args[1].String()
	}
	left, right := n.args[0], n.args[1]
	return left.inBrackets(n.wrapsLeft(left)) + " " + n.op + " " + right.inBrackets(n.wrapsRight(right))
}

func join(nodes []*node) string {
	var texts []string
	for _, n := range nodes {
		texts = append(texts, n.String())
	}
	return strings.Join(texts, ", ")
}

func (n *node) inBrackets(wrap bool) string {
	if wrap {
		return "(" + n.String() + ")"
	}
	return n.String()
}

// key is the node as the key of a mapping.
func (n *node) key() string {
	switch name, ok := n.text(); {
	case !ok:
		return "(" + n.String() + ")"
	case utils.IsValidIdentifier(name):
		return name
	}
	return n.String()
}

func (n *node) member() string {
	of := n.args[0].inBrackets(n.args[0].binary())
	name, ok := n.args[1].text()
	ok = ok && utils.IsValidIdentifier(name)
	switch {
	case ok && n.op == opMember && n.args[0].op == opElement:
		return "." + name
	case ok:
		return of + n.op + name
	case n.op == opSafe:
		of += opSafe
	}
	return of + "[" + n.args[1].String() + "]"
}

func (n *node) unary() string {
	arg, op := n.args[0], n.op
	if op == "not" {
		op += " "
	}
	return op + arg.inBrackets(arg.op == opChoice || arg.binary() && operator.Binary[arg.op].Precedence < operator.Unary[n.op].Precedence)
}

func (n *node) wrapsLeft(left *node) bool {
	mine := operator.Binary[n.op]
	switch {
	case left.op == opChoice:
		return true
	case len(left.args) == 1 && left.is("not", "!", "-", "+"):
		return operator.Unary[left.op].Precedence < mine.Precedence
	case !left.binary():
		return false
	}
	return operator.Less(left.op, n.op) || left.op == "??" || operator.IsBoolean(left.op) && left.op != n.op ||
		operator.Binary[left.op].Precedence == mine.Precedence && mine.Associativity == operator.Right
}

func (n *node) wrapsRight(right *node) bool {
	mine := operator.Binary[n.op]
	if !right.binary() {
		return right.op == opChoice
	}
	return operator.Less(right.op, n.op) || operator.IsBoolean(right.op) && right.op != n.op ||
		operator.Binary[right.op].Precedence == mine.Precedence && mine.Associativity == operator.Left
}
