package transport_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"aftercare/shared/transport"
)

// carry is a RoundTripper that is not net/http's.
type carry func(*http.Request) (*http.Response, error)

func (c carry) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// fails carries nothing, and says why with the whole URL.
func fails(err error) carry {
	return func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: err}
	}
}

func pool(t *testing.T) *transport.Pool {
	p := transport.NewPool(time.Now)
	t.Cleanup(p.CloseIdleConnections)
	return p
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(s.Close)
	return s.URL
}

// hang answers nothing until the client leaves.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// listener accepts connections and gives each to f.
func listener(t *testing.T, f func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			f(conn)
		}
	}()
	return l.Addr().String()
}

const maxAnswer = 100

func TestAnExchangeKnowsWhatMayHaveBeenReceived(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(hang))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	text := func(status, n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.Repeat("a", n))
		}
	}
	atOnce, end := context.WithCancel(t.Context())
	end()
	atHandshake, endHandshake := context.WithCancel(t.Context())
	atRequest, endRequest := context.WithCancel(t.Context())
	atBody, endBody := context.WithCancel(t.Context())
	headers := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Long", strings.Repeat("a", n)) }
	}
	for name, c := range map[string]struct {
		next   http.RoundTripper
		url    string
		ctx    context.Context // nil means that of the test
		sent   bool
		status int
		body   int
		cause  string
	}{
		"an answer":                  {url: serve(t, text(200, 3)), sent: true, status: 200, body: 3},
		"an error answer":            {url: serve(t, text(503, 3)), sent: true, status: 503, body: 3},
		"the longest answer":         {url: serve(t, text(200, maxAnswer)), sent: true, status: 200, body: maxAnswer},
		"too long an answer":         {url: serve(t, text(200, maxAnswer+1)), sent: true, status: 200, cause: "answer too long"},
		"the longest headers":        {url: serve(t, headers(60<<10)), sent: true, status: 200},
		"too long headers":           {url: serve(t, headers(70<<10)), sent: true, cause: "connection lost"},
		"nobody listens":             {url: "http://127.0.0.1:1", cause: "no connection"},
		"a certificate of nobody":    {url: untrusted.URL, cause: "certificate not accepted"},
		"a handshake that is cut":    {url: "https://" + listener(t, func(c net.Conn) { c.Close() }), cause: "no connection"},
		"a handshake without answer": {url: "https://" + listener(t, func(net.Conn) { endHandshake() }), ctx: atHandshake, cause: "no connection in time"},
		"no time at all":             {url: serve(t, hang), ctx: atOnce, cause: "no connection in time"},
		"cut before the answer":      {url: serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), sent: true, cause: "connection lost"},
		"no answer": {
			url: serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				endRequest()
				<-r.Context().Done()
			}), ctx: atRequest, sent: true, cause: "no answer in time",
		},
		"an answer that is no HTTP": {
			url: "http://" + listener(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4<<10))
				_, _ = io.WriteString(c, "hello\r\n\r\n")
			}), sent: true, cause: "connection lost",
		},
		"a body that is cut": {
			url: serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "50")
				_, _ = io.WriteString(w, "half")
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}), sent: true, status: 200, cause: "connection lost",
		},
		"a body that does not end": {
			url: serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "half")
				w.(http.Flusher).Flush()
				hang(w, r)
			}), next: carry(func(r *http.Request) (*http.Response, error) {
				resp, err := pool(t).RoundTrip(r)
				endBody()
				return resp, err
			}), ctx: atBody, sent: true, status: 200, cause: "no answer in time",
		},
		"a name that is not known": {
			next: fails(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "host.example"}}),
			url:  "http://host.example", cause: "name not resolved",
		},
		"another carrier without a connection": {
			next: fails(&net.OpError{Op: "dial", Err: errors.New("refused")}), url: "http://host.example", cause: "no connection",
		},
		"another carrier that fails": {
			next: fails(&net.OpError{Op: "read", Err: errors.New("reset")}), url: "http://host.example", sent: true, cause: "connection lost",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next, ctx := c.next, c.ctx
			if next == nil {
				next = pool(t)
			}
			if ctx == nil {
				ctx = t.Context()
			}
			request, err := http.NewRequest(http.MethodPost, c.url+"/path?Signature=secret", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			resp, out := transport.Exchange(ctx, next, request, maxAnswer)
			if out.Sent != c.sent || out.Status != c.status || out.Cause != c.cause || out.Complete != (c.cause == "") || len(out.Body) != c.body {
				t.Errorf("got %+v, want sent %v, status %d, cause %q and %d bytes", out, c.sent, c.status, c.cause, c.body)
			}
			if (resp != nil) != out.Complete {
				t.Fatalf("the response is %v", resp)
			}
			if resp == nil {
				return
			}
			again, err := io.ReadAll(resp.Body)
			if err != nil || len(again) != c.body || resp.StatusCode != c.status {
				t.Errorf("the response has %d bytes (%v) and status %d", len(again), err, resp.StatusCode)
			}
		})
	}
}

func TestARedirectLeadsNowhere(t *testing.T) {
	for status, want := range map[int]string{200: "/there", 301: "", 302: "", 307: "", 308: "", 400: "/there"} {
		at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/there")
			w.Header().Set("Other", "kept")
			w.WriteHeader(status)
		})
		request, err := http.NewRequest(http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, out := transport.Exchange(t.Context(), pool(t), request, maxAnswer)
		if !out.Complete || resp.Header.Get("Location") != want || resp.Header.Get("Other") != "kept" {
			t.Errorf("status %d: %+v with %v, want the location %q", status, out, resp, want)
		}
	}
}

func get(t *testing.T, p *transport.Pool, at string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, out := transport.Exchange(t.Context(), p, request, maxAnswer); !out.Complete {
		t.Fatalf("no answer: %+v", out)
	}
}
