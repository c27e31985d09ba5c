package yamlfile

import (
	_ "embed" // syntax.txt
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// syntaxHint is what to write where text is no YAML: a row of syntax.txt.
type syntaxHint struct {
	of, line *regexp.Regexp
	say      string
}

//go:embed syntax.txt
var syntaxFile string

// syntaxHints are the rows of syntax.txt.
var syntaxHints = sync.OnceValue(func() (list []syntaxHint) {
	var forms []*regexp.Regexp
	for line := range strings.Lines(syntaxFile) {
		line = strings.TrimSuffix(line, "\n")
		say, isSay := strings.CutPrefix(line, "\t")
		switch {
		case isSay:
			list, forms = append(list, syntaxHint{forms[0], forms[1], say}), nil
		case !strings.HasPrefix(line, "#"):
			forms = append(forms, regexp.MustCompile(strings.Replace(line, "KEY", `^\s*(?:-\s+)*[A-Za-z][\w-]*`, 1)))
		}
	}
	return list
})

// open is a quote that its line does not close.
var open = regexp.MustCompile(`(?::|-)\s+(")[^"]*$`)

// syntaxMistake puts an error of the YAML parser into words that say what to write,
// at the place where it is wrong.
func syntaxMistake(lines []string, at Position, message string) (Position, string) {
	at.Line = min(at.Line, len(lines))
	near := []int{at.Line}
	for n := at.Line - 1; n > 0; n-- {
		if text := strings.TrimSpace(lines[n-1]); text != "" && text[0] != '#' {
			near = append(near, n)
			break
		}
	}
	for _, h := range syntaxHints() {
		if !h.of.MatchString(message) {
			continue
		}
		for i, n := range near {
			m := h.line.FindStringSubmatchIndex(lines[n-1])
			switch {
			case m == nil:
			case len(m) > 2:
				return Position{n, utf8.RuneCountInString(lines[n-1][:m[2]]) + 1}, h.say
			case i == 0:
				return at, h.say
			}
		}
	}
	if here := []rune(lines[at.Line-1]); at.Column <= len(here) && strings.ContainsRune("]}", here[at.Column-1]) {
		return at, fmt.Sprintf("this %c closes nothing: remove it, or write what it closes", here[at.Column-1])
	}
	for _, n := range near {
		if column, bracket := unclosed(lines[n-1]); column > 0 {
			return Position{n, column}, fmt.Sprintf("this %c is never closed, or a comma is missing after it: close it, or put the text in quotes", bracket)
		}
	}
	if strings.Contains(message, "must be specified") {
		return at, "a comma is missing before this; or text has one of { } [ ] , and needs quotes"
	}
	if next := at.Line; next < len(lines) && strings.HasPrefix(message, "mapping value") && indent(lines[next]) > indent(lines[at.Line-1]) {
		return Position{next + 1, indent(lines[next]) + 1}, "this line stands deeper than the key above, which has a value already: move it to the left"
	}
	if above := indents(lines[:at.Line-1]); len(above) > 0 && !slices.Contains(above, indent(lines[at.Line-1])) {
		return at, fmt.Sprintf("this line is indented by %d, but those to which it could belong by %s: move it", indent(lines[at.Line-1]), Listed(numbers(above), "or"))
	}
	if above := near[len(near)-1]; strings.HasPrefix(strings.TrimSpace(lines[above-1]), "- ") && indent(lines[above-1]) == indent(lines[at.Line-1]) {
		return at, "the keys of an item stand under the text after its -: write two more blanks before this"
	}
	for n := at.Line; n > 0; n-- {
		if m := open.FindStringSubmatchIndex(lines[n-1]); m != nil {
			return Position{n, utf8.RuneCountInString(lines[n-1][:m[2]]) + 1}, "this quote is never closed: write the same one at the end of the text"
		}
	}
	return at, "this does not belong to what stands above: look at the blanks before it, its colon and its quotes"
}

// unclosed is the column of a bracket that its line does not close; 0 if there is none.
func unclosed(line string) (column int, bracket rune) {
	var open []int
	var quote rune
	runes := []rune(line)
	for i, c := range runes {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && i > 0 && runes[i-1] == ' ':
			runes = runes[:i]
		case c == '[' || c == '{':
			open = append(open, i)
		case (c == ']' || c == '}') && len(open) > 0:
			open = open[:len(open)-1]
		}
		if i >= len(runes) {
			break
		}
	}
	if len(open) == 0 || quote != 0 {
		return 0, 0
	}
	last := open[len(open)-1]
	return last + 1, runes[last]
}

// indents lists how far the lines are indented to which a next line can belong.
func indents(lines []string) (list []int) {
	least := 1 << 30
	for _, line := range slices.Backward(lines) {
		text := strings.TrimSpace(line)
		if n := indent(line); text != "" && text[0] != '#' && n < least {
			list, least = append(list, n), n
			if inner := strings.TrimLeft(line, " -"); strings.HasPrefix(text, "- ") && len(list) < 4 {
				list = append(list, len(line)-len(inner))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func numbers(list []int) (texts []string) {
	for _, n := range list {
		texts = append(texts, fmt.Sprint(n))
	}
	return texts
}
