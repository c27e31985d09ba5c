package flow

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
	"github.com/expr-lang/expr/parser/operator"
)

// parser reads an expression as expr does, from the tokens of expr's lexer, but
// for what no flow may use. expr's own parser cannot be linked into the
// functions: it leads to calls of methods by name, and then the linker would
// keep every exported method of every type.
type parser struct {
	// text is the expression with blanks for comments, and places are the bytes at
	// which its characters begin. End is behind the last token that was taken.
	text   string
	places []int
	end    int
	// tokens are what is left; the last is the end, which is never taken.
	tokens []lexer.Token
	// predicates is how many predicates are around the present token.
	predicates int
	// mistake is the first that was found. Nothing is left after it.
	mistake *Mistake
}

// noMeaning is the mistake of a character that no expression has there.
const noMeaning = "this has no meaning in an expression: put text in quotes"

const notExpected = " is not expected here: an operator or a value is missing"

// Generic reports whether a mistake only says that the text is no expression.
func Generic(mistake string) bool {
	return mistake == noMeaning || strings.HasSuffix(mistake, notExpected)
}

// parse reads an expression.
func parse(text string) (*node, *Mistake) {
	tokens, err := lexer.Lex(file.NewSource(text))
	if err != nil {
		var e *file.Error
		if errors.As(err, &e) {
			return nil, &Mistake{Offset: e.From, Text: noMeaning}
		}
		return nil, &Mistake{Text: noMeaning}
	}
	p := &parser{tokens: tokens, places: make([]int, 0, len(text)+1)}
	for i := range text {
		p.places = append(p.places, i)
	}
	p.places = append(p.places, len(text))
	plain := bytes.Repeat([]byte{' '}, len(text))
	for _, t := range tokens {
		from, to := p.places[t.From], p.places[t.To]
		copy(plain[from:to], text[from:to])
	}
	p.text = string(plain)
	n := p.expression(0)
	if p.next(";") {
		p.fail("only one expression is allowed: remove the semicolon")
	}
	if !p.token().Is(lexer.EOF) {
		p.unexpected()
	}
	return n, p.mistake
}

func (p *parser) token() lexer.Token { return p.tokens[0] }

func (p *parser) take() lexer.Token {
	t := p.tokens[0]
	if len(p.tokens) > 1 {
		p.tokens, p.end = p.tokens[1:], t.To
	}
	return t
}

// since is the text from a place to the last token that was taken.
func (p *parser) since(from int) string { return p.text[p.places[from]:p.places[max(from, p.end)]] }

// next reports whether the next token is this operator or bracket.
func (p *parser) next(value string) bool {
	return p.token().Is(lexer.Operator, value) || p.token().Is(lexer.Bracket, value)
}

// accept takes the next token if it is this operator or bracket.
func (p *parser) accept(value string) bool {
	found := p.next(value)
	if found {
		p.take()
	}
	return found
}

func (p *parser) expect(value string) {
	if !p.accept(value) {
		p.unexpected()
	}
}

func (p *parser) unexpected() {
	if p.token().Is(lexer.EOF) {
		p.fail(tooEarly)
		return
	}
	p.fail(fmt.Sprintf("%.60q%s", p.token().Value, notExpected))
}

// fail records a mistake at the next token. It returns a node, so that there
// always is one.
func (p *parser) fail(text string) *node {
	if p.mistake == nil {
		p.mistake = &Mistake{Offset: p.token().From, Text: text}
		p.tokens = p.tokens[len(p.tokens)-1:]
	}
	return &node{op: opLiteral}
}

// expression reads an expression of operators that bind at least so strongly.
func (p *parser) expression(least int) *node {
	from := p.token().From
	left := p.primary()
	before := ""
	for p.token().Is(lexer.Operator) {
		op, negated := p.token(), p.next("not")
		if negated {
			op = p.tokens[1]
		}
		binding, known := operator.Binary[op.Value]
		if negated && !operator.AllowedNegateSuffix(op.Value) {
			p.take()
			p.unexpected()
			break
		}
		if !known || binding.Precedence < least {
			break
		}
		if negated {
			p.take()
		}
		p.take()
		switch {
		case op.Value == "|":
			left = p.call(p.name(), left)
		case before == "??" && op.Value != "??":
			p.fail(fmt.Sprintf("%s and ?? cannot be mixed: put one of them in brackets", op.Value))
		case operator.IsComparison(op.Value):
			left = p.comparison(left, from, op, binding.Precedence)
		default:
			least := binding.Precedence
			if binding.Associativity == operator.Left {
				least++
			}
			left = &node{op: op.Value, at: op.From, args: []*node{left, p.expression(least)}}
			if op.Value == "matches" {
				p.pattern(left.args[1])
			}
			if negated {
				left = &node{op: "not", at: op.From, args: []*node{left}}
			}
		}
		before, left.written = op.Value, p.since(from)
	}
	for least == 0 && p.accept("?") {
		choice := &node{op: opChoice, at: left.at, args: []*node{left, left, nil}}
		if !p.next(":") {
			choice.args[1] = p.expression(0)
		}
		p.expect(":")
		choice.args[2] = p.expression(0)
		left, choice.written = choice, p.since(from)
	}
	return left
}

