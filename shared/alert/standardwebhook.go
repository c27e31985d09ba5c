package alert

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/transport"
)

// maxWebhook is the longest body, in bytes. Source:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
const maxWebhook = 20_000

// standardWebhook posts JSON as Standard Webhooks 1.0.0 has it. The status
// decides, unless the body says that the message was refused.
type standardWebhook struct {
	endpoint
	keys [][]byte
}

// data is what a webhook and EventBridge get. Members may be added.
type data struct {
	Group       string            `json:"group"`
	Route       string            `json:"route,omitempty"`
	By          map[string]string `json:"by,omitempty"`
	Severity    decide.Severity   `json:"severity"`
	Firing      int               `json:"firing"`
	Recovered   int               `json:"recovered"`
	Open        int               `json:"open"`
	Repeat      bool              `json:"repeat,omitempty"`
	Title       string            `json:"title"`
	Text        string            `json:"text"`
	Alerts      []decide.Alert    `json:"alerts"`
	More        int               `json:"more"`
	Acknowledge string            `json:"acknowledge,omitempty"`
}

func dataOf(m message) data {
	d := data{
		Group: m.Group, Route: m.Route, By: map[string]string{}, Severity: severityOf(m), Firing: m.Firing, Recovered: m.Recovered,
		Open: m.Open, Repeat: m.Repeat, Title: m.plain.title, Text: m.plain.body, Alerts: []decide.Alert{}, More: m.More, Acknowledge: m.Acknowledge,
	}
	for _, pair := range m.By {
		name, value, _ := strings.Cut(pair, "=")
		d.By[name] = value
	}
	for _, e := range m.Alerts {
		d.Alerts = append(d.Alerts, e.Alert)
	}
	return d
}

// typeOf is the dotted type of a message.
func typeOf(m message) string {
	switch {
	case m.Open == 0:
		return "aftercare.alert.recovered"
	case m.Repeat:
		return "aftercare.alert.repeated"
	}
	return "aftercare.alert.firing"
}

func (standardWebhook) markup() markup { return plainMarkup }

func (standardWebhook) write(m message) ([]byte, bool) {
	body := encode(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      data      `json:"data"`
	}{typeOf(m), m.At.UTC(), dataOf(m)})
	return body, len(body) <= maxWebhook
}

func (s standardWebhook) sign(r *http.Request, body []byte, m message) {
	timestamp := strconv.FormatInt(m.now.Unix(), 10)
	r.Header.Set("webhook-id", m.ID)
	r.Header.Set("webhook-timestamp", timestamp)
	var signatures []string
	for _, key := range s.keys {
		signatures = append(signatures, "v1,"+hmacSHA256(key, m.ID+"."+timestamp+".", string(body)))
	}
	if len(signatures) > 0 {
		r.Header.Set("webhook-signature", strings.Join(signatures, " "))
	}
}

// webhookKeys reads the keys of a secret: whsec_ and base64, or any other text as
// it is. All of them sign.
func webhookKeys(secret transport.Secret) (keys [][]byte, err error) {
	for _, one := range strings.Fields(secret.Reveal()) {
		encoded, standard := strings.CutPrefix(one, "whsec_")
		key := []byte(one)
		if standard {
			if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
				return nil, errors.New("begins with whsec_, but what follows is not base64")
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// judge reads the ways in which a receiver that answers with 2xx still says no: a
// code that is neither 0 nor 2xx, or a flag that is false.
func (standardWebhook) judge(a answer) verdict {
	var body map[string]any
	if json.Unmarshal(bytes.TrimSpace(a.body), &body) != nil {
		return verdict{}
	}
	for _, name := range []string{"errcode", "code", "StatusCode"} {
		if code, ok := body[name].(float64); ok && code != 0 && (code < 200 || code > 299) {
			return unavailable("the receiver says that it failed").with(name, code)
		}
	}
	for _, name := range []string{"ok", "success"} {
		if yes, ok := body[name].(bool); ok && !yes {
			return unavailable("the receiver says that it failed")
		}
	}
	return verdict{}
}
