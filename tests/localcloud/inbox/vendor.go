package inbox

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// vendor is a service that the inbox imitates.
type vendor struct {
	name    string
	title   string                    // for people
	pattern string                    // of its address
	path    func(token string) string // its address
	has     []string                  // its settings
	own     Channel                   // its limits

	// token returns the credential of a call.
	token func(*call) string
	// judge answers a message. It sets the call's stored if it accepts it; only
	// the rate is left to check.
	judge func(*call) answer
	// tooFast answers a message that would be accepted after a wait. It may be
	// nil if own has no limits.
	tooFast func(c *call, wait time.Duration) answer
	// show returns an accepted or refused message as a person would see it.
	show func(body []byte) view
}

// vendors are in the order of the page.
var vendors = []*vendor{&dingTalk, &lark, &weCom, &slack, &pagerDuty, &alertmanager, &standardWebhook}

// vendorOf returns nil if there is no such channel.
func vendorOf(channel string) *vendor {
	i := slices.IndexFunc(vendors, func(v *vendor) bool { return v.name == channel })
	if i < 0 {
		return nil
	}
	return vendors[i]
}

// settings completes a channel's settings with the vendor's limits.
func (v *vendor) settings(c Channel) Channel {
	c.PerMinute = cmp.Or(c.PerMinute, v.own.PerMinute)
	c.PerSecond = cmp.Or(c.PerSecond, v.own.PerSecond)
	c.BarSeconds = cmp.Or(c.BarSeconds, v.own.BarSeconds)
	c.ResolveSeconds = cmp.Or(c.ResolveSeconds, v.own.ResolveSeconds)
	return c
}

// call is one message as it is judged.
type call struct {
	*http.Request
	body    []byte
	now     time.Time // UTC
	channel Channel

	stored   []byte // what is accepted of the body
	verified bool
	id       string
}

// accept is for messages that are accepted as they are.
func (c *call) accept(a answer) answer {
	c.stored = c.body
	return a
}

// rightToken reports whether a token is the channel's.
func (c *call) rightToken(token string) bool {
	return token != "" && (c.channel.Token == "" || token == c.channel.Token)
}

// allowed reports whether the client's address may send, and that address.
func (c *call) allowed() (string, bool) {
	host, _, _ := net.SplitHostPort(c.RemoteAddr)
	return host, len(c.channel.AllowFrom) == 0 || slices.Contains(c.channel.AllowFrom, host)
}

// hasKeyword reports whether one of the channel's words is in a message's texts.
func (c *call) hasKeyword(message any) bool {
	return len(c.channel.Keywords) == 0 || slices.ContainsFunc(c.channel.Keywords, func(word string) bool {
		return slices.ContainsFunc(texts(message), func(text string) bool { return strings.Contains(text, word) })
	})
}

// texts returns all texts in a decoded JSON value.
func texts(value any) []string {
	var out []string
	switch v := value.(type) {
	case string:
		out = []string{v}
	case []any:
		for _, item := range v {
			out = append(out, texts(item)...)
		}
	case map[string]any:
		for _, item := range v {
			out = append(out, texts(item)...)
		}
	}
	return out
}

// answer is an HTTP answer.
type answer struct {
	status int
	header http.Header
	body   string
	code   string // in the body, or the status
	reason string // of a refusal; empty if all is accepted
}

func plain(status int, text string) answer {
	return answer{status: status, header: contentType("text/plain; charset=utf-8"), body: text, code: fmt.Sprint(status), reason: text}
}

func contentType(t string) http.Header { return http.Header{"Content-Type": {t}} }

// jsonAnswer answers a value as JSON.
func jsonAnswer(status int, code, reason string, value any) answer {
	body, err := json.Marshal(value)
	if err != nil {
		panic("inbox: encode an answer: " + err.Error())
	}
	return answer{status: status, header: contentType("application/json"), body: string(body), code: code, reason: reason}
}

// coded is an answer of DingTalk or WeCom: its status is 200 even for an error.
// The reason is empty for a message that is accepted.
func coded(code int, reason string) answer {
	return jsonAnswer(http.StatusOK, fmt.Sprint(code), reason, struct {
		Code    int    `json:"errcode"`
		Message string `json:"errmsg"`
	}{code, cmp.Or(reason, "ok")})
}

// retryAfter adds the header with whole seconds.
func (a answer) retryAfter(wait time.Duration) answer {
	a.header.Set("Retry-After", wholeSeconds(wait))
	return a
}

func wholeSeconds(d time.Duration) string { return fmt.Sprint(math.Ceil(d.Seconds())) }

// recentUnix reports whether text is a Unix time in the given unit, at most skew
// away from now.
func recentUnix(text string, unit, skew time.Duration, now time.Time) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false
	}
	at := time.Unix(n, 0)
	if unit == time.Millisecond {
		at = time.UnixMilli(n)
	}
	return now.Sub(at).Abs() <= skew
}

// chatSkew is how old a signed chat message may be. DingTalk and Lark both
// document one hour.
const chatSkew = time.Hour

func hmac256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// object decodes a JSON object; ok is false if body is not one.
func object(body []byte) (value map[string]any, ok bool) {
	return value, json.Unmarshal(body, &value) == nil && value != nil
}

// at returns the value at a path of members, nil if there is none.
func at(value any, path ...string) any {
	for _, name := range path {
		members, _ := value.(map[string]any)
		value = members[name]
	}
	return value
}

// textAt returns the text at a path of members, "" if there is none.
func textAt(value any, path ...string) string {
	text, _ := at(value, path...).(string)
	return text
}

// listAt returns the array at a path of members, nil if there is none.
func listAt(value any, path ...string) []any {
	list, _ := at(value, path...).([]any)
	return list
}