// comparison reads the rest of a < b < c, which is a < b && b < c.
func (p *parser) comparison(left *node, from int, op lexer.Token, precedence int) *node {
	var all *node
	for {
		next := p.token().From
		right := p.expression(precedence + 1)
		one := &node{op: op.Value, at: op.From, args: []*node{left, right}, written: p.since(from)}
		if all == nil {
			all = one
		} else {
			all = &node{op: "&&", at: op.From, args: []*node{all, one}}
		}
		op = p.token()
		if !op.Is(lexer.Operator) || !operator.IsComparison(op.Value) {
			return all
		}
		p.take()
		left, from = right, next
	}
}

// pattern compiles the pattern of matches or match.
func (p *parser) pattern(n *node) {
	text, ok := n.text()
	if !ok {
		return // review says so
	}
	compiled, err := compilePattern(text)
	if err != nil {
		if p.mistake == nil {
			p.fail(err.Error())
			p.mistake.Offset = n.at
		}
		return
	}
	n.op, n.value = opPattern, compiled
}

func (p *parser) name() lexer.Token {
	if !p.token().Is(lexer.Identifier) {
		p.unexpected()
	}
	return p.take()
}

func (p *parser) primary() *node {
	from := p.token().From
	n := p.operand()
	if n.written == "" {
		n.written = p.since(from)
	}
	return n
}

func (p *parser) operand() *node {
	t := p.token()
	unary, known := operator.Unary[t.Value]
	switch {
	case t.Is(lexer.Operator) && known:
		p.take()
		return p.postfix(&node{op: t.Value, at: t.From, args: []*node{p.expression(unary.Precedence)}})
	case p.accept("("):
		n := p.expression(0)
		if p.next(";") {
			return p.fail("only one expression is allowed: remove the semicolon")
		}
		p.expect(")")
		return p.postfix(n)
	case p.predicates > 0 && p.accept("#"):
		n := &node{op: opElement, at: t.From}
		if p.token().Is(lexer.Identifier) {
			n.value = p.take().Value // review refuses it
		}
		return p.postfix(n)
	case p.predicates > 0 && p.next("."):
		return p.postfix(&node{op: opElement, at: t.From})
	case p.next("let"):
		return p.fail("let is not allowed: write the value where it is used")
	case p.next("if"):
		return p.fail("if is not allowed: write condition ? this : that")
	case p.accept("["):
		list := &node{op: opList, at: t.From}
		p.separated("]", func() { list.args = append(list.args, p.expression(0)) })
		return p.postfix(list)
	case p.accept("{"):
		mapping := &node{op: opMap, at: t.From}
		p.separated("}", func() {
			key, value := p.pair()
			mapping.args = append(mapping.args, key, value)
		})
		return p.postfix(mapping)
	case t.Is(lexer.Identifier):
		p.take()
		switch {
		case slices.Contains([]string{"true", "false", "nil"}, t.Value):
			return &node{op: opLiteral, at: t.From, value: map[string]any{"true": true, "false": false}[t.Value]}
		case p.next("("):
			return p.postfix(p.call(t))
		}
		return p.postfix(&node{op: opName, at: t.From, value: t.Value})
	case t.Is(lexer.String):
		p.take()
		return p.postfix(&node{op: opLiteral, at: t.From, value: t.Value})
	case t.Is(lexer.Number):
		return p.number()
	}
	p.unexpected()
	return &node{op: opLiteral}
}

func (p *parser) number() *node {
	n := &node{op: opLiteral, at: p.token().From}
	text := strings.ToLower(strings.ReplaceAll(p.token().Value, "_", ""))
	var err error
	if strings.ContainsAny(text, ".e") && !strings.HasPrefix(text, "0x") {
		n.value, err = strconv.ParseFloat(text, 64)
	} else {
		base := 10
		if len(text) > 1 && unicode.IsLetter(rune(text[1])) {
			base = 0
		}
		n.value, err = strconv.ParseInt(text, base, strconv.IntSize)
	}
	if err != nil {
		return p.fail("this number cannot be read, or is too large")
	}
	if i, ok := n.value.(int64); ok {
		n.value = int(i)
	}
	p.take()
	return n
}

// separated reads what stands between commas, up to a closing bracket, which it takes.
func (p *parser) separated(closing string, read func()) {
	for first := true; !p.accept(closing) && p.mistake == nil; first = false {
		if !first {
			if p.expect(","); p.accept(closing) {
				return
			}
		}
		read()
	}
}

// pair reads a key of a mapping and its value.
func (p *parser) pair() (key, value *node) {
	switch t := p.token(); {
	case t.Is(lexer.Number), t.Is(lexer.String), t.Is(lexer.Identifier):
		key = &node{op: opLiteral, at: t.From, value: p.take().Value}
	case p.next("("):
		key = p.expression(0)
	default:
		key = p.fail("the key of a mapping must be a name, a number, text in quotes or an expression in brackets")
	}
	p.expect(":")
	return key, p.expression(0)
}

// call reads the arguments of a function. A pipe has read the first.
func (p *parser) call(name lexer.Token, piped ...*node) *node {
	n := &node{op: opCall, at: name.From, value: name.Value, args: piped}
	p.expect("(")
	_, plain := plainFunctions[name.Value]
	p.separated(")", func() {
		if !plain && len(n.args) == 1 {
			n.args = append(n.args, p.predicate())
			return
		}
		n.args = append(n.args, p.expression(0))
	})
	if name.Value == "match" && len(n.args) > 1 {
		p.pattern(n.args[1])
	}
	return n
}

func (p *parser) predicate() *node {
	inBraces := p.accept("{")
	p.predicates++
	n := p.expression(0)
	p.predicates--
	if inBraces {
		p.expect("}")
	}
	return n
}
