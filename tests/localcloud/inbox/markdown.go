package inbox

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dialect is the part of markdown that a service knows. What it does not know is
// shown as it is written.
type dialect struct {
	headings, lists, quotes, tables, rules bool
	fences                                 bool // blocks of code between ```
	breaks                                 bool // a line break is one, without two spaces before it
	images, links, code                    bool
	escapes                                bool // a backslash before a character of markdown
	spans                                  []span
	// tag shows what begins with "<" at the start of a text, and returns how many
	// bytes of it; 0 if it does not know it. It may be nil.
	tag func(d dialect, text string) (markup, int)
}

// span is a pair of equal marks around text, and the element they make.
type span struct{ mark, element string }

// maxMarkdown bounds in bytes what is read as markdown; a longer text, which no
// service with markdown accepts, is shown as it is.
const maxMarkdown = 20 << 10

// html shows a text.
func (d dialect) html(text string) markup {
	if len(text) > maxMarkdown {
		return lines(text)
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if !d.fences {
		return d.blocks(text, 0)
	}
	var out markup
	for {
		before, rest, found := strings.Cut(text, "```")
		code, after, closed := strings.Cut(rest, "```")
		if !found || !closed {
			return out + d.blocks(text, 0)
		}
		out += d.blocks(before, 0) + element("pre", escaped(strings.TrimPrefix(code, "\n")))
		text = after
	}
}

var (
	heading = regexp.MustCompile(`^(#{1,6}) +(.*)$`)
	item    = regexp.MustCompile(`^ *(?:[-*+]|(\d+)\.) +(.*)$`)
	rule    = regexp.MustCompile(`^ *(?:-{3,}|\*{3,}) *$`)
	quoted  = regexp.MustCompile(`^ *(?:>|&gt;) ?(.*)$`)
	divided = regexp.MustCompile(`^ *\|?[ :|-]*-[ :|-]*$`)
)

// maxQuotes is how deep quotes are nested.
const maxQuotes = 3

// blocks shows text without fences, which is so many quotes deep: line by line,
// and lines of one kind together.
func (d dialect) blocks(text string, depth int) markup {
	var out markup
	var open string // the kind of block that is being collected
	var body []string
	end := func() {
		switch open {
		case "p":
			out += element("p", d.paragraph(body))
		case "ul", "ol":
			var items markup
			for _, text := range body {
				items += element("li", d.inline(text))
			}
			out += element(open, items)
		case "blockquote":
			out += element("blockquote", d.blocks(strings.Join(body, "\n"), depth+1))
		case "table":
			out += d.table(body)
		}
		open, body = "", nil
	}
	add := func(kind, text string) {
		if kind != open {
			end()
		}
		open, body = kind, append(body, text)
	}
	all := strings.Split(text, "\n")
	for i, text := range all {
		isRow := d.tables && strings.Contains(text, "|")
		startsTable := isRow && i+1 < len(all) && strings.Contains(all[i+1], "|") && divided.MatchString(all[i+1])
		switch {
		case strings.TrimSpace(text) == "":
			end()
		case startsTable || isRow && open == "table":
			add("table", text)
		case d.headings && heading.MatchString(text):
			end()
			m := heading.FindStringSubmatch(text)
			out += element("h"+string('0'+rune(min(len(m[1])+2, 6))), d.inline(m[2]))
		case d.rules && rule.MatchString(text):
			end()
			out += "<hr>"
		case d.lists && item.MatchString(text):
			m := item.FindStringSubmatch(text)
			if kind := "ul"; m[1] == "" {
				add(kind, m[2])
			} else {
				add("ol", m[2])
			}
		case d.quotes && depth < maxQuotes && quoted.MatchString(text):
			add("blockquote", quoted.FindStringSubmatch(text)[1])
		default:
			add("p", text)
		}
	}
	end()
	return out
}

// paragraph joins lines.
func (d dialect) paragraph(body []string) markup {
	var b strings.Builder
	for i, text := range body {
		b.WriteString(strings.TrimRight(text, " "))
		switch {
		case i == len(body)-1:
		case d.breaks || strings.HasSuffix(text, "  "):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
	}
	return d.inline(b.String())
}

func (d dialect) table(rows []string) markup {
	var out markup
	for i, row := range rows {
		if i == 1 {
			continue // the line between head and body
		}
		cell := "td"
		if i == 0 {
			cell = "th"
		}
		var cells markup
		for text := range strings.SplitSeq(strings.Trim(strings.TrimSpace(row), "|"), "|") {
			cells += markup("<"+cell+">") + d.inline(strings.TrimSpace(text)) + markup("</"+cell+">")
		}
		out += element("tr", cells)
	}
	return element("table", out)
}

var (
	linked = regexp.MustCompile(`^\[([^\[\]]*)\]\(([^()\s]*)\)`)
	image  = regexp.MustCompile(`^!\[([^\[\]]*)\]\(([^()\s]*)\)`)
)

// inline shows a text within a block.
func (d dialect) inline(text string) markup {
	var out markup
	plain := 0 // where the text begins that is not shown yet
	for i := 0; i < len(text); {
		shown, length := d.next(text, i)
		if length == 0 {
			i++
			continue
		}
		out += escaped(text[plain:i]) + shown
		i += length
		plain = i
	}
	return out + escaped(text[plain:])
}

// next shows the markup at a place of a text, and returns its length in bytes; 0
// if there is none.
func (d dialect) next(text string, i int) (markup, int) {
	rest := text[i:]
	switch {
	case rest[0] == '\n':
		return "<br>", 1
	case rest[0] == '\\' && d.escapes && len(rest) > 1 && strings.ContainsRune("\\`*_{}[]()#+-.!<>~|&", rune(rest[1])):
		return escaped(rest[1:2]), 2
	case rest[0] == '`' && d.code:
		if end := strings.IndexByte(rest[1:], '`'); end > 0 {
			return element("code", escaped(rest[1:1+end])), end + 2
		}
	case rest[0] == '<' && d.tag != nil:
		return d.tag(d, rest)
	case rest[0] == '[' && d.links:
		if m := linked.FindStringSubmatch(rest); m != nil {
			return link(m[2], d.inline(m[1])), len(m[0])
		}
	case rest[0] == '!' && d.images:
		if m := image.FindStringSubmatch(rest); m != nil {
			return link(m[2], escaped("picture: "+m[1])), len(m[0])
		}
	}
	for _, s := range d.spans {
		if !strings.HasPrefix(rest, s.mark) {
			continue
		}
		if end := d.close(text, i+len(s.mark), s.mark); end > 0 {
			return element(s.element, d.inline(text[i+len(s.mark):end])), end + len(s.mark) - i
		}
	}
	return "", 0
}

// close finds the mark that ends a span, whose text begins at a place; 0 if there
// is none. The text has no space at its ends, and lines of its own are not part of
// it. An underscore or star inside a word is no mark.
func (d dialect) close(text string, from int, mark string) int {
	if before, _ := utf8.DecodeLastRuneInString(text[:from-len(mark)]); mark == "_" && isWord(before) {
		return 0
	}
	if from >= len(text) || text[from] == ' ' {
		return 0
	}
	for i := from; i < len(text) && text[i] != '\n'; i++ {
		if text[i] == '\\' && d.escapes {
			i++
			continue
		}
		if i == from || text[i-1] == ' ' || !strings.HasPrefix(text[i:], mark) {
			continue
		}
		if after, _ := utf8.DecodeRuneInString(text[i+len(mark):]); mark == "_" && isWord(after) {
			continue
		}
		return i
	}
	return 0
}

func isWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
