package flow

import (
	"strings"
	"unicode"

	"github.com/expr-lang/expr/parser/lexer"
)

// postfix reads what follows a value: .name, ?.name, [index], [from:to].
func (p *parser) postfix(n *node) *node {
	for p.mistake == nil {
		t := p.token()
		op := t.Value
		switch {
		case !p.accept(opMember) && !p.accept(opSafe) && !p.next("["):
			return n
		case p.accept("["):
			n = p.index(n, op, t.From)
			continue
		}
		name := p.take()
		first := []rune(name.Value + " ")[0]
		if !name.Is(lexer.Identifier) && !(name.Is(lexer.Operator) && unicode.IsLetter(first)) {
			p.tokens = append([]lexer.Token{name}, p.tokens...)
			p.unexpected()
			return n
		}
		if p.next("(") {
			return p.fail("only functions can be called, and values have no methods: the functions are " + strings.Join(functions, ", "))
		}
		chained := n.op == opChain
		if chained {
			n = n.args[0]
		}
		n = &node{op: op, at: name.From, args: []*node{n, {op: opLiteral, at: name.From, value: name.Value}}}
		if chained || op == opSafe {
			n = &node{op: opChain, at: name.From, args: []*node{n}}
		}
	}
	return n
}

// index reads [index] or [from:to] after its first bracket.
func (p *parser) index(of *node, op string, at int) *node {
	var from, to *node
	if !p.next(":") {
		from = p.expression(0)
	}
	slice := p.accept(":")
	if slice && !p.next("]") {
		to = p.expression(0)
	}
	p.expect("]")
	switch {
	case slice:
		return &node{op: opSlice, at: at, args: []*node{of, from, to}}
	case op == opSafe:
		return &node{op: opChain, at: at, args: []*node{{op: opSafe, at: at, args: []*node{of, from}}}}
	}
	return &node{op: opMember, at: at, args: []*node{of, from}}
}
