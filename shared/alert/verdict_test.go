package alert_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/alert"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// verdictCase is an answer, and what it must mean.
type verdictCase struct {
	kind   alert.Kind
	status int
	header string // "Name: value"
	// body is the answer. ECHO stands for all that the request said.
	body string
	// want is the error, "" for a confirmation.
	want  string
	part  alert.Part
	retry time.Duration // after now; 0 means no time
}

const (
	minute = time.Minute
	bar    = 10 * time.Minute
)

func verdicts() []verdictCase {
	cases := []verdictCase{
		{alert.DingTalk, 200, "", `{"errcode":0,"errmsg":"ok"}`, "", "", 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"keywords not in content ECHO"}`, "the message lacks the robot's keyword (errcode 310000): denied", alert.PartKeyword, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"sign not match ECHO"}`, "the signature does not match: its secret is wrong (errcode 310000): denied", alert.PartSign, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中"}`, "the signature does not match: its secret is wrong (errcode 310000): denied", alert.PartSign, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"invalid timestamp"}`, "the signature's time is more than an hour off (errcode 310000): denied", alert.PartSign, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"ip 1.2.3.4 not in whitelist"}`, "the robot does not take messages from this address (errcode 310000): denied", alert.PartAddress, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"description:机器人发送签名过期"}`, "the signature's time is more than an hour off (errcode 310000): denied", alert.PartSign, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"description:关键词不匹配"}`, "the message lacks the robot's keyword (errcode 310000): denied", alert.PartKeyword, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000,"errmsg":"description:来源IP地址不在白名单"}`, "the robot does not take messages from this address (errcode 310000): denied", alert.PartAddress, 0},
		{alert.DingTalk, 200, "", `{"errcode":310000}`, "the robot's security setting refuses the signature, the keyword or the sender's address (errcode 310000): denied", "", 0},
		{alert.DingTalk, 200, "", `{"errcode":130101,"errmsg":"send too fast"}`, "too many messages (errcode 130101): throttled", alert.PartLimit, bar},
		{alert.DingTalk, 200, "", `{"errcode":410100}`, "too many messages (errcode 410100): throttled", alert.PartLimit, bar},
		{alert.DingTalk, 200, "", `{"errcode":90018}`, "too many messages (errcode 90018): throttled", alert.PartLimit, bar},
		{alert.DingTalk, 200, "", `{"errcode":460101}`, "the message is too long (errcode 460101): invalid request", alert.PartLimit, 0},
		{alert.DingTalk, 200, "", `{"errcode":101002}`, "the message is too long (errcode 101002): invalid request", alert.PartLimit, 0},
		{alert.DingTalk, 200, "", `{"errcode":300005,"errmsg":"token is not exist ECHO"}`, "the robot's token is not valid, or its group is external (errcode 300005): invalid request", alert.PartAddress, 0},
		{alert.DingTalk, 200, "", `{"errcode":400102}`, "the robot is switched off (errcode 400102): denied", alert.PartAddress, 0},
		{alert.DingTalk, 200, "", `{"errcode":-1}`, "the service is busy (errcode -1): unavailable", "", 0},
		{alert.DingTalk, 200, "", `{"errcode":77}`, "the message is refused (errcode 77): unavailable", "", 0},
		{alert.DingTalk, 200, "", `{"errcode":"0"}`, "the answer has no errcode: outcome unknown", "", 0},
		{alert.DingTalk, 200, "", `<html>ECHO</html>`, "the answer has no errcode: outcome unknown", "", 0},
		{alert.DingTalk, 200, "", strings.Repeat(" ", 64<<10) + `{"errcode":0}`, "the answer has no errcode: outcome unknown", "", 0},

		{alert.Lark, 200, "", `{"code":0,"msg":"success","data":{}}`, "", "", 0},
		{alert.Lark, 200, "", `{"StatusCode":0,"StatusMessage":"success"}`, "", "", 0},
		{alert.Lark, 200, "", `{"code":19021,"msg":"ECHO"}`, "the signature does not match: its secret is wrong, or its time more than an hour off (code 19021): denied", alert.PartSign, 0},
		{alert.Lark, 200, "", `{"code":19022}`, "the bot does not take messages from this address (code 19022): denied", alert.PartAddress, 0},
		{alert.Lark, 200, "", `{"code":19024,"msg":"ECHO"}`, "the message lacks the bot's keyword (code 19024): denied", alert.PartKeyword, 0},
		{alert.Lark, 200, "", `{"code":19036}`, "the message is too long (code 19036): invalid request", alert.PartLimit, 0},
		{alert.Lark, 400, "", `{"code":9499,"msg":"Bad Request"}`, "the message is malformed or longer than 20 KB (code 9499): invalid request", alert.PartLimit, 0},
		{alert.Lark, 200, "", `{"code":230099}`, "the card has too many elements (code 230099): invalid request", alert.PartLimit, 0},
		{alert.Lark, 200, "", `{"code":19001}`, "the bot's token is not valid (code 19001): invalid request", alert.PartAddress, 0},
		{alert.Lark, 200, "", `{"code":11232}`, "too many messages (code 11232): throttled", alert.PartLimit, minute},
		{alert.Lark, 429, "x-ogw-ratelimit-reset: 7", `{"code":99991400,"msg":"request trigger frequency limit"}`, "too many messages (code 99991400): throttled", alert.PartLimit, 7 * time.Second},
		{alert.Lark, 400, "x-ogw-ratelimit-reset: 9", `{"code":99991400}`, "too many messages (code 99991400): throttled", alert.PartLimit, 9 * time.Second},
		{alert.Lark, 429, "x-ogw-ratelimit-reset: 8", `busy`, "too many messages (HTTP status 429): throttled", alert.PartLimit, 8 * time.Second},
		{alert.Lark, 200, "", `<html>`, "the answer has no code: outcome unknown", "", 0},

		{alert.WeCom, 200, "", `{"errcode":0,"errmsg":"ok"}`, "", "", 0},
		{alert.WeCom, 200, "", `{"errcode":45009,"errmsg":"api freq out of limit ECHO"}`, "too many messages (errcode 45009): throttled", alert.PartLimit, minute},
		{alert.WeCom, 200, "", `{"errcode":40058}`, "the message is too long (errcode 40058): invalid request", alert.PartLimit, 0},
		{alert.WeCom, 200, "", `{"errcode":93000}`, "the bot's key is not valid, or the bot was removed (errcode 93000): invalid request", alert.PartAddress, 0},
		{alert.WeCom, 200, "", `<html>`, "the answer has no errcode: outcome unknown", "", 0},

		{alert.Slack, 200, "", "ok\n", "", "", 0},
		{alert.Slack, 200, "", `<html>`, "the answer is not ok: outcome unknown", "", 0},
		{alert.Slack, 429, "Retry-After: 30", "rate_limited", "too many messages (HTTP status 429): throttled", alert.PartLimit, 30 * time.Second},
		{alert.Slack, 429, "", "ECHO", "too many messages (HTTP status 429): throttled", alert.PartLimit, minute},
		{alert.Slack, 400, "", "invalid_payload", "the message is malformed (HTTP status 400): invalid request", "", 0},
		{alert.Slack, 400, "", "msg_blocks_too_long", "the message is too long (HTTP status 400): invalid request", alert.PartLimit, 0},
		{alert.Slack, 403, "", "action_prohibited", "an administrator forbids messages to the channel (HTTP status 403): denied", "", 0},
		{alert.Slack, 403, "", "invalid_token", "the webhook's URL is not valid (HTTP status 403): invalid request", alert.PartAddress, 0},
		{alert.Slack, 404, "", "no_service", "the webhook is switched off or revoked (HTTP status 404): invalid request", alert.PartAddress, 0},
		{alert.Slack, 410, "", "channel_is_archived", "the channel is archived (HTTP status 410): invalid request", alert.PartAddress, 0},
		{alert.Slack, 500, "", "rollup_error", "the service failed (HTTP status 500): unavailable", "", 0},

		{alert.PagerDuty, 202, "", `{"status":"success","dedup_key":"ECHO"}`, "", "", 0},
		{alert.PagerDuty, 200, "", `<html>`, "the answer is not that of PagerDuty (HTTP status 200): outcome unknown", "", 0},
		{alert.PagerDuty, 400, "", `{"status":"invalid event","errors":["ECHO"]}`, "the routing key or the event is not valid (HTTP status 400): invalid request", "", 0},

		{alert.Alertmanager, 200, "", "", "", "", 0},
		{alert.Alertmanager, 200, "", "<html>ECHO", "the answer is a page, not that of an Alertmanager: outcome unknown", "", 0},
		{alert.Alertmanager, 400, "", `"ECHO"`, "the message is refused (HTTP status 400): invalid request", "", 0},

		{alert.Webhook, 200, "", `{"code":19001,"msg":"ECHO"}`, "the receiver says that it failed (code 19001): unavailable", "", 0},
		{alert.Webhook, 200, "", `{"errcode":310000}`, "the receiver says that it failed (errcode 310000): unavailable", "", 0},
		{alert.Webhook, 200, "", `{"code":500}`, "the receiver says that it failed (code 500): unavailable", "", 0},
		{alert.Webhook, 200, "", `{"code":1}`, "the receiver says that it failed (code 1): unavailable", "", 0},
		{alert.Webhook, 200, "", `{"StatusCode":9}`, "the receiver says that it failed (StatusCode 9): unavailable", "", 0},
		{alert.Webhook, 200, "", `{"ok":false,"error":"ECHO"}`, "the receiver says that it failed: unavailable", "", 0},
		{alert.Webhook, 200, "", `{"success":false}`, "the receiver says that it failed: unavailable", "", 0},
		{alert.Webhook, 410, "", ``, "nothing takes messages at the channel's URL (HTTP status 410): invalid request", alert.PartAddress, 0},

		{alert.EventBridge, 200, "", `{"Success":true,"Code":"200","Data":{"FailedEntryCount":0}}`, "", "", 0},
		{alert.EventBridge, 200, "", `{"Success":false,"Code":"EventBusNotExist","Message":"ECHO"}`, "the bus does not exist: invalid request", alert.PartAddress, 0},
		{alert.EventBridge, 200, "", `{"Success":true,"Data":{"FailedEntryCount":1,"EntryList":[{"ErrorCode":"RequestTooLarge"}]}}`, "the event is too long: invalid request", alert.PartLimit, 0},
		{alert.EventBridge, 200, "", `{"Success":true,"Data":{"FailedEntryCount":1}}`, "EventBridge refuses the event: invalid request", "", 0},
		{alert.EventBridge, 200, "", `{"Success":false,"Code":"ECHO"}`, "EventBridge refuses the event: invalid request", "", 0},
		{alert.EventBridge, 200, "", `<html>`, "the answer is not that of EventBridge: outcome unknown", "", 0},
		{alert.EventBridge, 200, "", `{}`, "the answer is not that of EventBridge: outcome unknown", "", 0},
		{alert.EventBridge, 400, "", `{"Code":"SignatureDoesNotMatch","Message":"ECHO"}`, "the request's signature is refused (HTTP status 400): denied", alert.PartSign, 0},
		{alert.EventBridge, 404, "", `{"Code":"InvalidAccessKeyId.NotFound"}`, "the access key is refused (HTTP status 404): denied", alert.PartSign, 0},
		{alert.EventBridge, 403, "", `{"Code":"NoPermission"}`, "the right to put events is missing (HTTP status 403): denied", "", 0},
		{alert.EventBridge, 400, "", `{"Code":"Throttling.User"}`, "too many messages (HTTP status 400): throttled", alert.PartLimit, minute},
		{alert.EventBridge, 503, "", `{"Code":"ServiceUnavailable"}`, "the service is not available (HTTP status 503): unavailable", "", 0},
		{alert.EventBridge, 500, "", `{"Code":"InternalError"}`, "the service failed (HTTP status 500): outcome unknown", "", 0},
	}
	for _, body := range []string{"", "ok", "<html>", `{"code":200,"message":"success"}`, `{"code":0}`, `{"errcode":0,"errmsg":"ok"}`, `{"code":201}`, `{"code":"E1"}`, `{"success":true,"ok":true}`, `[1]`} {
		cases = append(cases, verdictCase{alert.Webhook, 202, "", body, "", "", 0})
	}
	date := noon.Add(90 * time.Second).Format(http.TimeFormat) // whole seconds
	for _, kind := range kinds {
		cases = append(cases,
			verdictCase{kind, 429, "", "ECHO", "too many messages (HTTP status 429): throttled", alert.PartLimit, minute},
			verdictCase{kind, 429, "Retry-After: 120", "ECHO", "too many messages (HTTP status 429): throttled", alert.PartLimit, 2 * minute},
			verdictCase{kind, 429, "Retry-After: " + date, "", "too many messages (HTTP status 429): throttled", alert.PartLimit, 90*time.Second - 123*time.Millisecond},
			verdictCase{kind, 429, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", "", "too many messages (HTTP status 429): throttled", alert.PartLimit, time.Second},
			verdictCase{kind, 429, "Retry-After: 0", "", "too many messages (HTTP status 429): throttled", alert.PartLimit, time.Second},
			verdictCase{kind, 429, "Retry-After: 1e300", "", "too many messages (HTTP status 429): throttled", alert.PartLimit, time.Hour},
			verdictCase{kind, 429, "Retry-After: soon", "", "too many messages (HTTP status 429): throttled", alert.PartLimit, minute},
			verdictCase{kind, 503, "", "ECHO", "the service is not available (HTTP status 503): unavailable", "", 0},
			verdictCase{kind, 503, "Retry-After: 60", "ECHO", "the service is not available (HTTP status 503): unavailable", "", minute},
			verdictCase{kind, 500, "Retry-After: 60", "ECHO", "the service failed (HTTP status 500): outcome unknown", "", 0},
			verdictCase{kind, 502, "", "ECHO", "the service failed (HTTP status 502): outcome unknown", "", 0},
			verdictCase{kind, 401, "", "ECHO", "the token or signature is refused (HTTP status 401): denied", alert.PartSign, 0},
			verdictCase{kind, 403, "", "ECHO", "the message is forbidden (HTTP status 403): denied", "", 0},
			verdictCase{kind, 404, "", "ECHO", "nothing takes messages at the channel's URL (HTTP status 404): invalid request", alert.PartAddress, 0},
			verdictCase{kind, 413, "", "ECHO", "the message is too long (HTTP status 413): invalid request", alert.PartLimit, 0},
			verdictCase{kind, 422, "", "ECHO", "the message is refused (HTTP status 422): invalid request", "", 0},
			verdictCase{kind, 302, "Location: http://127.0.0.1:1/ECHO", "ECHO", "the channel's URL leads elsewhere, and redirects are not followed (HTTP status 302): invalid request", alert.PartAddress, 0},
		)
	}
	return cases
}

// echoAll is everything that a request said.
func echoAll(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	return url.QueryEscape(r.URL.String()) + " " + r.URL.String() + " " + fmt.Sprint(r.Header) + " " + string(body)
}

// TestEveryAnswerHasItsMeaning and leaks nothing.
func TestEveryAnswerHasItsMeaning(t *testing.T) {
	for _, c := range verdicts() {
		t.Run(fmt.Sprintf("%s %d %s %.60s", c.kind, c.status, c.header, c.body), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				said := echoAll(r)
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				if strings.Contains(c.body, `"ECHO`) || strings.Contains(c.body, `ECHO"`) { // in JSON
					said = fmt.Sprintf("%q", said)
					said = said[1 : len(said)-1]
				}
				_, _ = io.WriteString(w, strings.ReplaceAll(c.body, "ECHO", said))
			}))
			defer server.Close()
			cl := client(t, channelOf(c.kind, server.URL), alert.Setup{Carrier: server.Client().Transport})
			holdResult(t, cl, cl.Deliver(t.Context(), one()), c)
		})
	}
}

