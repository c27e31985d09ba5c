package assistant

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/shared/transport"
)

const (
	product    = "Ecs"
	apiVersion = "2014-05-26"
	// maxAnswer bounds an answer, in bytes. The largest real one is a page of 50
	// results with outputs, under 2 MB.
	maxAnswer = 8 << 20
)

// errTry is what the SDK gets for a try without an answer, and errSDK stands for
// a panic in the SDK.
var (
	errTry = errors.New("no answer")
	errSDK = errors.New("panic")
)

// roundTripper is a function that carries one request.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// try has the SDK sign and send one request, with a new nonce and timestamp. It
// takes the answer off the wire and not from the SDK, whose errors are unsafe to
// print, and which panics if a field of an error answer is not a string.
func (c *Client) try(ctx context.Context, stop limit, req call) (out transport.Outcome) {
	bound := c.cfg.PerTry
	if !stop.at.IsZero() {
		bound = min(bound, stop.at.Sub(c.cfg.Now()))
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()

	carry := roundTripper(func(r *http.Request) (*http.Response, error) {
		if !stop.open(c.cfg.Now()) || ctx.Err() != nil {
			out.Cause = "not sent, too little time left"
			return nil, errTry
		}
		out.Sent = true // in case the exchange panics
		var resp *http.Response
		resp, out = transport.Exchange(ctx, c.cfg.RoundTripper, r, maxAnswer)
		if !out.Complete {
			return nil, errTry
		}
		return resp, nil
	})

	// For each nonce the SDK prints the whole stack of its goroutine. In a
	// goroutine of its own the stack is short and that is cheap.
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if recover() != nil {
				ended <- errSDK
			}
		}()
		ended <- c.send(carry, req)
	}()
	switch err := <-ended; {
	case err == nil || out.Complete || out.Cause != "":
	case errors.Is(err, errSDK):
		out.Cause = "the SDK failed"
	default:
		out.Cause = "the SDK refused the request"
	}
	return out
}

// send makes an SDK client and a request for one try, and sends it.
func (c *Client) send(carry http.RoundTripper, req call) error {
	config := sdk.NewConfig().WithScheme(c.scheme).WithAutoRetry(false)
	config.Transport = carry
	// The region goes into the parameters below: the client would check it with
	// a regular expression that it compiles anew each time.
	client, err := sdk.NewClientWithOptions("", config, c.signer())
	if err != nil {
		return err
	}
	// The connections know about proxies. With these set, the SDK does not read
	// the environment, where wrong values would make it fail.
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
	// proxies log it.
	request.FormParams = req.params
	// The SDK's own limit is longer than that of the try and never applies.
	request.SetReadTimeout(2*c.cfg.PerTry + time.Second)
	request.SetConnectTimeout(2*c.cfg.PerTry + time.Second)
	_, err = client.ProcessCommonRequest(request)
	return err
}
