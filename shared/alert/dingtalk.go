package alert

import (
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

// DingTalk's errcodes that have a class of their own.
const (
	dingTalkTooFast = 130101 // over 20 messages in a minute
	dingTalkLimited = 410100 // still limited after that
)

// dingTalk posts to a custom robot. It answers 200 even when it refuses, so
// only errcode 0 confirms.
type dingTalk struct {
	address *url.URL
	secret  transport.Secret
}

func (dingTalk) name() string { return "dingtalk" }

func (d dingTalk) message(a decide.Alert, at time.Time) (*url.URL, []byte, http.Header, error) {
	to := *d.address
	if d.secret.IsSet() {
		timestamp := strconv.FormatInt(at.UnixMilli(), 10)
		query := to.Query()
		query.Set("timestamp", timestamp)
		query.Set("sign", dingTalkSign(timestamp, d.secret))
		to.RawQuery = query.Encode()
	}
	body, err := json.Marshal(map[string]any{
		"msgtype":  "markdown",
		"markdown": map[string]string{"title": title(a), "text": markdown(a)},
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the alert cannot be written as JSON: %w", engine.ErrInvalid)
	}
	return &to, body, http.Header{}, nil
}

func (dingTalk) confirm(body []byte) error {
	code, ok := codeIn(body, "errcode")
	switch {
	case !ok:
		return fmt.Errorf("the answer has no errcode: %w", engine.ErrUnknownOutcome)
	case code == 0:
		return nil
	case code == dingTalkTooFast, code == dingTalkLimited:
		return fmt.Errorf("answered with errcode %.15g, too many messages: %w", code, engine.ErrThrottled)
	case code == dingTalkNotProven:
		return fmt.Errorf("answered with errcode %.15g, the robot's security setting refuses the signature, the address or the words: %w", code, engine.ErrDenied)
	}
	return fmt.Errorf("answered with errcode %.15g: %w", code, engine.ErrUnavailable)
}