var classes = []error{engine.ErrThrottled, engine.ErrUnknownOutcome, engine.ErrDenied, engine.ErrInvalid, engine.ErrUnavailable}

// holdResult holds a result to what it must be, and searches it for secrets.
func holdResult(t *testing.T, c *alert.Client, r alert.Result, want verdictCase) {
	t.Helper()
	got := ""
	if r.Err != nil {
		got = r.Err.Error()
	}
	if got != want.want || r.Failed != want.part || r.Confirmed() != (want.want == "") {
		t.Errorf("got %q, %q; want %q, %q", got, r.Failed, want.want, want.part)
	}
	for _, class := range classes {
		if errors.Is(r.Err, class) != strings.HasSuffix(want.want, ": "+class.Error()) {
			t.Errorf("%q is %q: %t", got, class, errors.Is(r.Err, class))
		}
	}
	if after := r.RetryAt.Sub(noon); want.retry != 0 && after != want.retry || want.retry == 0 && !r.RetryAt.IsZero() {
		t.Errorf("come back after %s, want %s", after, want.retry)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("deliver", "err", r.Err, "result", r, "client", c)
	printed := logged.String() + fmt.Sprintf("%v %+v %#v %v %+v %#v %v %+v %#v", r.Err, r.Err, r.Err, r, r, r, c, c, c)
	for _, secret := range []string{urlToken, signKey, accessKey, "c2VjcmV0", "access_token", "sign=", "v1,", "Signature", "://", "127.0.0.1", "install-agent", "hush"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%s leaks %q", printed, secret)
		}
	}
}

