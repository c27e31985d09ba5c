package inbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// slack is an incoming webhook of Slack, which has no signature: only its address
// is secret. Answers follow https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
type slack struct{}

func (slack) name() string     { return Slack }
func (slack) perMinute() int   { return 60 } // Slack says one in a second, with bursts
func (slack) accepted() answer { return *plain(http.StatusOK, "ok") }
func (slack) tooFast() answer  { return *plain(http.StatusTooManyRequests, "rate_limited") }

func (slack) check(opt Options, r *http.Request, body []byte, _ time.Time) (bool, *answer) {
	if opt.SlackToken != "" && r.PathValue("token") != opt.SlackToken {
		return false, plain(http.StatusForbidden, "invalid_token")
	}
	var message struct {
		Text        string
		Blocks      []json.RawMessage
		Attachments []json.RawMessage
	}
	if json.Unmarshal(body, &message) != nil {
		return false, plain(http.StatusBadRequest, "invalid_payload")
	}
	if message.Text == "" && len(message.Blocks) == 0 && len(message.Attachments) == 0 {
		return false, plain(http.StatusBadRequest, "no_text")
	}
	return false, nil
}

func plain(status int, text string) *answer {
	return &answer{status: status, contentType: "text/plain; charset=utf-8", body: text, reason: text}
}
