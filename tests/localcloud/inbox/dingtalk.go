package inbox

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"time"
)

// dingTalk is a custom robot of DingTalk. Codes, limits and signature follow
// https://open.dingtalk.com/document/robots/custom-robot-access and, where
// that page is silent, answers that people reported.
type dingTalk struct{}

// The codes of DingTalk's answers.
const (
	dingTalkNoJSON    = 40035
	dingTalkBadKind   = 400105
	dingTalkNoToken   = 300005
	dingTalkNotProven = 310000
	dingTalkTooFast   = 130101
	dingTalkTooLong   = 460101
)

// maxDingTalkBytes is the longest message.
const maxDingTalkBytes = 20000

func (dingTalk) name() string     { return DingTalk }
func (dingTalk) perMinute() int   { return 20 }
func (dingTalk) accepted() answer { return *coded(0, "ok") }
func (dingTalk) tooFast() answer {
	return *coded(dingTalkTooFast, "send too fast, exceed 20 times per minute")
}

func (dingTalk) check(opt Options, r *http.Request, body []byte, now time.Time) (bool, *answer) {
	query := r.URL.Query()
	if token := query.Get("access_token"); token == "" || opt.DingTalkToken != "" && token != opt.DingTalkToken {
		return false, coded(dingTalkNoToken, "token is not exist")
	}
	if opt.DingTalkSecret != "" {
		timestamp := query.Get("timestamp")
		if !recentUnix(timestamp, time.Millisecond, now) {
			return false, coded(dingTalkNotProven, "invalid timestamp")
		}
		want := base64.StdEncoding.EncodeToString(hmac256(opt.DingTalkSecret, timestamp+"\n"+opt.DingTalkSecret))
		if !hmac.Equal([]byte(query.Get("sign")), []byte(want)) {
			return false, coded(dingTalkNotProven, "sign not match")
		}
	}
	kind, ok := kindOfMessage(body, "msgtype")
	switch {
	case !ok:
		return false, coded(dingTalkNoJSON, "the body is no JSON object")
	case len(body) > maxDingTalkBytes:
		return false, coded(dingTalkTooLong, "message too long, exceed 20000 bytes")
	}
	switch kind {
	case "text", "markdown", "link", "actionCard", "feedCard":
		return opt.DingTalkSecret != "", nil
	}
	return false, coded(dingTalkBadKind, "unsupported msgtype")
}
