package flow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxBytes = 1 << 20
	// maxTokens holds more than 1,000 flows; the parser's time grows with the
	// square of a mapping's keys.
	maxTokens = 60_000
	// maxDepth is more than twice the depth of the format.
	maxDepth = 20
	// maxVisits bounds what aliases can expand to.
	maxVisits = 100_000
)

// position is a place in the file, counted from 1, columns in characters.
type position struct{ line, column int }

// source is a parsed file that is read along its shape: whoever reads it says
// what should be where, and every deviation becomes a fault.
type source struct {
	*report
	root    ast.Node
	anchors map[string]*ast.AnchorNode
	visits  int
}

// parse reads YAML. It returns nil if nothing can be read, and then the report
// says why.
func parse(r *report, src []byte) *source {
	// The parser counts some carriage returns as further lines.
	r.text = strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
	if !readable(r, r.text) {
		return nil
	}
	file, err := parseYAML(r, r.text)
	if err != nil {
		r.add(errorPlace(err), "this is not YAML: %s", errorText(err))
		return nil
	}
	if file == nil {
		return nil
	}
	s := &source{report: r, anchors: map[string]*ast.AnchorNode{}}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType:
		case s.root == nil:
			s.root = doc.Body
		default:
			s.add(s.at(doc.Body), "this is a second document: put all flows into one, without ---")
			return nil
		}
	}
	if s.root == nil {
		r.add(position{1, 1}, "the file is empty: begin with version: 1 and flows:")
		return nil
	}
	ast.Walk(anchorCollector{s}, s.root)
	return s
}

// readable reports whether text is something to give to the YAML parser.
func readable(r *report, text string) bool {
	if len(text) > maxBytes {
		r.add(position{1, 1}, "the file has %d bytes: at most %d are read", len(text), maxBytes)
		return false
	}
	line, column := 1, 0
	for i, c := range text {
		column++
		switch {
		case c == '\n':
			line, column = line+1, 0
		case c == '\t':
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			r.add(position{line, column}, "this byte is not UTF-8: save the file as UTF-8")
			return false
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c == '\ufeff':
			r.add(position{line, column}, "the character %U is not allowed here: remove it, or write it as \\u%04X in double quotes", c, c)
			return false
		}
	}
	return true
}

// parseYAML returns nil and no error if it added faults itself. The library is
// not trusted to survive every input.
func parseYAML(r *report, text string) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, errors.New("the parser gave up on it")
		}
	}()
	tokens := lexer.Tokenize(text)
	if !parsable(r, tokens) {
		return nil, nil
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// parsable refuses what the format has no use for, and what would cost the
// parser more time or stack than it is worth.
func parsable(r *report, tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.add(place(tokens[maxTokens]), "the file is too large: split it, or remove flows")
		return false
	}
	before := len(r.faults)
	depth, entries, line, anchors := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			entries++
		case token.MappingKeyType:
			r.add(place(t), "keys that begin with ? are not supported: write key: value")
		case token.TagType:
			r.add(place(t), "the tag %.40q is not supported: remove it", t.Value)
		case token.DirectiveType:
			r.add(place(t), "directives are not supported: remove this line")
		case token.MergeKeyType:
			r.add(place(t), "merge keys (<<) are not supported: write the keys out, or use an alias for a whole value")
		case token.AnchorType:
			anchors++
		}
		if depth > maxDepth || entries > maxDepth || anchors > maxTokens/100 {
			r.add(place(t), "this is nested too deep, or has too many anchors")
			return false
		}
	}
	return len(r.faults) == before
}

// place is where a token begins; the begin of the file for those that have no
// place.
func place(t *token.Token) position {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return position{1, 1}
	}
	return position{t.Position.Line, max(1, t.Position.Column)}
}

// yamlError is what the library's errors offer.
type yamlError interface {
	GetToken() *token.Token
	GetMessage() string
}

func errorPlace(err error) position {
	var y yamlError
	if errors.As(err, &y) {
		return place(y.GetToken())
	}
	return position{1, 1}
}

