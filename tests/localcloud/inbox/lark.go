package inbox

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// lark is a custom bot of Lark or Feishu. Codes, limits and signature follow
// https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot
type lark struct{}

// The codes of Lark's answers.
const (
	larkBadRequest = 9499
	larkNoToken    = 19001
	larkNotProven  = 19021
	larkTooFast    = 11232
)

func (lark) name() string   { return Lark }
func (lark) perMinute() int { return 100 }

func (lark) accepted() answer {
	return answer{status: http.StatusOK, contentType: "application/json",
		body: `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`}
}

func (lark) tooFast() answer { return *larkError(larkTooFast, "frequency limited") }

func (lark) check(opt Options, r *http.Request, body []byte, now time.Time) (bool, *answer) {
	if opt.LarkToken != "" && r.PathValue("token") != opt.LarkToken {
		return false, larkError(larkNoToken, "param invalid: incoming webhook access token invalid")
	}
	kind, ok := kindOfMessage(body, "msg_type")
	if !ok || kind == "" {
		return false, larkError(larkBadRequest, "Bad Request")
	}
	if opt.LarkSecret == "" {
		return false, nil
	}
	var proof struct{ Timestamp, Sign string }
	err := json.Unmarshal(body, &proof)
	want := base64.StdEncoding.EncodeToString(hmac256(proof.Timestamp+"\n"+opt.LarkSecret, ""))
	if err != nil || !recentUnix(proof.Timestamp, time.Second, now) || !hmac.Equal([]byte(proof.Sign), []byte(want)) {
		return false, larkError(larkNotProven, "sign match fail or timestamp is not within one hour from current time")
	}
	return true, nil
}

func larkError(code int, message string) *answer {
	return &answer{status: http.StatusOK, contentType: "application/json", reason: message,
		body: fmt.Sprintf(`{"code":%d,"data":{},"msg":%q}`, code, message)}
}
