package invoke

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

const (
	apiVersion = "2023-03-30"
	// maxAnswer bounds an answer, in bytes: that of a function is at most 32 MB.
	maxAnswer = 33 << 20
)

// Config says where the functions are. Endpoint is required.
type Config struct {
	// Endpoint is a host, host:port or URL, for example
	// 123456789012.cn-hangzhou.fc.aliyuncs.com. It is reached by https, except for
	// an http URL of a loopback address.
	Endpoint string
	// RoundTripper carries the requests, preferably a transport.Pool.
	RoundTripper http.RoundTripper
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Client calls functions. It is safe for concurrent use.
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
		return nil, fmt.Errorf("set up function compute: %w", errors.Join(mistakes...))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{cfg: cfg, scheme: scheme, host: host, creds: creds}, nil
}

// nameForm is what a function's name may be.
var nameForm = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]{0,127}$`)

// Invoke calls a function with a payload of at most 32 MB, and returns its
// answer. The error is a *FunctionError if the function ran and failed, and
// otherwise an *Error.
func (c *Client) Invoke(ctx context.Context, function string, payload []byte) ([]byte, error) {
	return c.call(ctx, function, "Sync", http.StatusOK, payload)
}

// InvokeAsync has Function Compute call a function soon, with a payload of at most
// 128 KB. The error is an *Error; what becomes of the function is not known.
func (c *Client) InvokeAsync(ctx context.Context, function string, payload []byte) error {
	_, err := c.call(ctx, function, "Async", http.StatusAccepted, payload)
	return err
}

// call makes one call of a kind, which succeeds with a status.
func (c *Client) call(ctx context.Context, function, kind string, success int, payload []byte) ([]byte, error) {
	if !nameForm.MatchString(function) {
		return nil, &Error{Function: "?", Cause: "not sent, the function's name is malformed", class: engine.ErrInvalid}
	}
	at := url.URL{Scheme: c.scheme, Host: c.host, Path: "/" + apiVersion + "/functions/" + function + "/invocations"}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, &Error{Function: function, Cause: "not sent, the request is malformed", class: engine.ErrInvalid}
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("x-fc-invocation-type", kind)
	transport.Sign(r, payload, transport.Signed{
		Action: "InvokeFunction", Version: apiVersion, At: c.cfg.Now(), Nonce: rand.Text(),
	}, c.creds)
	answer, out := transport.Exchange(ctx, c.cfg.RoundTripper, r, maxAnswer)
	if !out.Complete {
		return nil, unanswered(function, out)
	}
	id := transport.Printable(answer.Header.Get("x-fc-request-id"))
	if failed := answer.Header.Get("x-fc-error-type"); failed != "" {
		return nil, &FunctionError{Function: function, Type: transport.Printable(failed), RequestID: id}
	}
	if out.Status != success {
		return nil, refused(function, id, out)
	}
	return out.Body, nil
}
