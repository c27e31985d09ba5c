package assistant_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/command"
	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

const (
	keyID     = "STS.TestKeyIdentifier"
	keySecret = "TestKeySecretValue"
	stsToken  = "TestSecurityTokenValue+/=="
	instance  = "i-test0001"
	effect    = "0123456789abcdef0123456789abcdef"
	task      = "0123456789abcdef0123456789abcdef"
	content   = "echo SecretCommandText"
)

var creds = transport.NewCredentials(keyID, keySecret, stsToken)

// seen is one request that arrived with a valid signature.
type seen struct {
	query url.Values // what the URL carried
	body  url.Values // what the body carried
	all   url.Values
	gone  <-chan struct{} // closed when the client left
}

// reply writes the answer to the n-th request, counted from 1.
type reply func(w http.ResponseWriter, n int, r seen)

// service is as much of ECS as a test needs: it checks every signature and
// answers what the test says.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []seen
	refused  []string
	conns    int
}

// serve starts a service that closes with the test, which fails if any
// request had a wrong signature or a nonce that was used before.
func serve(t testing.TB, answer reply) *service {
	t.Helper()
	s := &service{}
	nonces := map[string]bool{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, fault := check(r)
		s.mu.Lock()
		if nonce := got.all.Get("SignatureNonce"); fault == "" && (nonce == "" || nonces[nonce]) {
			fault = "nonce missing or used before"
		} else {
			nonces[nonce] = true
		}
		if fault != "" {
			s.refused = append(s.refused, fault)
			s.mu.Unlock()
			fail(400, "SignatureDoesNotMatch")(w, 0, got)
			return
		}
		s.requests = append(s.requests, got)
		n := len(s.requests)
		s.mu.Unlock()
		answer(w, n, got)
	}))
	s.Config.ConnState = s.count
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		for _, fault := range s.refused {
			t.Errorf("the service refused a request: %s", fault)
		}
	})
	return s
}

func (s *service) seen() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// count notes every connection that a client opens.
func (s *service) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns++
	}
}

func (s *service) dials() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// check verifies a request's signature, version 1.0 of the RPC style.
func check(r *http.Request) (seen, string) {
	raw, _ := io.ReadAll(r.Body)
	body, err := url.ParseQuery(string(raw))
	got := seen{query: r.URL.Query(), body: body, all: url.Values{}, gone: r.Context().Done()}
	if err != nil {
		return got, "body is no form"
	}
	for _, values := range []url.Values{got.query, got.body} {
		for k, v := range values {
			got.all[k] = append(got.all[k], v...)
		}
	}
	given := got.all.Get("Signature")
	signed := url.Values{}
	for k, v := range got.all {
		if k != "Signature" {
			signed[k] = v
		}
	}
	mac := hmac.New(sha1.New, []byte(keySecret+"&"))
	io.WriteString(mac, r.Method+"&%2F&"+percent(percentForm(signed)))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	at, err := time.Parse("2006-01-02T15:04:05Z", got.all.Get("Timestamp"))
	switch {
	case given != want:
		return got, "signature is wrong"
	case err != nil || time.Since(at).Abs() > 15*time.Minute:
		return got, "timestamp is wrong"
	case got.all.Get("AccessKeyId") != keyID || got.all.Get("SecurityToken") != stsToken:
		return got, "credentials are wrong"
	case got.all.Get("Version") != "2014-05-26" || got.all.Get("RegionId") != "cn-test":
		return got, "version or region is wrong"
	}
	return got, ""
}

// percentForm joins the parameters in order, percent-encoded as RFC 3986 has it.
func percentForm(v url.Values) string {
	var parts []string
	for k, values := range v {
		for _, value := range values {
			parts = append(parts, percent(k)+"="+percent(value))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

func percent(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// ok answers 200 with a body.
func ok(body string) reply {
	return func(w http.ResponseWriter, _ int, _ seen) { io.WriteString(w, body) }
}

// fail answers an error in the service's form. Its message repeats what the
// request carried, as some of the real ones do.
func fail(status int, code string) reply {
	return func(w http.ResponseWriter, n int, r seen) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"RequestId":"REQ-%d","HostId":"ecs","Code":%q,"Message":%q}`, n, code, "string to sign: "+r.all.Encode())
	}
}

// cut breaks the connection after the request arrived.
func cut(http.ResponseWriter, int, seen) { panic(http.ErrAbortHandler) }

// inTurn answers with each reply once, and with the last one from then on.
func inTurn(replies ...reply) reply {
	return func(w http.ResponseWriter, n int, r seen) { replies[min(n, len(replies))-1](w, n, r) }
}

var accepted = ok(`{"RequestId":"REQ","CommandId":"c-1","InvokeId":"t-invoke1"}`)

// config talks to s with waits that take no time.
func config(s *service) assistant.Config {
	return assistant.Config{
		Region:       "cn-test",
		Endpoint:     s.URL,
		PerTry:       5 * time.Second,
		Retries:      3,
		Sleep:        func(context.Context, time.Duration) {},
		RoundTripper: transport.NewPool(time.Now),
	}
}

func client(t testing.TB, cfg assistant.Config) *assistant.Client {
	t.Helper()
	c, err := assistant.New(cfg, creds)
	if err != nil {
		t.Fatal(err)
	}
	if pool, ok := cfg.RoundTripper.(*transport.Pool); ok {
		t.Cleanup(pool.CloseIdleConnections)
	}
	return c
}

// soon is a context that ends long before the test does.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func runSend() engine.Send {
	return engine.Send{
		InstanceID: instance,
		TaskID:     task,
		Token:      effect,
		Command: command.Command{Run: &command.Run{
			Name: "collect logs", Type: "RunShellScript", Content: content,
			Parameters: map[string]string{"host": "SecretParameterValue"},
		}},
	}
}

func invokeSend() engine.Send {
	return engine.Send{
		InstanceID: instance,
		TaskID:     task,
		Token:      effect,
		Command:    command.Command{Invoke: &command.Invoke{CommandID: "c-saved"}},
	}
}

// methods are the six calls, so that a test can ask the same of each.
var methods = []struct {
	name  string
	write bool
	good  string
	call  func(context.Context, *assistant.Client) error
}{
	{"Send of a run", true, `{"InvokeId":"t-1"}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.Send(ctx, runSend())
		return err
	}},
	{"Send of an invoke", true, `{"InvokeId":"t-1"}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.Send(ctx, invokeSend())
		return err
	}},
	{"Stop", true, `{}`, func(ctx context.Context, c *assistant.Client) error {
		return c.Stop(ctx, instance, "t-invoke1")
	}},
	{"FindByToken", false, `{"Invocations":{}}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.FindByToken(ctx, instance, effect)
		return err
	}},
	{"FindByID", false, `{"Invocations":{}}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.FindByID(ctx, instance, "t-invoke1")
		return err
	}},
	{"Output", false, results("", result("Success", "aGk=", "")), func(ctx context.Context, c *assistant.Client) error {
		_, err := c.Output(ctx, instance, "t-invoke1")
		return err
	}},
	{"AgentStatus", false, `{"TotalCount":0}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.AgentStatus(ctx, instance)
		return err
	}},
}
