package inbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// channel is one kind of webhook.
type channel interface {
	name() string
	// check reports whether a correct signature was there, or the refusal.
	check(opt Options, r *http.Request, body []byte, now time.Time) (verified bool, refused *answer)
	// perMinute is how many messages it accepts in a minute; 0 means all.
	perMinute() int
	accepted() answer
	tooFast() answer
}

// answer is an HTTP answer.
type answer struct {
	status      int
	contentType string
	body        string
	reason      string // of a refusal
	retryAfter  time.Duration
}

// coded returns an answer of DingTalk or WeCom, which is 200 even for an error.
func coded(code int, message string) *answer {
	return &answer{status: http.StatusOK, contentType: "application/json", reason: message,
		body: fmt.Sprintf(`{"errcode":%d,"errmsg":%q}`, code, message)}
}

// maxSkew is how old a signed message may be. DingTalk and Lark both document
// one hour.
const maxSkew = time.Hour

// recentUnix reports whether text is a Unix time in the given unit near now.
func recentUnix(text string, unit time.Duration, now time.Time) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false
	}
	at := time.Unix(n, 0)
	if unit == time.Millisecond {
		at = time.UnixMilli(n)
	}
	return now.Sub(at).Abs() <= maxSkew
}

func hmac256(key, message string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// kindOfMessage returns the member of a JSON object that names a message's
// kind; ok is false if body is not an object.
func kindOfMessage(body []byte, member string) (kind string, ok bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return "", false
	}
	_ = json.Unmarshal(object[member], &kind) // empty if it is missing
	return kind, true
}
