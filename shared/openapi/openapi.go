// Package openapi makes calls of the vendor's API gateway, signed with
// ACS3-HMAC-SHA256: in RPC style (an action with parameters) and in ROA style (a
// method and a path with JSON). It knows no service.
//
// Do makes one try. RPC and ROA try again after a refusal that may pass and after
// an unknown outcome, so what they change must come to the same if it is done
// twice.
package openapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

const (
	// maxAnswer bounds an answer, in bytes: that of a function is at most 32 MB.
	maxAnswer = 33 << 20
	// tries is how often RPC and ROA try a call.
	tries = 4
	// perTry bounds one try of theirs.
	perTry = 20 * time.Second
)

// Config says where a service is. Endpoint and Version are required.
type Config struct {
	// Endpoint is a host, host:port or URL, for example ram.aliyuncs.com. It is
	// reached by https, except for an http URL of a loopback address.
	Endpoint string
	// Version is that of the service's API, for example 2015-05-01.
	Version string
	// RoundTripper carries the requests, preferably a transport.Pool.
	RoundTripper http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Backoff is the wait before another try; without a First and a Most it is
	// from 200 ms to 3 s.
	Backoff transport.Backoff
}

// Client calls one service. It is safe for concurrent use.
type Client struct {
	cfg          Config
	scheme, host string
	creds        transport.Credentials
}

// New returns a client, or every mistake of cfg and creds at once. It makes no
// call. Missing keys are reported as engine.ErrDenied.
func New(cfg Config, creds transport.Credentials) (*Client, error) {
	scheme, host, err := transport.HostOrEndpoint(cfg.Endpoint)
	var mistakes []error
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("endpoint %w", err))
	}
	if !creds.IsSet() {
		mistakes = append(mistakes, fmt.Errorf("access key is missing: %w", engine.ErrDenied))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Backoff = Pauses(cfg.Backoff)
	return &Client{cfg: cfg, scheme: scheme, host: host, creds: creds}, nil
}

// Pauses returns the waits between the tries of a call; without a First and a Most
// they are from 200 ms to 3 s.
func Pauses(b transport.Backoff) transport.Backoff {
	if b.First == 0 && b.Most == 0 {
		b.First, b.Most = 200*time.Millisecond, 3*time.Second
	}
	return b
}

// Request is one call.
type Request struct {
	// Call names the call in errors; Action if empty.
	Call   string
	Action string
	Method string // POST if empty
	Path   string // unescaped; "/" if empty
	Query  url.Values
	// Header holds further headers. It may be nil.
	Header http.Header
	// Type is the content type of Body.
	Type string
	Body []byte
}

// Answer is a whole answer, of any status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request once, and returns the answer to it. An error is an *Error.
func (c *Client) Do(ctx context.Context, req Request) (Answer, error) {
	name := cmp.Or(req.Call, req.Action)
	at := url.URL{Scheme: c.scheme, Host: c.host, Path: cmp.Or(req.Path, "/"), RawQuery: req.Query.Encode()}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(req.Method, http.MethodPost), at.String(), bytes.NewReader(req.Body))
	if err != nil {
		return Answer{}, NotSent(name, "the request is malformed")
	}
	for header, values := range req.Header {
		r.Header[header] = values
	}
	if req.Type != "" {
		r.Header.Set("Content-Type", req.Type)
	}
	transport.Sign(r, req.Body, transport.Signed{Action: req.Action, Version: c.cfg.Version, At: c.cfg.Now(), Nonce: rand.Text()}, c.creds)
	answer, out := transport.Exchange(ctx, c.cfg.RoundTripper, r, maxAnswer)
	if !out.Complete {
		return Answer{}, Unanswered(name, out)
	}
	return Answer{out.Status, answer.Header, out.Body}, nil
}

// RPC calls an action, and reads the JSON of its answer into a value, unless that
// is nil. Parameters travel in the query and in a form; either may be nil. An
// error is an *Error.
func (c *Client) RPC(ctx context.Context, action string, query, form url.Values, into any) error {
	req := Request{Action: action, Query: query}
	if form != nil {
		req.Type, req.Body = "application/x-www-form-urlencoded", []byte(form.Encode())
	}
	return c.insist(ctx, req, into)
}

// ROA calls an action by its method and path, of which each part is escaped, with
// body as JSON unless it is nil, and reads the JSON of its answer as RPC does.
func (c *Client) ROA(ctx context.Context, action, method, path string, query url.Values, body, into any) error {
	req := Request{Action: action, Method: method, Path: path, Query: query}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return NotSent(action, "the request cannot be encoded")
		}
		req.Type, req.Body = "application/json", text
	}
	return c.insist(ctx, req, into)
}

// insist tries a call as Insist does.
func (c *Client) insist(ctx context.Context, req Request, into any) error {
	return Insist(ctx, c.cfg.Backoff, func(ctx context.Context) error { return c.try(ctx, req, into) })
}

// Insist tries a call until its outcome is clear, or the tries or the time are used
// up. Each try has a time limit of its own.
func Insist(ctx context.Context, pauses transport.Backoff, try func(context.Context) error) error {
	for n := 1; ; n++ {
		err := limited(ctx, try)
		passes := errors.Is(err, engine.ErrThrottled) || errors.Is(err, engine.ErrUnknownOutcome) || errors.Is(err, engine.ErrUnavailable)
		if !passes || n == tries || ctx.Err() != nil {
			return err
		}
		pauses.Pause(ctx, n)
	}
}

func limited(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	return try(ctx)
}

func (c *Client) try(ctx context.Context, req Request, into any) error {
	answer, err := c.Do(ctx, req)
	if err != nil {
		return err
	}
	if answer.Status < 200 || answer.Status > 299 || read(answer).failed() {
		return Refused(req.Action, answer).Explained(answer)
	}
	if into == nil {
		return nil
	}
	if json.Unmarshal(answer.Body, into) != nil {
		return &Error{Call: req.Action, Status: answer.Status, Cause: "the answer cannot be read", class: engine.ErrUnknownOutcome}
	}
	return nil
}
