package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aftercare/shared/suggest"

	"github.com/goccy/go-yaml/ast"
)

// maxVisits bounds what aliases can expand to.
const maxVisits = 100_000

// Position is a place in the file, counted from 1, columns in characters.
type Position struct{ Line, Column int }

// Compare returns -1 if p stands before q, 1 if behind, else 0.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// source is a parsed file. Its methods take what is expected at a node, and add
// a mistake for every deviation.
type source struct {
	*Report
	format  *Format
	root    ast.Node
	anchors map[string]*ast.AnchorNode
	visits  int
}

// anchorCollector collects every anchor of the file.
type anchorCollector struct{ s *source }

func (c anchorCollector) Visit(n ast.Node) ast.Visitor {
	anchor, ok := n.(*ast.AnchorNode)
	if !ok || anchor.Name == nil {
		return c
	}
	name := anchor.Name.GetToken().Value
	if _, ok := c.s.anchors[name]; ok {
		c.s.Add(place(anchor.GetToken()), "the anchor &%.40s appears twice: rename one", name)
	}
	c.s.anchors[name] = anchor
	return c
}

// resolve follows anchors and aliases to their value. If that cannot be read, it
// adds a mistake and returns nil.
func (s *source) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		if s.visits++; s.visits > maxVisits {
			if s.visits == maxVisits+1 {
				s.Add(s.at(n), "the aliases of this file expand to too much: write less with aliases")
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
				s.Add(place(node.GetToken()), "there is no anchor &%.40s for this alias: put a text that begins with * in quotes", name)
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
	s.Add(Position{1, 1}, "an alias stands for nothing, or for itself: remove it")
	return nil
}

// at is where a node begins.
func (s *source) at(n ast.Node) Position {
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
		return Position{1, 1}
	}
	return place(n.GetToken())
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	at    Position
	value ast.Node
}

// mapping holds a mapping's entries in the order of the file.
type mapping struct {
	at      Position
	entries []entry
	// meant are the known keys that were suggested for unknown ones.
	meant []string
	// unknown: it has keys that are not known.
	unknown bool
}

// mapping reads n as a mapping; nil if it is something else. In mistakes, what
// describes n, for example "a flow", and hint says what to write instead. With
// known keys, every other key is a mistake.
func (s *source) mapping(n ast.Node, what, hint string, known ...string) *mapping {
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
		s.Add(s.at(n), "%s is a mapping of keys to values, but here is %s%s", what, describe(n), advice(cmp.Or(hint, "write its keys and values instead")))
		return nil
	}
	m := &mapping{at: s.at(n)}
	seen := make(map[string]Position, len(values))
	for _, value := range values {
		e := entry{at: s.at(value.Key), value: value.Value}
		key, ok := value.Key.(*ast.StringNode)
		if !ok {
			s.Add(e.at, "a key must be text, but here is %s: put it, or the text whose comma stands before it, in quotes", describe(value.Key))
			continue
		}
		e.key = key.Value
		if first, ok := seen[e.key]; ok {
			s.Add(e.at, "the key %.60q appears twice, first in line %d: remove one", e.key, first.Line)
			continue
		}
		seen[e.key] = e.at
		if len(known) > 0 && !slices.Contains(known, e.key) {
			hint, meant := suggest.Hint(e.key, "its keys", known), suggest.Nearest(e.key, known)
			other := cmp.Or(s.format.Synonyms[what+" "+e.key], s.format.Synonyms[e.key])
			switch {
			case meant != "":
			case slices.Contains(known, other):
				hint, meant = suggest.DidYouMean(other), other
			case strings.Contains(other, " "):
				hint = ": " + other
			case strings.Contains(e.key, "\u00a0"):
				hint = ", because no-break spaces stand here: write blanks"
			case strings.Trim(e.key, "0123456789-*/ ") == "":
				hint = ": put the text that has a comma in quotes"
			}
			if meant != "" {
				m.meant = append(m.meant, meant)
			}
			s.Add(e.at, "%s has no key %.60q%s", what, e.key, hint)
			m.unknown = true
			continue
		}
		m.entries = append(m.entries, e)
	}
	return m
}

// advice is a hint at the end of a mistake's text.
func advice(hint string) string {
	if hint == "" {
		return ""
	}
	return ": " + hint
}

// list reads n as a list, and reports whether it is one.
func (s *source) list(n ast.Node, what, hint string) ([]ast.Node, bool) {
	n = s.resolve(n)
	switch node := n.(type) {
	case nil:
		return nil, false
	case *ast.SequenceNode:
		return node.Values, true
	}
	s.Add(s.at(n), "%s is a list, but here is %s%s", what, describe(n), advice(cmp.Or(hint, "write [ ] around it, or - before each item")))
	return nil, false
}

// Scalar is a text of the file.
type Scalar struct {
	Text string
	node ast.Node
}

// textOf returns a resolved node as text. With asText, numbers, true and false
// are text too, as they are written.
func textOf(n ast.Node, asText bool) (Scalar, bool) {
	switch node := n.(type) {
	case *ast.StringNode:
		return Scalar{node.Value, n}, true
	case *ast.LiteralNode:
		return Scalar{node.Value.Value, n}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return Scalar{n.GetToken().Value, n}, asText
	}
	return Scalar{}, false
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