// TestEveryBrokenConnectionHasItsMeaning and leaks nothing.
func TestEveryBrokenConnectionHasItsMeaning(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range kinds {
		for _, c := range []struct {
			name string
			ctx  context.Context
			err  error
			want string
		}{
			{"no time", over, errors.New("sent"), "no connection in time: unavailable"},
			{"no connection", t.Context(), &net.OpError{Op: "dial", Err: errors.New("refused")}, "no connection: unavailable"},
			{"no name", t.Context(), &net.OpError{Op: "dial", Err: &net.DNSError{}}, "name not resolved: unavailable"},
			{"a cut", t.Context(), errors.New("broken"), "connection lost: outcome unknown"},
		} {
			t.Run(string(kind)+" "+c.name, func(t *testing.T) {
				cl := client(t, channelOf(kind, "https://hook.test"), alert.Setup{Carrier: roundTripper(func(r *http.Request) (*http.Response, error) {
					return nil, &url.Error{Op: "Post", URL: echoAll(r), Err: c.err}
				})})
				holdResult(t, cl, cl.Deliver(c.ctx, one()), verdictCase{want: c.want})
			})
		}
		t.Run(string(kind)+" half an answer", func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "100000")
				_, _ = io.WriteString(w, `{"errcode":0,"code":0}`+echoAll(r))
			}))
			defer server.Close()
			cl := client(t, channelOf(kind, server.URL), alert.Setup{Carrier: server.Client().Transport})
			holdResult(t, cl, cl.Deliver(t.Context(), one()), verdictCase{want: "connection lost: outcome unknown"})
		})
		t.Run(string(kind)+" no answer", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				cancel()
				<-r.Context().Done()
			}))
			defer server.Close()
			cl := client(t, channelOf(kind, server.URL), alert.Setup{Carrier: server.Client().Transport})
			holdResult(t, cl, cl.Deliver(ctx, one()), verdictCase{want: "no answer in time: outcome unknown"})
		})
	}
}

