package alert

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// webhookVersion is the version of the JSON that webhooks get. It rises when
// a member's meaning changes, and not when members are added.
const webhookVersion = 1

// signatureHeader carries "t=<unix seconds>,v1=<signature>", where the
// signature is the HMAC-SHA256 of "<t>.<body>" in lower-case hex digits.
const signatureHeader = "X-Aftercare-Signature"

// webhook posts alerts as JSON to any receiver. Any status except 2xx is a
// failure, and so is a JSON object in the answer whose errcode or code is a
// number other than 0: chat services refuse messages that way.
type webhook struct {
	address *url.URL
	secret  transport.Secret
}

func (webhook) name() string { return "webhook" }

func (w webhook) message(a decide.Alert, at time.Time) (*url.URL, []byte, http.Header, error) {
	body, err := json.Marshal(struct {
		Version int `json:"version"`
		decide.Alert
	}{webhookVersion, a})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the alert cannot be written as JSON: %w", engine.ErrInvalid)
	}
	header := http.Header{}
	if w.secret.IsSet() {
		t := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(w.secret.Reveal()))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		header.Set(signatureHeader, "t="+t+",v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return w.address, body, header, nil
}

func (webhook) confirm(body []byte) error {
	for _, name := range []string{"errcode", "code"} {
		if code, ok := codeIn(body, name); ok && code != 0 {
			return fmt.Errorf("answered with %s %.15g: %w", name, code, engine.ErrUnavailable)
		}
	}
	return nil
}
