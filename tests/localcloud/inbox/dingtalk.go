package inbox

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// dingTalk is a custom robot of DingTalk. Codes, limits and signature follow
// https://open.dingtalk.com/document/robots/custom-robot-access and, where
// that page is silent, answers that people reported.
var dingTalk = vendor{
	name: DingTalk, title: "DingTalk", pattern: "/dingtalk/robot/send",
	path: func(token string) string { return "/dingtalk/robot/send?access_token=" + url.QueryEscape(token) },
	has:  []string{"token", "secret", "keywords", "allowFrom", "perMinute", "barSeconds"},
	own:  Channel{PerMinute: 20, BarSeconds: 600},

	token: func(c *call) string { return c.URL.Query().Get("access_token") },
	judge: judgeDingTalk,
	tooFast: func(c *call, _ time.Duration) answer {
		return coded(130101, fmt.Sprintf("send too fast, exceed %d times per minute", c.channel.PerMinute))
	},
	show: showDingTalk,
}

// maxDingTalkBytes is the longest message.
const maxDingTalkBytes = 20000

// dingTalkParts are the kinds of message, with the texts that each must have.
var dingTalkParts = map[string][]string{
	"text": {"content"}, "markdown": {"title", "text"}, "link": {"title", "text", "messageUrl"},
	"actionCard": {"title", "text"}, "feedCard": nil,
}

func judgeDingTalk(c *call) answer {
	query := c.URL.Query()
	if !c.rightToken(query.Get("access_token")) {
		return coded(300005, "token is not exist")
	}
	// A robot with several security settings demands all of them.
	const notProven = 310000
	if host, ok := c.allowed(); !ok {
		return coded(notProven, "ip "+host+" not in whitelist")
	}
	if secret := c.channel.Secret; secret != "" {
		timestamp := query.Get("timestamp")
		if !recentUnix(timestamp, time.Millisecond, chatSkew, c.now) {
			return coded(notProven, "invalid timestamp")
		}
		want := base64.StdEncoding.EncodeToString(hmac256([]byte(secret), timestamp+"\n"+secret))
		if !hmac.Equal([]byte(query.Get("sign")), []byte(want)) {
			return coded(notProven, "sign not match")
		}
		c.verified = true
	}
	message, ok := object(c.body)
	if !ok {
		return coded(40035, "the body is no JSON object")
	}
	if len(c.body) > maxDingTalkBytes {
		return coded(460101, "message too long, exceed 20000 bytes")
	}
	kind := textAt(message, "msgtype")
	parts, known := dingTalkParts[kind]
	if !known {
		return coded(400105, "unsupported msgtype")
	}
	for _, part := range parts {
		if textAt(message, kind, part) == "" {
			return coded(40035, "missing parameter "+kind+"."+part)
		}
	}
	if !c.hasKeyword(message[kind]) {
		return coded(notProven, "keywords not in content")
	}
	return c.accept(coded(0, ""))
}

// dingTalkMarkdown needs two spaces or an empty line to break a line, and has
// neither tables nor code.
var dingTalkMarkdown = dialect{
	headings: true, lists: true, quotes: true, images: true, links: true, escapes: true,
	spans: []span{{"**", "b"}, {"*", "i"}, {"_", "i"}},
}

func showDingTalk(body []byte) view {
	message, _ := object(body)
	kind := textAt(message, "msgtype")
	content := at(message, kind)
	var v view
	text := textAt(content, "text")
	switch kind {
	case "markdown", "actionCard":
		v.Notification = textAt(content, "title")
		v.Body = dingTalkMarkdown.html(text)
	case "link":
		v.Title = textAt(content, "title")
		v.Body = lines(text)
	default:
		text = textAt(content, "content")
		v.Body = lines(text)
	}
	v.button(textAt(content, "singleTitle"), textAt(content, "singleURL"))
	v.button("open", textAt(content, "messageUrl"))
	for _, b := range listAt(content, "btns") {
		v.button(textAt(b, "title"), textAt(b, "actionURL"))
	}
	for _, l := range listAt(content, "links") {
		v.button(textAt(l, "title"), textAt(l, "messageURL"))
	}
	if all, _ := at(message, "at", "isAtAll").(bool); all {
		v.call("everyone")
	}
	for _, id := range append(listAt(message, "at", "atMobiles"), listAt(message, "at", "atUserIds")...) {
		if strings.Contains(text, fmt.Sprint("@", id)) {
			v.call(fmt.Sprint(id))
		} else {
			v.Notes = append(v.Notes, fmt.Sprintf("%v is not called: @%v is missing in the text", id, id))
		}
	}
	return v
}
