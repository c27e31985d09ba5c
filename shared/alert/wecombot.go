package alert

import (
	"net/http"
	"strings"
)

// The longest content of a message to a bot, in bytes. Source:
// https://developer.work.weixin.qq.com/document/path/91770
const (
	maxWeComMarkdown = 4096
	maxWeComText     = 2048
)

// weComCodes are the meanings of a bot's errcode.
var weComCodes = codes{
	-1:    unavailable("the service is busy"),
	40008: invalid("", "the message is of a kind that the bot does not take"),
	40058: invalid(PartLimit, "the message is too long"),
	44004: invalid("", "the message is empty"),
	45002: invalid(PartLimit, "the message is too long"),
	45009: throttled(usualWait),
	45033: throttled(usualWait),
	47001: invalid("", "the message is malformed"),
	93000: invalid(PartAddress, "the bot's key is not valid, or the bot was removed"),
}

// weComBot posts to a group bot, which has no signature: its key is in its URL.
//
// It posts markdown, where <@userid> calls one person. Everybody, and people by
// their mobile numbers, can be called only by a plain text, which is shorter: so a
// message that must do that is one. A second message would cost one more of the 20
// a minute, and could be lost or doubled on its own.
type weComBot struct{ endpoint }

func (weComBot) markup() markup { return weComMarkup }

func (w weComBot) write(m message) ([]byte, bool) {
	all, mobiles, users := w.mentioned()
	if m.mention && (all || len(mobiles) > 0) {
		if all {
			users = append(users, "@all")
		}
		content := w.withKeyword(m.plain.title+"\n"+m.plain.body, "\n")
		return encode(map[string]any{"msgtype": "text", "text": map[string]any{
			"content": content, "mentioned_list": users, "mentioned_mobile_list": mobiles,
		}}), len(content) <= maxWeComText
	}
	content := "### " + m.rich.title + "\n" + m.rich.body
	if m.mention {
		content += "\n<@" + strings.Join(users, "> <@") + ">"
	}
	content = w.withKeyword(content, "\n")
	return encode(map[string]any{"msgtype": "markdown", "markdown": map[string]string{"content": content}}), len(content) <= maxWeComMarkdown
}

func (weComBot) sign(*http.Request, []byte, message) {}

func (weComBot) judge(a answer) verdict { return weComCodes.judge(a, "errcode") }
