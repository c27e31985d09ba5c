package flow

import "slices"

// node is an expression or a part of one.
type node struct {
	// op is an operator as it was written, or one of the constants below.
	op string
	// at is its place: the characters before it.
	at int
	// value is a literal's value, the name of a name or a function, or a *pattern.
	value any
	args  []*node
	// written is the text of an expression, or of an operand of one, without the
	// brackets around it.
	written string
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