// TestMistakesOfAChannelNameTheSettingAndNoValue.
func TestMistakesOfAChannelNameTheSettingAndNoValue(t *testing.T) {
	secret := transport.NewSecret
	for want, ch := range map[string]alert.Channel{
		"channel c: URL is missing": {Kind: alert.Slack},
		"channel c: URL must begin with https:// (http:// only for a loopback address)":          {Kind: alert.Slack, URL: secret("http://hush.test/hush")},
		"channel c: Kind is not a kind of channel":                                               {Kind: "hush", URL: secret("https://hush.test")},
		"channel c: Secret must be a routing key, which has 32 characters":                       {Kind: alert.PagerDuty},
		"channel c: Secret begins or ends with white space":                                      {Kind: alert.Lark, URL: secret("https://hush.test"), Secret: secret("hush ")},
		"channel c: Secret begins with whsec_, but what follows is not base64":                   {Kind: alert.Webhook, URL: secret("https://hush.test"), Secret: secret("whsec_hush!")},
		"channel c: Bus must be a custom bus":                                                    {Kind: alert.EventBridge, URL: secret("https://hush.test"), Bus: "default"},
		"channel c: Mention must hold all, mobile numbers or ids of users, and only in a chat":   {Kind: alert.Slack, URL: secret("https://hush.test"), Mention: []string{"<hush>"}},
		"channel c: Mention has more than 10 entries":                                            {Kind: alert.Slack, URL: secret("https://hush.test"), Mention: strings.Split("aaaaaaaaaaa", "")},
		"channel c: Keyword must be on one line, without spaces around it, of at most 100 bytes": {Kind: alert.Lark, URL: secret("https://hush.test"), Keyword: "hush\nhush"},
		"channel c: Language must be en or zh":                                                   {Kind: alert.Slack, URL: secret("https://hush.test"), Language: "hush"},
		"channel c: Template names no template":                                                  {Kind: alert.Slack, URL: secret("https://hush.test"), Template: "hush"},
	} {
		ch.Name = "c"
		if _, err := alert.NewClient(ch, alert.Setup{Credentials: creds}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	ch := channelOf(alert.EventBridge, "https://hush.test")
	if _, err := alert.NewClient(ch, alert.Setup{}); err == nil || err.Error() != "channel eventbridge: Credentials are missing" {
		t.Errorf("got %v", err)
	}
}
