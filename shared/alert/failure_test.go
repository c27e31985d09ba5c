package alert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"aftercare/shared/alert"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// echo is an answer that repeats everything that the request said.
func echo(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	return r.URL.String() + " " + r.Header.Get("X-Aftercare-Signature") + " " + string(body)
}

// echoed is the same as a string inside JSON.
func echoed(r *http.Request) string { return fmt.Sprintf("%q", echo(r)) }

func answer(status int, body func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := body(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// refusal is an answer 200 that carries an error code in this member.
func refusal(member, code string) http.HandlerFunc {
	return answer(200, func(r *http.Request) string {
		return `{"` + member + `":` + code + `,"errmsg":` + echoed(r) + `}`
	})
}

type failure struct {
	name     string
	receiver http.HandlerFunc
	// arrived: the caller leaves when the request is there.
	arrived chan struct{}
	// dingTalk and webhook are what the error says; "" is no error.
	dingTalk, webhook string
}

func failures() []failure {
	arrived := make(chan struct{})
	const noErrcode = "the answer has no errcode: outcome unknown"
	long := answer(200, func(*http.Request) string { return `{"padding":"` + strings.Repeat("x", 64<<10) + `","errcode":0}` })
	failures := []failure{
		{name: "errcode 310000", receiver: refusal("errcode", "310000"),
			dingTalk: "answered with errcode 310000, the robot's security setting refuses the signature, the address or the words: denied",
			webhook:  "answered with errcode 310000: unavailable"},
		{name: "errcode 130101", receiver: refusal("errcode", "130101"),
			dingTalk: "answered with errcode 130101, too many messages: throttled",
			webhook:  "answered with errcode 130101: unavailable"},
		{name: "errcode 410100", receiver: refusal("errcode", "410100"),
			dingTalk: "answered with errcode 410100, too many messages: throttled",
			webhook:  "answered with errcode 410100: unavailable"},
		{name: "code 19024", receiver: refusal("code", "19024"), dingTalk: noErrcode, webhook: "answered with code 19024: unavailable"},
		{name: "no errcode", receiver: answer(200, echo), dingTalk: noErrcode},
		{name: "an errcode that is a string", receiver: refusal("errcode", `"0"`), dingTalk: noErrcode},
		{name: "an answer beyond what is read", receiver: long, dingTalk: noErrcode},
	}
	both := func(name, text string, receiver http.HandlerFunc) {
		failures = append(failures, failure{name: name, receiver: receiver, arrived: arrived, dingTalk: text, webhook: text})
	}
	for status, class := range map[int]error{
		400: engine.ErrUnavailable, 401: engine.ErrDenied, 403: engine.ErrDenied, 404: engine.ErrUnavailable,
		429: engine.ErrThrottled, 500: engine.ErrUnavailable, 503: engine.ErrUnavailable,
	} {
		text := fmt.Sprintf("answered with HTTP status %d: %v", status, class)
		both(fmt.Sprint("HTTP status ", status), text, answer(status, echo))
	}
	both("a redirect that repeats the URL", "answered with HTTP status 302: unavailable", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://elsewhere.test"+r.URL.String())
		w.WriteHeader(302)
	})
	both("errcode -1", "answered with errcode -1: unavailable", refusal("errcode", "-1"))
	both("an answer that is cut off", "connection lost: outcome unknown", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, echo(r))
	})
	both("no answer in time", "no answer in time: outcome unknown", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	return failures
}

func TestNoFailureLeaksASecret(t *testing.T) {
	const (
		token     = "tok-5fd1a0"
		robotKey  = "SECrobot77"
		hookToken = "hook-88c2"
		hookKey   = "hookkey-31"
	)
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			server := httptest.NewServer(f.receiver)
			t.Cleanup(server.Close)
			address := server.URL
			robot := alert.Config{
				DingTalkURL:    transport.NewSecret(address + "/robot/send?access_token=" + token),
				DingTalkSecret: transport.NewSecret(robotKey),
			}
			hook := alert.Config{
				WebhookURL:    transport.NewSecret(address + "/" + hookToken + "?pass=" + hookToken),
				WebhookSecret: transport.NewSecret(hookKey),
			}
			for _, c := range []struct {
				cfg        alert.Config
				name, want string
			}{{robot, "dingtalk", f.dingTalk}, {hook, "webhook", f.webhook}} {
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					select {
					case <-f.arrived:
						cancel()
					case <-ctx.Done():
					}
				}()
				notifier := channels(t, c.cfg, server.Client().Transport)
				err := notifier.Notify(ctx, sample())
				cancel()
				want := ""
				if c.want != "" {
					want = "alert by " + c.name + ": " + c.want
				}
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != want {
					t.Errorf("got error %q, want %q", got, want)
				}
				for _, class := range []error{engine.ErrUnavailable, engine.ErrDenied, engine.ErrThrottled, engine.ErrUnknownOutcome} {
					if errors.Is(err, class) != strings.HasSuffix(want, ": "+class.Error()) {
						t.Errorf("error %q is %q: %t", got, class, errors.Is(err, class))
					}
				}
				printed := got + fmt.Sprintf("%+v %#v %+v %#v", err, err, notifier, *notifier)
				for _, secret := range []string{token, robotKey, hookToken, hookKey, "access_token", "pass=", "sign=", "v1=", "timestamp", "://", "127.0.0.1", "/robot/send"} {
					if strings.Contains(printed, secret) {
						t.Errorf("%s leaks %q", printed, secret)
					}
				}
			}
		})
	}
}

// Neither an alert for which there is no time, nor a carrier that says
// everything, shows a secret.
func TestWhatIsNotSentIsUnavailable(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for want, c := range map[string]struct {
		ctx context.Context
		err error
	}{
		"no connection in time: unavailable": {over, errors.New("sent")},
		"no connection: unavailable":         {t.Context(), &net.OpError{Op: "dial", Err: errors.New("refused")}},
		"connection lost: outcome unknown":   {t.Context(), errors.New("broken")},
	} {
		n := channels(t, alert.Config{WebhookURL: transport.NewSecret("https://hook.test/tok-5fd1a0")}, roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: echo(r), Err: c.err}
		}))
		if err := n.Notify(c.ctx, sample()); err == nil || err.Error() != "alert by webhook: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
