package invoke

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"aftercare/shared/openapi"
	"aftercare/shared/transport"
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
type Client struct{ api *openapi.Client }

// New returns a client, or every mistake of cfg and creds at once. It makes no
// call. Missing keys are reported as engine.ErrDenied.
func New(cfg Config, creds transport.Credentials) (*Client, error) {
	api, err := openapi.New(openapi.Config{
		Endpoint: cfg.Endpoint, Version: "2023-03-30", RoundTripper: cfg.RoundTripper, Now: cfg.Now,
	}, creds)
	if err != nil {
		return nil, fmt.Errorf("set up function compute: %w", err)
	}
	return &Client{api}, nil
}

// nameForm is what a function's name may be.
var nameForm = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]{0,127}$`)

// Invoke calls a function with a payload of at most 32 MB, and returns its
// answer. The error is a *FunctionError if the function ran and failed, and
// otherwise an *openapi.Error.
func (c *Client) Invoke(ctx context.Context, function string, payload []byte) ([]byte, error) {
	return c.call(ctx, function, "Sync", http.StatusOK, payload)
}

// InvokeAsync has Function Compute call a function soon, with a payload of at most
// 128 KB. The error is an *openapi.Error; what becomes of the function is not known.
func (c *Client) InvokeAsync(ctx context.Context, function string, payload []byte) error {
	_, err := c.call(ctx, function, "Async", http.StatusAccepted, payload)
	return err
}

// call makes one call of a kind, which succeeds with a status.
func (c *Client) call(ctx context.Context, function, kind string, success int, payload []byte) ([]byte, error) {
	if !nameForm.MatchString(function) {
		return nil, openapi.NotSent("invoke ?", "the function's name is malformed")
	}
	name := "invoke " + function
	answer, err := c.api.Do(ctx, openapi.Request{
		Call: name, Action: "InvokeFunction", Path: "/2023-03-30/functions/" + function + "/invocations",
		Header: http.Header{"X-Fc-Invocation-Type": {kind}}, Type: "application/octet-stream", Body: payload,
	})
	if err != nil {
		return nil, err
	}
	if failed := answer.Header.Get("x-fc-error-type"); failed != "" {
		id := transport.Printable(answer.Header.Get("x-fc-request-id"))
		return nil, &FunctionError{Function: function, Type: transport.Printable(failed), RequestID: id}
	}
	if answer.Status != success {
		return nil, openapi.Refused(name, answer)
	}
	return answer.Body, nil
}

// FunctionError says that a function was invoked and failed: it returned an
// error, crashed, or ran out of time or memory. What it did until then is done.
type FunctionError struct {
	Function string
	Type     string // as Function Compute has it, for example FunctionTimeoutError
	// RequestID finds the invocation in the function's log.
	RequestID string
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("the function %s failed (%s, request id %s)", e.Function, e.Type, e.RequestID)
}
