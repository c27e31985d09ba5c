package inbox

import (
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"
)

// slack is an incoming webhook of Slack, which has no signature: only its address
// is secret. Answers follow https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
// and limits https://docs.slack.dev/reference/block-kit/blocks
var slack = vendor{
	name: Slack, title: "Slack", pattern: "/slack/services/{token...}",
	path: func(token string) string { return "/slack/services/" + token },
	has:  []string{"token", "perMinute"},
	own:  Channel{PerMinute: 60}, // Slack says one in a second, with bursts

	token: func(c *call) string { return c.PathValue("token") },
	judge: judgeSlack,
	tooFast: func(_ *call, wait time.Duration) answer {
		return plain(http.StatusTooManyRequests, "rate_limited").retryAfter(wait)
	},
	show: showSlack,
}

// The limits of blocks; lengths are in characters. The longest message is what
// people measured: Slack does not document it.
const (
	maxSlackBlocks     = 50
	maxSlackSection    = 3000
	maxSlackFields     = 10
	maxSlackField      = 2000
	maxSlackHeader     = 150
	maxSlackElements   = 10 // of a context
	maxSlackActions    = 25
	maxSlackButton     = 75
	maxSlackValue      = 2000
	maxSlackURL        = 3000
	maxSlackCharacters = 13200
)

// slackMessage returns a message, which may come as JSON or as the field payload
// of a form.
func slackMessage(body []byte) (map[string]any, bool) {
	message, ok := object(body)
	if ok {
		return message, true
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("payload") {
		return nil, false
	}
	return object([]byte(form.Get("payload")))
}

func judgeSlack(c *call) answer {
	if !c.rightToken(c.PathValue("token")) {
		return plain(http.StatusForbidden, "invalid_token")
	}
	message, ok := slackMessage(c.body)
	if !ok {
		return plain(http.StatusBadRequest, "invalid_payload")
	}
	blocks := listAt(message, "blocks")
	if textAt(message, "text") == "" && len(blocks) == 0 && len(listAt(message, "attachments")) == 0 {
		return plain(http.StatusBadRequest, "no_text")
	}
	all := [][]any{blocks}
	for _, attachment := range listAt(message, "attachments") {
		all = append(all, listAt(attachment, "blocks"))
	}
	characters := 0
	for _, blocks := range all {
		if len(blocks) > maxSlackBlocks {
			return plain(http.StatusBadRequest, "invalid_blocks")
		}
		for _, b := range blocks {
			if !validBlock(b) {
				return plain(http.StatusBadRequest, "invalid_blocks")
			}
		}
		characters += textLength(blocks)
	}
	if characters > maxSlackCharacters {
		return plain(http.StatusBadRequest, "msg_blocks_too_long")
	}
	answer := plain(http.StatusOK, "ok")
	answer.reason = ""
	return c.accept(answer)
}

// textLength adds up the characters of all members named text.
func textLength(value any) int {
	n := 0
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			n += textLength(item)
		}
	case map[string]any:
		text, _ := v["text"].(string)
		n = utf8.RuneCountInString(text)
		for _, item := range v {
			n += textLength(item)
		}
	}
	return n
}

// between reports whether a text has at least 1 and at most so many characters.
func between(text string, most int) bool {
	n := utf8.RuneCountInString(text)
	return n >= 1 && n <= most
}

// validBlock checks the limits of one block.
func validBlock(b any) bool {
	elements := listAt(b, "elements")
	switch textAt(b, "type") {
	case "section":
		fields := listAt(b, "fields")
		for _, f := range fields {
			if !between(textAt(f, "text"), maxSlackField) {
				return false
			}
		}
		hasText := at(b, "text") != nil
		return (hasText || len(fields) > 0) && len(fields) <= maxSlackFields && (!hasText || between(textAt(b, "text", "text"), maxSlackSection))
	case "header":
		return textAt(b, "text", "type") == "plain_text" && between(textAt(b, "text", "text"), maxSlackHeader)
	case "context":
		return len(elements) >= 1 && len(elements) <= maxSlackElements
	case "actions":
		for _, e := range elements {
			if textAt(e, "type") == "button" && (!between(textAt(e, "text", "text"), maxSlackButton) ||
				len(textAt(e, "value")) > maxSlackValue || len(textAt(e, "url")) > maxSlackURL) {
				return false
			}
		}
		return len(elements) >= 1 && len(elements) <= maxSlackActions
	case "divider", "image", "rich_text", "video", "markdown", "table":
		return true
	}
	return false
}

// slackMarkdown is Slack's own: one star is bold.
var slackMarkdown = dialect{
	quotes: true, fences: true, code: true, breaks: true, tag: slackTag, spans: []span{{"*", "b"}, {"_", "i"}, {"~", "s"}},
}

// slackText shows a text object, or the text of a message.
func slackText(value any) markup {
	if textAt(value, "type") == "plain_text" {
		return lines(textAt(value, "text"))
	}
	return slackMarkdown.html(textAt(value, "text"))
}

func showSlack(body []byte) view {
	message, _ := slackMessage(body)
	var v view
	blocks := listAt(message, "blocks")
	if len(blocks) == 0 {
		v.Body = slackText(message)
	} else {
		v.Notification = textAt(message, "text")
	}
	for _, attachment := range listAt(message, "attachments") {
		if v.Colour == "" {
			v.Colour = colour(textAt(attachment, "color"))
		}
		blocks = append(blocks, listAt(attachment, "blocks")...)
		v.Body += slackText(attachment)
	}
	for _, b := range blocks {
		elements := listAt(b, "elements")
		switch textAt(b, "type") {
		case "header":
			v.Body += element("h3", lines(textAt(b, "text", "text")))
		case "section":
			v.Body += slackText(at(b, "text"))
			for _, f := range listAt(b, "fields") {
				v.Body += element("div", slackText(f))
			}
			elements = []any{at(b, "accessory")}
		case "divider":
			v.Body += "<hr>"
		case "context":
			for _, e := range elements {
				v.Body += element("small", slackText(e))
			}
		default:
			if textAt(b, "type") != "actions" {
				v.Body += details(b)
			}
		}
		for _, e := range elements {
			if textAt(e, "type") == "button" {
				v.button(textAt(e, "text", "text"), textAt(e, "url"))
			}
		}
	}
	return v
}
