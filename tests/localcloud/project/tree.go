package project

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// place is a line and a column, counted from 1.
type place struct{ line, column int }

type kind string

const (
	mapping  kind = "an object"
	sequence kind = "a list"
	text     kind = "a text"
	number   kind = "a number"
	boolean  kind = "true or false"
	nothing  kind = "nothing"
	broken   kind = "broken" // a mistake was noted
)

// node is a value of the file, with anchors and merge keys resolved.
type node struct {
	at    place
	kind  kind
	text  string // of a scalar, as written
	keys  []string
	keyAt map[string]place
	value map[string]*node // by key
	items []*node
}

// maxNodes bounds the tree that aliases can expand to.
const maxNodes = 100_000

// builder makes nodes from the library's tree.
type builder struct {
	*reader
	anchors map[string]*node
	nodes   int
}

// parse reads YAML, and returns nil if it cannot. It recovers if the library
// panics.
func (r *reader) parse(src string) (root *node) {
	defer func() {
		if p := recover(); p != nil {
			r.mistake(place{1, 1}, "the YAML parser gave up on this file")
			root = nil
		}
	}()
	file, err := parser.ParseBytes([]byte(src), 0)
	if err != nil {
		at, message := place{1, 1}, err.Error()
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			at, message = placeOf(syntax.Token), syntax.Message
		}
		r.mistake(at, "this is not YAML: %s", message)
		return nil
	}
	b := &builder{reader: r, anchors: map[string]*node{}}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			r.mistake(placeOf(doc.Body.GetToken()), "this is a second document: a project is one")
			return nil
		}
		root = b.build(doc.Body)
	}
	if root == nil {
		r.mistake(place{1, 1}, "the file is empty")
	}
	return root
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{t.Position.Line, t.Position.Column}
}

func (b *builder) build(n ast.Node) *node {
	if b.nodes++; b.nodes > maxNodes {
		panic("too many nodes")
	}
	out := &node{at: placeOf(n.GetToken()), kind: text}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mapping
		b.mapping(out, n.Values)
	case *ast.MappingValueNode:
		out.kind = mapping
		b.mapping(out, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out.kind = sequence
		for _, item := range n.Values {
			out.items = append(out.items, b.build(item))
		}
	case *ast.AnchorNode:
		out = b.build(n.Value)
		b.anchors[n.Name.GetToken().Value] = out
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		if out = b.anchors[name]; out == nil {
			b.mistake(placeOf(n.GetToken()), "no anchor &%s stands before this alias", name)
			return &node{at: placeOf(n.GetToken()), kind: broken}
		}
	case *ast.TagNode:
		return b.build(n.Value)
	case *ast.StringNode:
		out.text = n.Value
	case *ast.LiteralNode:
		out.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = number, n.GetToken().Value
	case *ast.BoolNode:
		out.kind, out.text = boolean, n.GetToken().Value
	case *ast.NullNode:
		out.kind = nothing
	default:
		b.mistake(out.at, "%s is not expected here", n.Type())
		out.kind = broken
	}
	return out
}

func (b *builder) mapping(out *node, entries []*ast.MappingValueNode) {
	out.keyAt, out.value = map[string]place{}, map[string]*node{}
	if len(entries) > 0 {
		out.at = placeOf(entries[0].Key.GetToken())
	}
	var merged []*node
	for _, e := range entries {
		if e.Key.IsMergeKey() {
			merged = append(merged, b.merges(b.build(e.Value))...)
			continue
		}
		key := e.Key.GetToken().Value
		out.set(key, placeOf(e.Key.GetToken()), b.build(e.Value))
	}
	// The object's own members override the merged ones.
	for _, m := range merged {
		for _, key := range m.keys {
			if out.value[key] == nil {
				out.set(key, m.keyAt[key], m.value[key])
			}
		}
	}
}

// merges returns the objects that a merge key brings in.
func (b *builder) merges(n *node) []*node {
	list := []*node{n}
	if n.kind == sequence {
		list = n.items
	}
	for _, m := range list {
		if m.kind != mapping {
			b.mistake(m.at, "only an object can be merged, this is %s", m.kind)
			return nil
		}
	}
	return list
}

func (n *node) set(key string, at place, value *node) {
	n.keys = append(n.keys, key)
	n.keyAt[key] = at
	n.value[key] = value
}

// describe names a node in a mistake's text.
func (n *node) describe() string {
	if n.kind == text {
		short := strings.Join(strings.Fields(n.text), " ")
		if len(short) > 40 {
			short = short[:40] + "…"
		}
		return fmt.Sprintf("the text %q", short)
	}
	return string(n.kind)
}
