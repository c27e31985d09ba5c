package inbox

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// standardWebhook receives Standard Webhooks 1.0.0, with any body, as
// https://github.com/standard-webhooks/standard-webhooks specifies them. With a
// secret it accepts only messages with a correct signature of version v1.
var standardWebhook = vendor{
	name: Webhook, title: "Standard Webhooks", pattern: "/webhook",
	path: func(string) string { return "/webhook" },
	has:  []string{"secret", "perMinute"},

	token: func(*call) string { return "" },
	judge: judgeWebhook,
	tooFast: func(_ *call, wait time.Duration) answer {
		return plain(http.StatusTooManyRequests, "too many requests").retryAfter(wait)
	},
	show: showWebhook,
}

// webhookSkew is how old a message may be; the specification's own verifiers
// allow as much.
const webhookSkew = 5 * time.Minute

func judgeWebhook(c *call) answer {
	c.id = c.Header.Get("webhook-id")
	if secret := c.channel.Secret; secret != "" {
		if reason := unverified(c, secret); reason != "" {
			return plain(http.StatusUnauthorized, reason)
		}
		c.verified = true
	}
	return c.accept(jsonAnswer(http.StatusOK, "200", "", struct{}{}))
}

// unverified returns why a message has no correct signature, or "".
func unverified(c *call, secret string) string {
	if old := c.Header.Get("X-Aftercare-Signature"); old != "" && c.Header.Get("webhook-signature") == "" {
		return unverifiedOld(c, secret, old)
	}
	timestamp, signatures := c.Header.Get("webhook-timestamp"), c.Header.Get("webhook-signature")
	switch {
	case c.id == "" || timestamp == "" || signatures == "":
		return "webhook-id, webhook-timestamp or webhook-signature is missing"
	case strings.Contains(c.id, "."):
		return "webhook-id must not contain a dot"
	case !recentUnix(timestamp, time.Second, webhookSkew, c.now):
		return "webhook-timestamp is not within five minutes from now"
	}
	want := "v1," + base64.StdEncoding.EncodeToString(hmac256(webhookKey(secret), c.id+"."+timestamp+"."+string(c.body)))
	for _, signature := range strings.Fields(signatures) {
		if hmac.Equal([]byte(signature), []byte(want)) {
			return ""
		}
	}
	return "no signature in webhook-signature matches"
}

// webhookKey decodes a secret. One without the prefix is the key itself.
func webhookKey(secret string) []byte {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return key
		}
	}
	return []byte(secret)
}

// unverifiedOld is for signatures t=<unix seconds>,v1=<hex HMAC-SHA256 of
// "<t>.<body>">.
func unverifiedOld(c *call, secret, signature string) string {
	t, v1, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",v1=")
	want := hex.EncodeToString(hmac256([]byte(secret), t+"."+string(c.body)))
	if !recentUnix(t, time.Second, chatSkew, c.now) || !hmac.Equal([]byte(v1), []byte(want)) {
		return "signature is wrong or older than an hour"
	}
	return ""
}

func showWebhook(body []byte) view {
	event, ok := object(body)
	if !ok {
		return view{Body: lines(string(body))}
	}
	if data, ok := event["data"]; ok {
		return view{Title: textAt(event, "type"), Body: details(data)}
	}
	return view{Body: details(event)}
}
