package inbox

import (
	"fmt"
	"net/url"
	"time"
)

// weCom is a group robot of WeCom, which has no signature, only a key in its
// address. Codes and limits follow https://developer.work.weixin.qq.com/document/path/91770
// and https://developer.work.weixin.qq.com/document/path/90313
var weCom = vendor{
	name: WeCom, title: "WeCom", pattern: "/wecom/cgi-bin/webhook/send",
	path: func(token string) string { return "/wecom/cgi-bin/webhook/send?key=" + url.QueryEscape(token) },
	has:  []string{"token", "perMinute"},
	own:  Channel{PerMinute: 20},

	token:   func(c *call) string { return c.URL.Query().Get("key") },
	judge:   judgeWeCom,
	tooFast: func(*call, time.Duration) answer { return coded(45009, "api freq out of limit") },
	show:    showWeCom,
}

// weComBytes are the kinds of message with a content, and its longest in bytes.
var weComBytes = map[string]int{"text": 2048, "markdown": 4096, "markdown_v2": 4096}

func judgeWeCom(c *call) answer {
	if !c.rightToken(c.URL.Query().Get("key")) {
		return coded(93000, "invalid webhook url")
	}
	message, ok := object(c.body)
	if !ok {
		return coded(47001, "data format error")
	}
	kind := textAt(message, "msgtype")
	switch kind {
	case "text", "markdown", "markdown_v2":
		content := textAt(message, kind, "content")
		if content == "" {
			return coded(44004, "empty content")
		}
		if most := weComBytes[kind]; len(content) > most {
			return coded(40058, fmt.Sprintf("%s.content exceed max length %d", kind, most))
		}
	case "template_card":
		if textAt(message, kind, "card_action", "url") == "" {
			return coded(40058, "template_card.card_action.url is missing")
		}
	case "news", "image", "file", "voice":
	default:
		return coded(40008, "invalid message type")
	}
	return c.accept(coded(0, ""))
}

// WeCom's two kinds of markdown: only the first calls people and has colours.
var (
	weComMarkdown = dialect{
		headings: true, quotes: true, links: true, code: true, breaks: true, tag: weComTag, spans: []span{{"**", "b"}},
	}
	weComMarkdown2 = dialect{
		headings: true, quotes: true, lists: true, tables: true, rules: true, fences: true, images: true, links: true,
		code: true, breaks: true, spans: []span{{"**", "b"}, {"*", "i"}, {"_", "i"}},
	}
)

func showWeCom(body []byte) view {
	message, _ := object(body)
	kind := textAt(message, "msgtype")
	content := at(message, kind)
	text := textAt(content, "content")
	v := view{Title: textAt(content, "main_title", "title")}
	switch kind {
	case "markdown":
		v.Body = weComMarkdown.html(text)
	case "markdown_v2":
		v.Body = weComMarkdown2.html(text)
	case "template_card":
		card := textAt(content, "main_title", "desc")
		for _, pair := range listAt(content, "horizontal_content_list") {
			card += "\n" + textAt(pair, "keyname") + ": " + textAt(pair, "value")
		}
		v.Body = lines(card)
		v.button("open", textAt(content, "card_action", "url"))
		for _, jump := range listAt(content, "jump_list") {
			v.button(textAt(jump, "title"), textAt(jump, "url"))
		}
	default:
		v.Body = lines(text)
	}
	for _, id := range append(listAt(content, "mentioned_list"), listAt(content, "mentioned_mobile_list")...) {
		if id == "@all" {
			id = "everyone"
		}
		v.call(fmt.Sprint(id))
	}
	return v
}
