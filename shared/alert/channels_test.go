package alert_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/alert"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// noon is what the injected clock says.
var noon = time.Date(2025, 3, 4, 12, 0, 0, 123_000_000, time.UTC)

func clock() time.Time { return noon }

func sample() decide.Alert {
	code := int64(3)
	return decide.Alert{
		Fingerprint: "9c1f0a",
		Kind:        decide.AlertExecution,
		Summary:     "install-agent failed; nothing follows",
		InstanceID:  "i-sh4web0017",
		Region:      "cn-shanghai",
		CommandName: "install-agent",
		InvokeID:    "t-sh01install77",
		TaskID:      "task-1",
		Flow:        "after-install",
		Status:      "Failed",
		ExitCode:    &code,
		ErrorCode:   "ExitCodeNonzero",
		ErrorDesc:   "the script ended with a code other than zero",
		At:          time.Date(2025, 3, 4, 5, 0, 9, 875_000_000, time.UTC),
	}
}

// received is one request as a receiver saw it.
type received struct {
	path   string
	query  map[string][]string
	header http.Header
	body   []byte
}

// receiver answers every request with this status and body, and keeps them.
func receiver(t *testing.T, status int, answer string) (address string, requests chan received) {
	t.Helper()
	requests = make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- received{r.URL.Path, r.URL.Query(), r.Header.Clone(), body}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func channels(t *testing.T, cfg alert.Config, transport http.RoundTripper) *alert.Channels {
	t.Helper()
	c, err := alert.New(cfg, transport, clock)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDingTalkGetsASignedMarkdownMessage(t *testing.T) {
	address, requests := receiver(t, 200, `{"errcode":0,"errmsg":"ok"}`)
	c := channels(t, alert.Config{
		DingTalkURL:    transport.NewSecret(address + "/robot/send?access_token=abc"),
		DingTalkSecret: transport.NewSecret("SEC1"),
	}, nil)
	if err := c.Notify(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	got := <-requests
	mac := hmac.New(sha256.New, []byte("SEC1"))
	mac.Write([]byte("1741089600123\nSEC1"))
	wantQuery := map[string][]string{
		"access_token": {"abc"},
		"timestamp":    {"1741089600123"},
		"sign":         {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	if diff := cmp.Diff(got.query, wantQuery); diff != "" || got.path != "/robot/send" {
		t.Errorf("%s: got query (-) differs from want (+):\n%s", got.path, diff)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("got content type %q", ct)
	}
	var message struct {
		MsgType  string
		Markdown struct{ Title, Text string }
	}
	if err := json.Unmarshal(got.body, &message); err != nil {
		t.Fatal(err)
	}
	if message.MsgType != "markdown" || message.Markdown.Title != "Command ended badly: install-agent on i-sh4web0017" {
		t.Errorf("got %q, %q", message.MsgType, message.Markdown.Title)
	}
	want := `### Command ended badly

- **What:** install-agent failed; nothing follows
- **Instance:** i-sh4web0017
- **Region:** cn-shanghai
- **Command:** install-agent
- **Status:** Failed
- **Exit code:** 3
- **Error:** ExitCodeNonzero
- **Error text:** the script ended with a code other than zero
- **Flow:** after-install
- **Task:** task-1
- **Invocation:** t-sh01install77
- **Time:** 2025-03-04 05:00:09 UTC
- **Fingerprint:** 9c1f0a
`
	if diff := cmp.Diff(message.Markdown.Text, want); diff != "" {
		t.Errorf("got text (-) differs from want (+):\n%s", diff)
	}
}

func TestAChannelWithoutAKeyIsNotSigned(t *testing.T) {
	address, requests := receiver(t, 200, `{"errcode":0}`)
	url := transport.NewSecret(address + "?access_token=abc")
	for _, cfg := range []alert.Config{{DingTalkURL: url}, {WebhookURL: url}} {
		if err := channels(t, cfg, nil).Notify(t.Context(), sample()); err != nil {
			t.Fatal(err)
		}
		if got := <-requests; len(got.query) != 1 || got.header.Get("X-Aftercare-Signature") != "" {
			t.Errorf("got query %v and header %v, want the token alone", got.query, got.header)
		}
	}
}

func TestAWebhookGetsTheAlertAsSignedJSON(t *testing.T) {
	for _, answer := range []string{"", "ok", `{"ok":true}`, `{"errcode":0,"code":0}`, `{"code":"E1"}`, `[1]`} {
		address, requests := receiver(t, 202, answer)
		c := channels(t, alert.Config{
			WebhookURL:    transport.NewSecret(address + "/in?room=7"),
			WebhookSecret: transport.NewSecret("key1"),
		}, nil)
		if err := c.Notify(t.Context(), sample()); err != nil {
			t.Fatalf("answer %q: %v", answer, err)
		}
		got := <-requests
		mac := hmac.New(sha256.New, []byte("key1"))
		mac.Write([]byte("1741089600."))
		mac.Write(got.body)
		if want := "t=1741089600,v1=" + hex.EncodeToString(mac.Sum(nil)); got.header.Get("X-Aftercare-Signature") != want {
			t.Errorf("got signature %q, want %q", got.header.Get("X-Aftercare-Signature"), want)
		}
		if got.path != "/in" || got.query["room"][0] != "7" {
			t.Errorf("got %s, %v", got.path, got.query)
		}
		var message map[string]any
		if err := json.Unmarshal(got.body, &message); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"version": 1.0, "fingerprint": "9c1f0a", "kind": "execution", "summary": "install-agent failed; nothing follows",
			"instanceId": "i-sh4web0017", "region": "cn-shanghai", "commandName": "install-agent", "invokeId": "t-sh01install77",
			"taskId": "task-1", "flow": "after-install", "status": "Failed", "exitCode": 3.0, "errorCode": "ExitCodeNonzero",
			"errorDesc": "the script ended with a code other than zero", "at": "2025-03-04T05:00:09.875Z",
		}
		if diff := cmp.Diff(message, want); diff != "" {
			t.Errorf("got message (-) differs from want (+):\n%s", diff)
		}
	}
}

func TestWithoutChannelsNothingIsSentAndNothingFails(t *testing.T) {
	if err := channels(t, alert.Config{}, nil).Notify(t.Context(), sample()); err != nil {
		t.Error(err)
	}
}

// TestChannelsAreTriedAtOnce has two receivers that answer only when both
// have been called.
func TestChannelsAreTriedAtOnce(t *testing.T) {
	var calls atomic.Int32
	both := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only after the body is read does the server notice that a client
		// hangs up.
		_, _ = io.Copy(io.Discard, r.Body)
		if calls.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
			_, _ = io.WriteString(w, `{"errcode":0}`)
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := channels(t, alert.Config{DingTalkURL: transport.NewSecret(server.URL), WebhookURL: transport.NewSecret(server.URL)}, nil)
	if err := c.Notify(ctx, sample()); err != nil {
		t.Error(err)
	}
}

func TestOneFailingChannelFailsTheAlertAndTheOtherStillGetsIt(t *testing.T) {
	good, requests := receiver(t, 200, `{"errcode":0}`)
	bad, _ := receiver(t, 500, "")
	cases := []struct{ name, dingTalk, webhook, want string }{
		{"the robot", bad, good, "alert by dingtalk: answered with HTTP status 500: unavailable"},
		{"the webhook", good, bad, "alert by webhook: answered with HTTP status 500: unavailable"},
		{"both", bad, bad, "alert by dingtalk: answered with HTTP status 500: unavailable; alert by webhook: answered with HTTP status 500: unavailable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := channels(t, alert.Config{
				DingTalkURL: transport.NewSecret(c.dingTalk), WebhookURL: transport.NewSecret(c.webhook),
			}, nil).Notify(t.Context(), sample())
			if err == nil || err.Error() != c.want || !errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	if len(requests) != 2 {
		t.Errorf("the good channel got %d alerts, want 2", len(requests))
	}
}

func TestARedirectIsAFailureAndIsNotFollowed(t *testing.T) {
	elsewhere, requests := receiver(t, 200, `{"errcode":0}`)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(elsewhere, status))
		err := channels(t, alert.Config{WebhookURL: transport.NewSecret(server.URL)}, nil).Notify(t.Context(), sample())
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "HTTP status 30") {
			t.Errorf("%d: got %v", status, err)
		}
	}
	if len(requests) != 0 {
		t.Errorf("followed %d redirects", len(requests))
	}
}
