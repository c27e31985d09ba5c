package inbox

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// lark is a custom bot of Lark or Feishu. Codes, limits and signature follow
// https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot and, for
// HTTP status 429, the same site's page on frequency control.
var lark = vendor{
	name: Lark, title: "Lark", pattern: "/lark/open-apis/bot/v2/hook/{token}",
	path: func(token string) string { return "/lark/open-apis/bot/v2/hook/" + url.PathEscape(token) },
	has:  []string{"token", "secret", "keywords", "allowFrom", "perMinute", "perSecond", "http429", "busySeconds"},
	own:  Channel{PerMinute: 100, PerSecond: 5},

	token:   func(c *call) string { return c.PathValue("token") },
	judge:   judgeLark,
	tooFast: larkTooFast,
	show:    showLark,
}

// The limits of a message.
const (
	maxLarkBytes  = 20 << 10
	maxLarkTables = 5
)

func larkTooFast(c *call, wait time.Duration) answer {
	if !c.channel.HTTP429 {
		return larkError(11232, "frequency limited")
	}
	a := larkError(99991400, "request trigger frequency limit")
	a.status = http.StatusTooManyRequests
	a.header.Set("x-ogw-ratelimit-limit", fmt.Sprint(c.channel.PerMinute))
	a.header.Set("x-ogw-ratelimit-reset", wholeSeconds(wait))
	return a
}

func larkError(code int, reason string) answer {
	return jsonAnswer(http.StatusOK, fmt.Sprint(code), reason, struct {
		Code    int      `json:"code"`
		Data    struct{} `json:"data"`
		Message string   `json:"msg"`
	}{Code: code, Message: reason})
}

func judgeLark(c *call) answer {
	if !c.rightToken(c.PathValue("token")) {
		return larkError(19001, "param invalid: incoming webhook access token invalid")
	}
	if host, ok := c.allowed(); !ok {
		return larkError(19022, "Ip Not Allowed: "+host)
	}
	message, ok := object(c.body)
	if !ok || len(c.body) > maxLarkBytes {
		return larkError(9499, "Bad Request")
	}
	if secret := c.channel.Secret; secret != "" {
		timestamp := textAt(message, "timestamp")
		want := base64.StdEncoding.EncodeToString(hmac256([]byte(timestamp+"\n"+secret), ""))
		if !recentUnix(timestamp, time.Second, chatSkew, c.now) || !hmac.Equal([]byte(textAt(message, "sign")), []byte(want)) {
			return larkError(19021, "sign match fail or timestamp is not within one hour from current time")
		}
		c.verified = true
	}
	content := message["content"]
	switch textAt(message, "msg_type") {
	case "interactive":
		content = message["card"]
	case "text", "post", "image", "share_chat":
	default:
		return larkError(9499, "Bad Request")
	}
	if content, ok := content.(map[string]any); !ok || len(content) == 0 {
		return larkError(9499, "Bad Request")
	}
	if tagged(content, "table") > maxLarkTables {
		return larkError(230099, "Failed to create card content, ext=ErrCode: 11310; ErrMsg: card table number over limit")
	}
	if !c.hasKeyword(content) {
		return larkError(19024, "Key Words Not Found")
	}
	return c.accept(jsonAnswer(http.StatusOK, "0", "", struct {
		StatusCode    int
		StatusMessage string
		Code          int      `json:"code"`
		Data          struct{} `json:"data"`
		Message       string   `json:"msg"`
	}{StatusMessage: "success", Message: "success"}))
}

// tagged counts the objects with a tag.
func tagged(value any, tag string) int {
	n := 0
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			n += tagged(item, tag)
		}
	case map[string]any:
		if v["tag"] == tag {
			n++
		}
		for _, item := range v {
			n += tagged(item, tag)
		}
	}
	return n
}
