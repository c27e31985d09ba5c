package yamlfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// syntaxHint is what to write where text is no YAML. Of is what the YAML parser
// says, and line what the line looks like; either may be anything. The mistake is at
// the line's group, if the form has one.
type syntaxHint struct {
	of, line *regexp.Regexp
	say      string
}

const key = `^\s*(?:-\s+)*[A-Za-z][\w-]*`

// syntaxHints are in the order in which they are tried, each at the line of the
// parser's error and at the one before.
var syntaxHints = func(rows ...[3]string) (list []syntaxHint) {
	for _, r := range rows {
		list = append(list, syntaxHint{regexp.MustCompile(r[0]), regexp.MustCompile(r[1]), r[2]})
	}
	return list
}(
	[3]string{`tab char|cannot start any token`, `(\t)`, `this is a tab (\t), which YAML does not take here: write blanks instead`},
	[3]string{``, `^ *(\t)`, `this is a tab (\t), which YAML does not take here: write blanks instead`},
	[3]string{`reserved character`, `(@|\x60)`, `text cannot begin with this character: put it in quotes`},
	[3]string{`end character of (?:single|double)-quoted`, `["']`, `this quote is never closed: write the same one at the end of the text`},
	[3]string{`escape`, `(\\)`, `a backslash in double quotes is written twice: write \\, or put the text in single quotes`},
	[3]string{`corresponding to`, `([\]}])`, `this closes nothing: remove it, or put the text in quotes`},
	[3]string{``, `^\s*-?\s*(?:[\w-]+:\s+)?(\{\{)`, `{{ begins a mapping of YAML: put the text in quotes, and write ${{ }} around an expression`},
	[3]string{``, `^\s*-?\s*[\w-]+:\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*([^\s#,}\]].*)$`, `the text ends at its second quote: put the whole value in single quotes, with its own quotes inside`},
	[3]string{``, `^\s*(?:-\s+)*[\w-]+:\s+[^\s"'|>\[{&*!%@#-].*?(:)(?:\s|$)`, `a colon with a blank after it begins a value: put the whole text in quotes`},
	[3]string{`must be specified`, `[{,\[]\s*(?:[\w-]+:\s+)?(\$\{\{)`, `between [ ] or { }, a text with ${{ }} needs quotes`},
	[3]string{``, `[{,]\s*[\w-]+:\s+[^\s"'\[\]{},&*!][^"'\[\]{},]*(:)\s`, `a colon with a blank after it begins a value: put the whole text in quotes, or write the comma that is missing before this key`},
	[3]string{``, `^\s*(//|/\*|--\s|;)`, `a comment begins with #: write # before it`},
	[3]string{`block sequence`, `:\s+(-)`, `a list begins on a line of its own: write this - below its key, or the list in brackets: [a, b]`},
	[3]string{`header option|multi-line`, `([|>].*)$`, `after | or > nothing else stands on the line: begin the text on the next line, with more blanks, or put it in quotes`},
	[3]string{`alias|anchor|scalar value type`, `([*&])`, `* and & begin an alias and an anchor of YAML: put the text in quotes`},
	[3]string{`tag`, `(!)`, `! begins a tag of YAML: put the text in quotes`},
	[3]string{`non-map`, `([|>])[-+0-9]*\s*$`, `the text that belongs here stands deeper than its key: write more blanks before each of its lines`},
	[3]string{`non-map|not allowed|map key|key name|invalid key|delimiter`, key + `\s*(=)`, `a key and its value have a colon between them: write key: value`},
	[3]string{`non-map|not allowed|map key|key name|invalid key|delimiter`, key + `(:)[^\s:/]`, `a blank is missing after the colon: write key: value`},
	[3]string{`non-map|not allowed|map key|key name|invalid key|delimiter`, `^\s*(-)[A-Za-z]`, `a blank is missing after the -: write - key: value`},
	[3]string{`non-map|not allowed|map key|key name|delimiter`, `^\s*(?:-\s+)*([A-Za-z][\w-]*)\s*$`, `a colon is missing after this key: write key: value, or - before an item of a list`},
	[3]string{`non-map`, `^\s*(-)\s`, `the items of a list stand under each other: move this - under the one above`},
	[3]string{`non-map`, `^\s*([^:#-]*(?:==|!=|&&|\|\||[<>])[^:]*)$`, `this continues the text above: write as many blanks before it as before the first line of that text`},
	[3]string{`non-map|key name`, `^\s*(?:-\s+)*([a-z][A-Za-z]*) +[^:=]+$`, `a colon is missing after this key: write key: value, and indent text that continues a value`},
	[3]string{`non-map`, `^\s*(?:-\s+)*[A-Za-z][\w-]*([^\w\s:-])`, `a key ends with a colon: write key: value`},
	[3]string{`value is not allowed`, `:\s+([\[{].*[\]}])\s*[^\s,\]}#]`, `a text that begins with [ or { needs quotes: put the whole text in quotes`},
	[3]string{`key name|invalid key|map key|value for mapping`, `^\s*-?\s*(:)`, `a key is missing before the colon: write key: value, or put the text in quotes`},
)

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
	for _, h := range syntaxHints {
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
