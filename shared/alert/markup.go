package alert

import (
	"net/url"
	"strings"
)

// markup is how a vendor writes text. Its functions return markup, and never let
// a value be more than text.
type markup struct {
	// escape writes a value so that it shows, and mentions and formats nothing.
	escape func(string) string
	bold   func(written string) string
	code   func(value string) string
	// link writes an address that safe has checked.
	link func(address string) string
	// line writes one line of what a command printed. The lines are between open
	// and shut.
	line       func(value string) string
	open, shut string
	// lineEnd ends every other line.
	lineEnd string
}

func (m markup) quote(value string) string {
	lines := strings.Split(value, "\n")
	for i, l := range lines {
		lines[i] = m.line(l)
	}
	return m.open + strings.Join(lines, "\n") + m.shut
}

// safe returns the address of a web page, written so that no markup ends in it. For
// any other text, ok is false.
func safe(address string) (_ string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "", false
	}
	return encodeMarks.Replace(u.String()), true
}

var encodeMarks = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", "*", "%2A", "[", "%5B", "]", "%5D",
	"`", "%60", `"`, "%22", "'", "%27", " ", "%20", "\\", "%5C")

// unlinked breaks what apps make links of.
func unlinked(s string) string { return strings.ReplaceAll(s, "://", ":\u200b//") }

// plainMarkup is for channels without markup.
var plainMarkup = markup{
	escape:  func(s string) string { return s },
	bold:    func(s string) string { return s },
	code:    func(s string) string { return s },
	link:    func(s string) string { return s },
	line:    func(s string) string { return "  " + s },
	lineEnd: "\n",
}

// dingTalkMarkup has neither code nor line ends within a paragraph, except after
// two spaces. An invisible space begins the lines of output, so that none begins
// a list or a heading.
var dingTalkMarkup = markup{
	escape:  escapeDingTalk,
	bold:    func(s string) string { return "**" + s + "**" },
	code:    escapeDingTalk,
	link:    func(s string) string { return "[" + escapeDingTalk(s) + "](" + s + ")" },
	line:    func(s string) string { return "> \u200b" + escapeDingTalk(s) },
	shut:    "\n",
	lineEnd: "  \n",
}

func escapeDingTalk(s string) string {
	var b strings.Builder
	before := rune(0)
	for _, r := range s {
		b.WriteString(escape(r, before))
		before = r
	}
	return b.String()
}

// larkMarkup is lark_md, which knows entities.
var larkMarkup = markup{
	escape:  escapeLark,
	bold:    func(s string) string { return "**" + s + "**" },
	code:    escapeLark,
	link:    func(s string) string { return "[" + escapeLark(s) + "](" + s + ")" },
	line:    func(s string) string { return "│ " + escapeLark(s) },
	lineEnd: "\n",
}

var larkEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "*", "&#42;", "_", "&#95;", "~", "&#126;",
	"[", "&#91;", "]", "&#93;", "(", "&#40;", ")", "&#41;", "`", "&#96;")

func escapeLark(s string) string { return larkEntities.Replace(unlinked(s)) }

// weComMarkup knows neither backslashes nor, for all that is documented,
// entities: what would act is replaced by what looks alike, or parted by an
// invisible space.
var weComMarkup = markup{
	escape:  escapeWeCom,
	bold:    func(s string) string { return "**" + s + "**" },
	code:    func(s string) string { return "`" + escapeWeCom(s) + "`" },
	link:    func(s string) string { return "[" + escapeWeCom(s) + "](" + s + ")" },
	line:    func(s string) string { return "> \u200b" + escapeWeCom(s) },
	lineEnd: "\n",
}

var weComLookalikes = strings.NewReplacer("<", "＜", ">", "＞", "`", "ˋ", "*", "*\u200b", "](", "]\u200b(")

func escapeWeCom(s string) string { return weComLookalikes.Replace(unlinked(s)) }

// slackMarkup is mrkdwn, sent as verbatim so that Slack makes no links and
// mentions itself. An asterisk in a value may still make its words bold.
var slackMarkup = markup{
	escape:  escapeSlack,
	bold:    func(s string) string { return "*" + s + "*" },
	code:    func(s string) string { return "`" + escapeSlack(s) + "`" },
	link:    func(s string) string { return "<" + slackEntities.Replace(s) + ">" },
	open:    "```\n",
	line:    escapeSlack,
	shut:    "\n```",
	lineEnd: "\n",
}

var slackEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escapeSlack(s string) string { return strings.ReplaceAll(slackEntities.Replace(s), "`", "ˋ") }

// escape writes a character of DingTalk so that it shows and does nothing. HTML's special
// characters become entities, because not every reader of markdown accepts a
// backslash before them. An invisible space breaks "://": otherwise the app would
// make a link of any address in an event.
func escape(r, before rune) string {
	switch r {
	case '/':
		if before == ':' {
			return "\u200b/"
		}
	case '\\', '`', '*', '_', '[', ']', '~':
		return `\` + string(r)
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	}
	return string(r)
}
