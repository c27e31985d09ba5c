package alert

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"aftercare/shared/transport"
)

// vendorOf returns what a channel's kind needs, or every mistake in its
// settings.
func vendorOf(ch Channel, creds transport.Credentials) (vendor, []Mistake) {
	var mistakes []Mistake
	add := func(setting, reason string) {
		if reason != "" {
			mistakes = append(mistakes, Mistake{setting, reason})
		}
	}
	if ch.Kind == PagerDuty && !ch.URL.IsSet() {
		ch.URL = transport.NewSecret("https://events.pagerduty.com/v2/enqueue")
	}
	if !ch.URL.IsSet() {
		add("URL", "is missing")
	}
	add("URL", urlMistake(ch.URL))
	add("Secret", secretMistake(ch.Secret, ch.URL, "URL"))
	if ch.Keyword != oneSpace(ch.Keyword) || strings.ContainsFunc(ch.Keyword, unicode.IsControl) || len(ch.Keyword) > maxKeyword {
		add("Keyword", "must be on one line, without spaces around it, of at most 100 bytes")
	}
	chat := ch.Kind == DingTalk || ch.Kind == Lark || ch.Kind == WeCom || ch.Kind == Slack
	for _, who := range ch.Mention {
		if !chat || !mentionForm.MatchString(who) {
			add("Mention", "must hold all, mobile numbers or ids of users, and only in a chat")
			break
		}
	}
	if len(ch.Mention) > maxMentions {
		add("Mention", "has more than 10 entries")
	}
	to, _ := transport.URL(ch.URL.Reveal())
	base := endpoint{Channel: ch, to: to}
	var v vendor
	switch ch.Kind {
	case DingTalk:
		v = dingTalkRobot{base}
	case Lark:
		v = larkBot{base}
	case WeCom:
		v = weComBot{base}
	case Slack:
		v = slackHook{base}
	case PagerDuty:
		if len(ch.Secret.Reveal()) != routingKeyLength {
			add("Secret", "must be a routing key, which has 32 characters")
		}
		v = pagerDuty{base}
	case Alertmanager:
		v = alertmanager{base}
	case Webhook:
		keys, err := webhookKeys(ch.Secret)
		if err != nil {
			add("Secret", err.Error())
		}
		v = standardWebhook{base, keys}
	case EventBridge:
		if ch.Bus == "" || ch.Bus == "default" {
			add("Bus", "must be a custom bus")
		}
		if !creds.IsSet() {
			add("Credentials", "are missing")
		}
		v = eventBus{base, creds}
	default:
		add("Kind", "is not a kind of channel")
	}
	return v, mistakes
}

const (
	maxKeyword       = 100 // bytes
	maxMentions      = 10
	routingKeyLength = 32
)

// mentionForm is what the vendors' ids, mobile numbers and addresses are made of.
var (
	mentionForm = regexp.MustCompile(`^[A-Za-z0-9_.@+-]{1,64}$`)
	mobileForm  = regexp.MustCompile(`^(\+\d{1,3}-?)?\d{8,14}$`)
)

// mentionAll stands for everybody in a chat.
const mentionAll = "all"

// endpoint is a channel with its address.
type endpoint struct {
	Channel
	to *url.URL
}

// address returns a copy, which a signature may change.
func (e endpoint) address() *url.URL {
	to := *e.to
	return &to
}

// mentioned sorts those to call. The lists are never nil: JSON has [] for them.
func (ch Channel) mentioned() (all bool, mobiles, users []string) {
	mobiles, users = []string{}, []string{}
	for _, who := range ch.Mention {
		switch {
		case who == mentionAll:
			all = true
		case mobileForm.MatchString(who):
			mobiles = append(mobiles, who)
		default:
			users = append(users, who)
		}
	}
	return all, mobiles, users
}

// withKeyword adds the keyword as a line, unless it is there.
func (ch Channel) withKeyword(text, lineEnd string) string {
	if ch.Keyword == "" || strings.Contains(text, ch.Keyword) {
		return text
	}
	return text + lineEnd + ch.Keyword
}

// encode writes JSON. Characters of HTML stay, since a vendor counts each byte.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("alert: messages are made of text and numbers: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// hmacSHA256 is the HMAC-SHA256 of the parts, in base64.
func hmacSHA256(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// dingTalkSign is the HMAC-SHA256, under the robot's key, of the timestamp, a
// line end and the key itself, in base64.
func dingTalkSign(timestamp string, secret transport.Secret) string {
	return hmacSHA256([]byte(secret.Reveal()), timestamp, "\n", secret.Reveal())
}

// larkSign is the HMAC-SHA256 of nothing, under the timestamp, a line end and the
// bot's key.
func larkSign(timestamp string, secret transport.Secret) string {
	return hmacSHA256([]byte(timestamp + "\n" + secret.Reveal()))
}
