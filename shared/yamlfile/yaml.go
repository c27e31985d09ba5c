package yamlfile

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxBytes = 1 << 20
	// maxTokens is enough for about 1,000 flows of one step; the parser's time
	// grows with the square of a mapping's keys.
	maxTokens = 60_000
	// maxDepth is more than twice the depth of the format.
	maxDepth = 20
	// maxAnchors bounds the parser's work for one value.
	maxAnchors = 600
)

// parse reads YAML. If it cannot be read, parse adds a mistake and returns nil.
func parse(r *Report, src []byte, f *Format) *source {
	r.text = normalized(src)
	if !readable(r, r.text) {
		return nil
	}
	file, err := parseYAML(r, r.text, f)
	if err != nil {
		at, text := syntaxMistake(r.lines(), errorPlace(err), errorText(err))
		r.Add(at, "%s", text)
		return nil
	}
	if file == nil {
		return nil
	}
	s := &source{Report: r, format: f, anchors: map[string]*ast.AnchorNode{}}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType:
		case s.root == nil:
			s.root = doc.Body
		default:
			s.Add(s.at(doc.Body), "this is a second document: put all %s into one, without ---", f.List)
			return nil
		}
	}
	if s.root == nil {
		r.Add(Position{1, 1}, "the file is empty: begin with version: 1 and %s:", f.List)
		return nil
	}
	ast.Walk(anchorCollector{s}, s.root)
	return s
}

// Lines returns the lines of a file as mistakes count them.
func Lines(src []byte) []string { return strings.Split(normalized(src), "\n") }

// normalized is the text whose lines and columns mistakes name. The parser
// counts some carriage returns as further lines.
func normalized(src []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
}

// readable reports whether the YAML parser may get the text.
func readable(r *Report, text string) bool {
	if len(text) > maxBytes {
		r.Add(Position{1, 1}, "the file has %d bytes: at most %d are read", len(text), maxBytes)
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
			r.Add(Position{line, column}, "this byte is not UTF-8: save the file as UTF-8")
			return false
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c == '\ufeff':
			r.Add(Position{line, column}, "the character %U is not allowed here: remove it, or write it as \\u%04X in double quotes", c, c)
			return false
		}
	}
	return true
}

// parseYAML returns nil and no error if it added mistakes itself. The library
// may panic on some input.
func parseYAML(r *Report, text string, f *Format) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, errors.New("the parser cannot read it")
		}
	}()
	tokens := lexer.Tokenize(withoutHead(text))
	if !parsable(r, tokens, f) {
		return nil, nil
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// withoutHead empties the comment lines at the head of the file, on which the
// parser spends a third of its time for the shipped file. The other lines keep
// their numbers.
func withoutHead(text string) string {
	lines, rest := 0, text
	for strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, "\n") {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			break
		}
		lines, rest = lines+1, after
	}
	return strings.Repeat("\n", lines) + rest
}

// parsable refuses YAML that the format does not use, and input that would cost
// the parser too much time or stack.
func parsable(r *Report, tokens token.Tokens, f *Format) bool {
	if len(tokens) > maxTokens {
		r.Add(place(tokens[maxTokens]), "the file is too large: split it, or remove some of the %s", f.List)
		return false
	}
	before := len(r.mistakes)
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
			r.Add(place(t), "keys that begin with ? are not supported: write key: value")
		case token.TagType:
			r.Add(place(t), "the tag %.40q is not supported: remove it, or put the text in quotes", t.Value)
		case token.DirectiveType:
			r.Add(place(t), "directives are not supported: remove this line")
		case token.MergeKeyType:
			r.Add(place(t), "merge keys (<<) are not supported: write the keys out, or use an alias for a whole value")
		case token.AnchorType:
			anchors++
		}
		if depth > maxDepth || entries > maxDepth || anchors > maxAnchors {
			r.Add(place(t), "this is nested too deep, or has too many anchors")
			return false
		}
	}
	return len(r.mistakes) == before
}

// place is where a token begins; the beginning of the file if the token has no
// place.
func place(t *token.Token) Position {
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return Position{1, 1}
	}
	return Position{t.Position.Line, max(1, t.Position.Column)}
}

// yamlError is the interface of the library's errors.
type yamlError interface {
	GetToken() *token.Token
	GetMessage() string
}

func errorPlace(err error) Position {
	var y yamlError
	if errors.As(err, &y) {
		return place(y.GetToken())
	}
	return Position{1, 1}
}

func errorText(err error) string {
	var y yamlError
	if errors.As(err, &y) {
		return y.GetMessage()
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
