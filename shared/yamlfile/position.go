package yamlfile

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Locate returns the place in the file of the character at an offset of a
// scalar's text, in every style of scalar. If the text cannot be matched with
// the file, it returns the scalar's beginning.
func (s *source) Locate(sc Scalar, offset int) Position {
	start := s.at(sc.node)
	want := []rune(sc.Text)
	if offset < 0 || offset > len(want) || len(s.mistakes) == maxCollected {
		return start
	}
	w := &walker{lines: s.lines(), at: start}
	var places []Position
	switch node := sc.node.(type) {
	case *ast.LiteralNode:
		places = w.block(want)
	case *ast.StringNode:
		switch node.Token.Type {
		case token.DoubleQuoteType:
			w.at.Column++
			places = w.flow(want, w.doubleQuoted)
		case token.SingleQuoteType:
			w.at.Column++
			places = w.flow(want, w.singleQuoted)
		default:
			places = w.flow(want, w.plain)
		}
	default:
		places = w.flow(want, w.plain)
	}
	switch {
	case offset < len(places):
		return places[offset]
	case offset == len(places) && offset == len(want) && offset > 0:
		return Position{places[offset-1].Line, places[offset-1].Column + 1}
	}
	return start
}

// CommentFollows reports whether YAML cut off a plain text at this place because
// it takes the rest for a comment.
func (s *source) CommentFollows(sc Scalar, at Position) bool {
	node, ok := sc.node.(*ast.StringNode)
	if !ok || node.Token.Type != token.StringType {
		return false
	}
	w := &walker{lines: s.lines(), at: at}
	rest := strings.TrimLeft(string(w.rest()), " \t")
	return strings.HasPrefix(rest, "#")
}

// walker reads a scalar's source beside its text.
type walker struct {
	lines []string
	at    Position
	// line holds the characters of the line with this number.
	line   []rune
	number int
}

// rest is the rest of the current line.
func (w *walker) rest() []rune {
	if w.at.Line > len(w.lines) {
		return nil
	}
	if w.number != w.at.Line {
		w.line, w.number = []rune(w.lines[w.at.Line-1]), w.at.Line
	}
	return w.line[min(w.at.Column-1, len(w.line)):]
}

// flow matches the text of a plain or quoted scalar with the lines. It returns
// the place of each character, up to the first that differs. next reads the
// beginning of rest, moves past it, and returns false at the end.
func (w *walker) flow(want []rune, next func(rest []rune) (string, bool)) []Position {
	places := make([]Position, 0, len(want))
	for len(places) < len(want) && w.at.Line <= len(w.lines) {
		rest, start := w.rest(), w.at
		var text string
		if isBlank(rest) {
			text = w.fold()
		} else {
			var ok bool
			if text, ok = next(rest); !ok {
				return places
			}
		}
		for _, r := range text {
			if len(places) == len(want) || want[len(places)] != r {
				return places
			}
			places = append(places, start)
		}
	}
	return places
}

// fold moves past a line break with the blank lines after it and the next line's
// indentation, and returns the text that YAML reads for it.
func (w *walker) fold() string {
	breaks := 0
	for w.at.Line <= len(w.lines) {
		w.at = Position{w.at.Line + 1, 1}
		breaks++
		if rest := w.rest(); !isBlank(rest) {
			for rest[w.at.Column-1] == ' ' || rest[w.at.Column-1] == '\t' {
				w.at.Column++
			}
			break
		}
	}
	if breaks == 1 {
		return " "
	}
	return strings.Repeat("\n", breaks-1)
}

func (w *walker) plain(rest []rune) (string, bool) {
	w.at.Column++
	return string(rest[:1]), true
}

func (w *walker) singleQuoted(rest []rune) (string, bool) {
	w.at.Column++
	if rest[0] != '\'' {
		return string(rest[:1]), true
	}
	w.at.Column++
	return "'", len(rest) > 1 && rest[1] == '\''
}

var escapes = map[rune]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': "\"", '/': "/", '\\': "\\", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// hexDigits is how many digits follow an escape by number.
var hexDigits = map[rune]int{'x': 2, 'u': 4, 'U': 8}

func (w *walker) doubleQuoted(rest []rune) (string, bool) {
	switch {
	case rest[0] == '"':
		return "", false
	case rest[0] != '\\':
		w.at.Column++
		return string(rest[:1]), true
	case isBlank(rest[1:]):
		// A backslash at the end of a line joins it with the next.
		return strings.TrimPrefix(w.fold(), " "), true
	}
	if text, ok := escapes[rest[1]]; ok {
		w.at.Column += 2
		return text, true
	}
	digits := hexDigits[rest[1]]
	if digits == 0 || len(rest) < 2+digits {
		return "", false
	}
	w.at.Column += 2 + digits
	code, err := strconv.ParseUint(string(rest[2:2+digits]), 16, 32)
	return string(rune(code)), err == nil
}

// block matches the text of a literal or folded block with the lines after its
// header.
func (w *walker) block(want []rune) []Position {
	places := make([]Position, 0, len(want))
	indent := -1
	end := w.at
	for len(places) < len(want) && w.at.Line < len(w.lines) {
		w.at = Position{w.at.Line + 1, 1}
		line := w.rest()
		spaces := leadingSpaces(line)
		if spaces == len(line) {
			continue
		}
		// Line breaks before this line; a folded one is a space.
		for len(places) < len(want) && (want[len(places)] == '\n' || want[len(places)] == ' ' && indent == spaces) {
			places = append(places, end)
		}
		if indent < 0 {
			indent = max(0, spaces-leadingSpaces(want[len(places):]))
		}
		for column := indent; column < len(line) && len(places) < len(want); column++ {
			if want[len(places)] != line[column] {
				return places
			}
			places = append(places, Position{w.at.Line, column + 1})
		}
		end = Position{w.at.Line, len(line) + 1}
	}
	for len(places) < len(want) && want[len(places)] == '\n' {
		places = append(places, end)
	}
	return places
}

func isBlank(text []rune) bool {
	for _, r := range text {
		if r != ' ' && r != '\t' {
			return false
		}
	}
	return true
}

func leadingSpaces(text []rune) int {
	n := 0
	for n < len(text) && text[n] == ' ' {
		n++
	}
	return n
}
