package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// Outcome is what one exchange saw on the wire.
type Outcome struct {
	// Sent: the request may have left this process.
	Sent bool
	// Complete: a whole answer was read. Status and Body are set.
	Complete bool
	Status   int
	Body     []byte
	// Cause is why there is no answer, in fixed words; empty if there is one.
	Cause string
}

// TooLong is the Cause of an answer of more than max bytes.
const TooLong = "answer too long"

// Exchange sends r by next under ctx and reads the whole answer, at most max
// bytes, so that ctx bounds that too and the connection is free again at
// once. The response is nil unless the outcome is complete. A redirect loses
// its Location, so that nobody carries a signed request elsewhere.
func Exchange(ctx context.Context, next http.RoundTripper, r *http.Request, max int64) (*http.Response, Outcome) {
	if ctx.Err() != nil {
		return nil, Outcome{Cause: "no connection in time"}
	}
	var asked, got atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	resp, err := next.RoundTrip(r.WithContext(traced))
	if err != nil {
		// Without a connection nothing was written. A RoundTripper outside
		// net/http traces nothing: only its error shows that.
		unsent := asked.Load() && !got.Load() || isDial(err)
		return nil, Outcome{Sent: !unsent, Cause: cause(ctx, err, unsent)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	if err == nil && int64(len(body)) > max {
		return nil, Outcome{Sent: true, Status: resp.StatusCode, Cause: TooLong}
	}
	if err != nil {
		return nil, Outcome{Sent: true, Status: resp.StatusCode, Cause: cause(ctx, err, false)}
	}
	answer := *resp
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		answer.Header = resp.Header.Clone()
		answer.Header.Del("Location")
	}
	return &answer, Outcome{Sent: true, Complete: true, Status: resp.StatusCode, Body: body}
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

// plain are the characters of error codes and request ids.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

// Printable returns s if it looks like an error code or a request id, otherwise
// nothing: a proxy in between could answer with anything.
func Printable(s string) string {
	if len(s) > 80 || strings.Trim(s, plain) != "" {
		return ""
	}
	return s
}
