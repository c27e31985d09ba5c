package alert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
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

// torn sends raw bytes in the place of an answer and closes the connection.
func torn(raw func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := raw(r)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		conn.Close()
	}
}

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
	name string
	// Exactly one of these is set: what the receiver does, or what becomes
	// of the request before it reaches one.
	receiver  http.HandlerFunc
	transport roundTripper
	// arrived: the caller leaves when the request is there.
	arrived chan struct{}
	// dingTalk and webhook are what the error says; "" is no error.
	dingTalk, webhook string
	class             error
}

func failures() []failure {
	arrived := make(chan struct{})
	urlError := func(r *http.Request, cause error) error {
		return &url.Error{Op: "Post", URL: r.URL.String(), Err: cause}
	}
	const cut = "the connection failed before a complete answer: outcome unknown"
	status := func(code int, class error) failure {
		text := fmt.Sprintf("answered with HTTP status %d: %v", code, class)
		return failure{name: fmt.Sprintf("HTTP status %d", code), receiver: answer(code, echo), dingTalk: text, webhook: text, class: class}
	}
	return []failure{
		status(400, engine.ErrUnavailable),
		status(401, engine.ErrDenied),
		status(403, engine.ErrDenied),
		status(404, engine.ErrUnavailable),
		status(429, engine.ErrThrottled),
		status(500, engine.ErrUnavailable),
		status(503, engine.ErrUnavailable),
		{name: "a redirect that repeats the URL", receiver: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere.test"+r.URL.String())
			w.WriteHeader(302)
		}, dingTalk: "answered with HTTP status 302: unavailable", webhook: "answered with HTTP status 302: unavailable", class: engine.ErrUnavailable},
		{name: "a redirect to no URL", receiver: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz"+r.URL.String())
			w.WriteHeader(302)
		}, dingTalk: cut, webhook: cut, class: engine.ErrUnknownOutcome},
		{name: "errcode 310000", receiver: refusal("errcode", "310000"),
			dingTalk: "answered with errcode 310000, the robot's security setting refuses the signature, the address or the words: denied",
			webhook:  "answered with errcode 310000: unavailable"},
		{name: "errcode 130101", receiver: refusal("errcode", "130101"),
			dingTalk: "answered with errcode 130101, too many messages: throttled",
			webhook:  "answered with errcode 130101: unavailable"},
		{name: "errcode 410100", receiver: refusal("errcode", "410100"),
			dingTalk: "answered with errcode 410100, too many messages: throttled",
			webhook:  "answered with errcode 410100: unavailable"},
		{name: "errcode -1", receiver: refusal("errcode", "-1"),
			dingTalk: "answered with errcode -1: unavailable", webhook: "answered with errcode -1: unavailable", class: engine.ErrUnavailable},
		{name: "code 19024", receiver: refusal("code", "19024"),
			dingTalk: "the answer has no errcode: outcome unknown", webhook: "answered with code 19024: unavailable"},
		{name: "no errcode", receiver: answer(200, echo), dingTalk: "the answer has no errcode: outcome unknown"},
		{name: "an errcode that is a string", receiver: refusal("errcode", `"0"`), dingTalk: "the answer has no errcode: outcome unknown"},
		{name: "an answer beyond what is read", receiver: answer(200, func(*http.Request) string {
			return `{"padding":"` + strings.Repeat("x", 64<<10) + `","errcode":0}`
		}), dingTalk: "the answer has no errcode: outcome unknown"},
		{name: "no answer at all", receiver: torn(func(*http.Request) string { return "" }), dingTalk: cut, webhook: cut, class: engine.ErrUnknownOutcome},
		{name: "an answer that is not HTTP", receiver: torn(echo), dingTalk: cut, webhook: cut, class: engine.ErrUnknownOutcome},
		{name: "an answer that is cut off", receiver: torn(func(r *http.Request) string {
			return "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + echo(r)
		}), dingTalk: cut, webhook: cut, class: engine.ErrUnknownOutcome},
		{name: "no answer in time", receiver: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			arrived <- struct{}{}
			<-r.Context().Done()
		}, arrived: arrived, dingTalk: "no answer in time: outcome unknown", webhook: "no answer in time: outcome unknown", class: engine.ErrUnknownOutcome},
		{name: "a name that is not known", transport: func(r *http.Request) (*http.Response, error) {
			return nil, urlError(r, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: r.URL.String()}})
		}, dingTalk: "the host's name cannot be resolved: unavailable", webhook: "the host's name cannot be resolved: unavailable", class: engine.ErrUnavailable},
		{name: "a connection that is refused", transport: func(r *http.Request) (*http.Response, error) {
			return nil, urlError(r, &net.OpError{Op: "dial", Net: r.URL.String(), Err: errors.New("refused")})
		}, dingTalk: "no connection to the host: unavailable", webhook: "no connection to the host: unavailable", class: engine.ErrUnavailable},
		{name: "a connection that breaks", transport: func(r *http.Request) (*http.Response, error) {
			return nil, urlError(r, &net.OpError{Op: "read", Net: r.URL.String(), Err: errors.New("reset")})
		}, dingTalk: cut, webhook: cut, class: engine.ErrUnknownOutcome},
		{name: "a transport that says everything", transport: func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("send %s: %w", echo(r), urlError(r, errors.New(r.URL.RawQuery)))
		}, dingTalk: cut, webhook: cut, class: engine.ErrUnknownOutcome},
	}
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
			address, carrier := "http://127.0.0.1:1", http.RoundTripper(f.transport)
			if f.receiver != nil {
				server := httptest.NewServer(f.receiver)
				t.Cleanup(server.Close)
				address, carrier = server.URL, server.Client().Transport
			}
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
				notifier := channels(t, c.cfg, carrier)
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
				if f.class != nil && !errors.Is(err, f.class) {
					t.Errorf("error %q is not %q", got, f.class)
				}
				if wrapped := new(url.Error); errors.As(err, &wrapped) {
					t.Error("the error wraps a *url.Error")
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

func TestACertificateThatIsNotTrustedIsAFailureOfItsOwn(t *testing.T) {
	server := httptest.NewUnstartedServer(answer(200, func(*http.Request) string { return `{"errcode":0}` }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	// A transport of its own, which does not know the server's certificate.
	carrier := &http.Transport{}
	t.Cleanup(carrier.CloseIdleConnections)
	err := channels(t, alert.Config{WebhookURL: transport.NewSecret(server.URL + "/tok-5fd1a0")}, carrier).Notify(t.Context(), sample())
	const want = "alert by webhook: the host's certificate is not trusted: unavailable"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNothingIsSentWhenThereIsNoTimeLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sent := false
	c := channels(t, alert.Config{WebhookURL: transport.NewSecret("https://hook.test/tok-5fd1a0")}, roundTripper(func(*http.Request) (*http.Response, error) {
		sent = true
		return nil, errors.New("sent")
	}))
	err := c.Notify(ctx, sample())
	if sent || !errors.Is(err, engine.ErrUnavailable) || errors.Is(err, engine.ErrUnknownOutcome) {
		t.Errorf("got %v, sent %t", err, sent)
	}
}

func TestAnAlertThatIsCalledOffUnderwayMayHaveArrived(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := channels(t, alert.Config{WebhookURL: transport.NewSecret("https://hook.test/tok-5fd1a0")}, roundTripper(func(r *http.Request) (*http.Response, error) {
		cancel()
		return nil, r.Context().Err()
	}))
	const want = "alert by webhook: no answer in time: outcome unknown"
	if err := c.Notify(ctx, sample()); err == nil || err.Error() != want || !errors.Is(err, engine.ErrUnknownOutcome) {
		t.Errorf("got %v, want %s", err, want)
	}
}
