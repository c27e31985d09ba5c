package seed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// node is a JSON value with its place in the file.
type node struct {
	file string
	line int
	path string // for example tables[0].name
	// value is a string, a json.Number, a bool or nil. The other fields hold an
	// object's members and an array's items.
	value   any
	kind    byte // '{', '[' or 0
	names   []string
	members map[string]*node
	items   []*node
}

// Mistakes are all mistakes of a file, in the order of the file.
type Mistakes []error

func (m Mistakes) Error() string { return errors.Join(m...).Error() }

// add notes a mistake at a place.
func (m *Mistakes) add(n *node, format string, args ...any) {
	where := fmt.Sprintf("%s:%d: ", n.file, n.line)
	if n.path != "" {
		where += n.path + ": "
	}
	*m = append(*m, fmt.Errorf("%s%w", where, fmt.Errorf(format, args...)))
}

// parser reads nodes.
type parser struct {
	file     string
	text     []byte
	decoder  *json.Decoder
	mistakes *Mistakes
}

// parse reads a text that is one JSON value. It returns an error for a text that
// is not JSON, and so has no other mistakes.
func parse(file string, text []byte, mistakes *Mistakes) (*node, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark
	p := &parser{file: file, text: text, decoder: json.NewDecoder(bytes.NewReader(text)), mistakes: mistakes}
	p.decoder.UseNumber()
	root, err := p.node("")
	if err == nil {
		if _, end := p.decoder.Token(); end != io.EOF {
			err = errors.New("something follows the JSON value")
		}
	}
	if err != nil {
		at := p.decoder.InputOffset()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at = syntax.Offset
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file ends too early")
		}
		return nil, fmt.Errorf("%s:%d: %w", file, p.line(at), err)
	}
	return root, nil
}

// line returns the line of an offset.
func (p *parser) line(offset int64) int {
	return 1 + bytes.Count(p.text[:min(int(offset), len(p.text))], []byte("\n"))
}

func (p *parser) node(path string) (*node, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	n := &node{file: p.file, line: p.line(p.decoder.InputOffset()), path: path, value: token}
	if text, ok := token.(string); ok {
		p.checkText(n, text)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return n, nil
	}
	n.value, n.kind, n.members = nil, byte(delim), map[string]*node{}
	for p.decoder.More() {
		if n.kind == '[' {
			item, err := p.node(fmt.Sprintf("%s[%d]", path, len(n.items)))
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
			continue
		}
		name, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		member, err := p.node(strings.TrimPrefix(path+"."+name.(string), "."))
		if err != nil {
			return nil, err
		}
		p.checkText(member, name.(string))
		if _, twice := n.members[name.(string)]; twice {
			p.mistakes.add(member, "it is there twice")
		}
		n.names = append(n.names, name.(string))
		n.members[name.(string)] = member
	}
	_, err = p.decoder.Token() // the end of it
	return n, err
}

// checkText refuses what the decoder replaced, so that nothing is altered
// silently. A real U+FFFD cannot be told from that.
func (p *parser) checkText(n *node, text string) {
	if strings.ContainsRune(text, utf8.RuneError) {
		p.mistakes.add(n, "a text must be UTF-8, without U+FFFD and halves of surrogate pairs")
	}
}

// object checks that a node is an object with only these members.
func (m *Mistakes) object(n *node, known ...string) bool {
	if n.kind != '{' {
		m.add(n, "it must be an object")
		return false
	}
	for _, name := range n.names {
		if !slices.Contains(known, name) {
			m.add(n.members[name], "it is not known: known are %s", strings.Join(known, ", "))
		}
	}
	return true
}

// list returns the items of a member, which may be missing.
func (m *Mistakes) list(n *node, name string) []*node {
	member, ok := n.members[name]
	if !ok {
		return nil
	}
	if member.kind != '[' {
		m.add(member, "it must be an array")
	}
	return member.items
}

// text returns a member that must be a string; optional means that it may be
// missing.
func (m *Mistakes) text(n *node, name string, optional bool) string {
	member, ok := n.members[name]
	if !ok {
		if !optional {
			m.add(n, "%s is missing", name)
		}
		return ""
	}
	text, ok := member.value.(string)
	if !ok {
		m.add(member, "it must be a text")
	}
	return text
}

// source returns the node as JSON.
func (n *node) source() json.RawMessage {
	var value any
	switch n.kind {
	case '{':
		object := map[string]json.RawMessage{}
		for name, member := range n.members {
			object[name] = member.source()
		}
		value = object
	case '[':
		array := []json.RawMessage{}
		for _, item := range n.items {
			array = append(array, item.source())
		}
		value = array
	default:
		value = n.value
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic("seed: encode what was decoded: " + err.Error())
	}
	return text
}
