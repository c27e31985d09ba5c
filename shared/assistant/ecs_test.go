package assistant_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/command"
	"aftercare/shared/engine"
	"aftercare/shared/event"
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

// seen is one request that arrived.
type seen struct {
	query url.Values // what the URL carried
	body  url.Values // what the body carried
	all   url.Values
	gone  <-chan struct{} // closed when the client left
}

// reply writes the answer to the n-th request, counted from 1.
type reply func(w http.ResponseWriter, n int, r seen)

// service answers what a test says. The local ECS, with which contract_test.go
// works, verifies signatures.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []seen
	conns    int
}

func serve(t testing.TB, answer reply) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got := seen{query: r.URL.Query(), body: r.PostForm, all: r.Form, gone: r.Context().Done()}
		s.mu.Lock()
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

var accepted = ok(`{"RequestId":"REQ","CommandId":"c-1","InvokeId":"t-invoke1"}`)

// config talks to s with waits that take no time.
func config(s *service) assistant.Config {
	return assistant.Config{
		Region:       "cn-test",
		Endpoint:     s.URL,
		PerTry:       5 * time.Second,
		Retries:      3,
		Sleep:        noWait,
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

type method struct {
	name  string
	write bool
	good  string
	call  func(context.Context, *assistant.Client) error
}

// lost is the class of a call that got no answer.
func (m method) lost() error {
	if m.write {
		return engine.ErrUnknownOutcome
	}
	return engine.ErrUnavailable
}

// methods are all calls, so that a test can ask the same of each.
var methods = []method{
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
	{"InstancesOf", false, `{"Invocations":{}}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.InstancesOf(ctx, "t-invoke1")
		return err
	}},
	{"Ends", false, `{"Invocations":{}}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.Ends(ctx, time.Time{}, time.Now(), func(event.TaskCompleted) {})
		return err
	}},
	{"Output", false, `{"Invocation":{"InvocationResults":{"InvocationResult":[{"InstanceId":"i-test0001","InvocationStatus":"Success","Output":"aGk="}]}}}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.Output(ctx, instance, "t-invoke1")
		return err
	}},
	{"AgentStatus", false, `{"TotalCount":0}`, func(ctx context.Context, c *assistant.Client) error {
		_, err := c.AgentStatuses(ctx, []string{instance})
		return err
	}},
}
