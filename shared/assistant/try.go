package assistant

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
)

const (
	product    = "Ecs"
	apiVersion = "2014-05-26"
	// maxAnswer bounds what is read of an answer, in bytes. The largest real
	// one is a page of 50 invocations, well under a megabyte without output.
	maxAnswer = 8 << 20
)

// outcome is what one try saw on the wire.
type outcome struct {
	// sent: the request may have left this process.
	sent bool
	// complete: a whole answer was read.
	complete bool
	status   int
	body     []byte
	cause    string // in fixed words; empty if complete
}

// errTry is all that the SDK gets to know about a try without an answer.
var errTry = errors.New("no answer")

// roundTripper is a function that carries one request.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// try has the SDK sign and send one request, with a new nonce and timestamp.
// Its answer is taken off the wire here and not from the SDK, whose errors
// are unsafe to print, and whose reading of an error answer panics if a field
// is not a string.
func (c *Client) try(ctx context.Context, stop limit, req call) (out outcome) {
	bound := c.cfg.PerTry
	if !stop.at.IsZero() {
		bound = min(bound, stop.at.Sub(c.cfg.Now()))
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()

	carry := roundTripper(func(r *http.Request) (*http.Response, error) {
		if !stop.open(c.cfg.Now()) || ctx.Err() != nil {
			out.cause = "not sent, too little time left"
			return nil, errTry
		}
		var resp *http.Response
		resp, out = exchange(ctx, c.cfg.RoundTripper, r)
		if !out.complete {
			return nil, errTry
		}
		return resp, nil
	})

	defer func() {
		if recover() != nil && out.cause == "" && !out.complete {
			out.cause = "the SDK failed"
		}
	}()
	if err := c.send(carry, req); err != nil && !out.complete && out.cause == "" {
		out.cause = "the SDK refused the request"
	}
	return out
}

// send makes an SDK client and a request for one try, and sends it.
func (c *Client) send(carry http.RoundTripper, req call) error {
	config := sdk.NewConfig().WithScheme(c.scheme).WithAutoRetry(false)
	config.Transport = carry
	// The region goes into the parameters below: given to the client, it
	// would be checked by a regular expression compiled anew for each client.
	client, err := sdk.NewClientWithOptions("", config, c.signer())
	if err != nil {
		return err
	}
	// The connections know about proxies. Set, these keep the SDK from
	// reading the environment and failing on what it finds there.
	client.SetHttpProxy("-")
	client.SetHttpsProxy("-")
	client.SetNoProxy("-")

	request := requests.NewCommonRequest()
	request.Method = requests.POST
	request.Scheme = c.scheme
	request.Domain = c.host
	request.Product = product
	request.Version = apiVersion
	request.ApiName = req.name
	request.QueryParams["RegionId"] = c.cfg.Region
	// In the body: a request line is too short for a command's content, and
	// is logged by everything on the way.
	request.FormParams = req.params
	// The SDK's own limit lies behind that of the try and never strikes.
	request.SetReadTimeout(2*c.cfg.PerTry + time.Second)
	request.SetConnectTimeout(2*c.cfg.PerTry + time.Second)
	_, err = client.ProcessCommonRequest(request)
	return err
}

// exchange sends r under ctx and reads the whole answer, so that ctx bounds
// that too and the connection is free again at once.
func exchange(ctx context.Context, next http.RoundTripper, r *http.Request) (*http.Response, outcome) {
	var asked, got atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	resp, err := next.RoundTrip(r.WithContext(traced))
	if err != nil {
		// Without a connection nothing was written. A RoundTripper that is
		// not net/http's tells by its error only.
		unsent := asked.Load() && !got.Load() || isDial(err)
		return nil, outcome{sent: !unsent, cause: cause(ctx, err, unsent)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		return nil, outcome{sent: true, status: resp.StatusCode, cause: "answer too long"}
	}
	if err != nil {
		return nil, outcome{sent: true, status: resp.StatusCode, cause: cause(ctx, err, false)}
	}
	answer := *resp
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		// A redirect must not carry the signed request anywhere else.
		answer.Header = resp.Header.Clone()
		answer.Header.Del("Location")
	}
	return &answer, outcome{sent: true, complete: true, status: resp.StatusCode, body: body}
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// cause names why there was no answer. It never repeats err, which may hold
// the URL with its signature and token.
func cause(ctx context.Context, err error, unsent bool) string {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns):
		return "name not resolved"
	case errors.As(err, &cert):
		return "certificate not accepted"
	case ctx.Err() != nil && unsent:
		return "no connection in time"
	case ctx.Err() != nil:
		return "no answer in time"
	case unsent:
		return "no connection"
	}
	return "connection lost"
}