func errorText(err error) string {
	var y yamlError
	if errors.As(err, &y) {
		return y.GetMessage()
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// anchorCollector notes every anchor of the file.
type anchorCollector struct{ s *source }

func (c anchorCollector) Visit(n ast.Node) ast.Visitor {
	anchor, ok := n.(*ast.AnchorNode)
	if !ok || anchor.Name == nil {
		return c
	}
	name := anchor.Name.GetToken().Value
	if _, ok := c.s.anchors[name]; ok {
		c.s.add(place(anchor.GetToken()), "the anchor &%.40s is there twice: rename one", name)
	}
	c.s.anchors[name] = anchor
	return c
}

// resolve follows anchors and aliases to what they stand for. It returns nil
// for what cannot be read, and then a fault says why.
func (s *source) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		if s.visits++; s.visits > maxVisits {
			if s.visits == maxVisits+1 {
				s.add(s.at(n), "the aliases of this file expand to too much: write less with aliases")
			}
			return nil
		}
		switch node := n.(type) {
		case *ast.AnchorNode:
			n = node.Value
		case *ast.AliasNode:
			name := node.Value.GetToken().Value
			anchor, ok := s.anchors[name]
			if !ok {
				s.add(place(node.GetToken()), "there is no anchor &%.40s for this alias", name)
				return nil
			}
			n = anchor.Value
		default:
			return n
		}
		if n == nil {
			break
		}
	}
	s.add(position{1, 1}, "an alias stands for nothing, or for itself: remove it")
	return nil
}

// at is where a node begins.
func (s *source) at(n ast.Node) position {
	switch node := n.(type) {
	case *ast.MappingNode:
		if len(node.Values) > 0 {
			return s.at(node.Values[0].Key)
		}
		return place(node.Start)
	case *ast.MappingValueNode:
		return s.at(node.Key)
	case *ast.SequenceNode:
		return place(node.Start)
	case *ast.LiteralNode:
		return place(node.Start)
	case nil:
		return position{1, 1}
	}
	return place(n.GetToken())
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	at    position
	value ast.Node
}

// mapping is a mapping's entries in the order of the file.
type mapping struct {
	at      position
	entries []entry
}

// find returns the value of a key; nil if the mapping does not have it.
func (m *mapping) find(key string) ast.Node {
	return m.entry(key).value
}

// entry returns the entry of a key, without a value if there is none.
func (m *mapping) entry(key string) entry {
	for _, e := range m.entries {
		if e.key == key {
			return e
		}
	}
	return entry{key: key, at: m.at}
}

// mapping reads n as a mapping. What is named in faults describes n, for
// example "a flow". With known keys, every other key is a fault. It returns
// nil if n is no mapping.
func (s *source) mapping(n ast.Node, what string, known ...string) *mapping {
	n = s.resolve(n)
	var values []*ast.MappingValueNode
	switch node := n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		s.add(s.at(n), "%s is a mapping of keys to values, but here is %s", what, describe(n))
		return nil
	}
	m := &mapping{at: s.at(n)}
	seen := make(map[string]position, len(values))
	for _, value := range values {
		e := entry{at: s.at(value.Key), value: value.Value}
		key, ok := value.Key.(*ast.StringNode)
		if !ok {
			s.add(e.at, "a key must be text, but here is %s", describe(value.Key))
			continue
		}
		e.key = key.Value
		if first, ok := seen[e.key]; ok {
			s.add(e.at, "the key %.60q is there twice, first in line %d: remove one", e.key, first.line)
			continue
		}
		seen[e.key] = e.at
		if len(known) > 0 && !slices.Contains(known, e.key) {
			s.add(e.at, "%s has no key %.60q%s", what, e.key, suggest(e.key, "its keys", known))
			continue
		}
		m.entries = append(m.entries, e)
	}
	return m
}

// list reads n as a list; the result is nil if it is none.
func (s *source) list(n ast.Node, what string) []ast.Node {
	n = s.resolve(n)
	switch node := n.(type) {
	case nil:
		return nil
	case *ast.SequenceNode:
		return node.Values
	}
	s.add(s.at(n), "%s is a list, but here is %s", what, describe(n))
	return nil
}

// scalar is a text of the file.
type scalar struct {
	text string
	node ast.Node
}

// scalar reads n as text. Numbers, true and false are text too if asText says
// so, as they are written.
func (s *source) scalar(n ast.Node, what string, asText bool) (scalar, bool) {
	n = s.resolve(n)
	switch node := n.(type) {
	case nil:
		return scalar{}, false
	case *ast.StringNode:
		return scalar{node.Value, n}, true
	case *ast.LiteralNode:
		return scalar{node.Value.Value, n}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		if asText {
			return scalar{n.GetToken().Value, n}, true
		}
	}
	s.add(s.at(n), "%s is text, but here is %s", what, describe(n))
	return scalar{}, false
}

// describe says in a word or two what a node is.
func describe(n ast.Node) string {
	switch node := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return fmt.Sprintf("the number %.20s", n.GetToken().Value)
	case *ast.BoolNode:
		return node.GetToken().Value
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	}
	return "something else"
}
