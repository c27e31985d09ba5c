package inbox

import (
	"regexp"
	"strings"
)

// What services write in angle brackets: mentions, colours and, for Slack, links.
var (
	larkAt   = regexp.MustCompile(`^<at (?:id|user_id|email)=["']?([^"'<>]*)["']?>([^<>]*)</at>`)
	font     = regexp.MustCompile(`^<font color=["']([a-z]+)["']>`)
	weComAt  = regexp.MustCompile(`^<@([^<>\s]+)>`)
	slackRef = regexp.MustCompile(`^<([^<>|\n][^<>\n]*)>`)
)

func mention(who string) markup { return classed("at", escaped("@"+who)) }

// coloured shows <font color="…">…</font>.
func coloured(d dialect, text string) (markup, int) {
	m := font.FindStringSubmatch(text)
	if m == nil {
		return "", 0
	}
	inner, _, closed := strings.Cut(text[len(m[0]):], "</font>")
	if !closed {
		return "", 0
	}
	return classed(colour(m[1]), d.inline(inner)), len(m[0]) + len(inner) + len("</font>")
}

func larkTag(d dialect, text string) (markup, int) {
	if m := larkAt.FindStringSubmatch(text); m != nil {
		who := first(m[2], m[1])
		if m[1] == "all" {
			who = "everyone"
		}
		return mention(who), len(m[0])
	}
	return coloured(d, text)
}

func weComTag(d dialect, text string) (markup, int) {
	if m := weComAt.FindStringSubmatch(text); m != nil {
		return mention(m[1]), len(m[0])
	}
	return coloured(d, text)
}

func slackTag(d dialect, text string) (markup, int) {
	m := slackRef.FindStringSubmatch(text)
	if m == nil {
		return "", 0
	}
	target, label, _ := strings.Cut(m[1], "|")
	switch target[0] {
	case '!', '@', '#':
		who := first(label, target[1:])
		if target == "!channel" || target == "!here" || target == "!everyone" {
			who = "everyone (" + target[1:] + ")"
		}
		return mention(strings.TrimPrefix(strings.TrimPrefix(who, "@"), "subteam^")), len(m[0])
	}
	return link(target, d.inline(first(label, target))), len(m[0])
}
