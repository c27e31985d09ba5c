package alert

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"aftercare/shared/engine"
)

// transportError says in our own words why there is no answer. The original
// is dropped, not wrapped: *url.Error holds the URL with its token, errors of
// package net hold host names, and those of package http pieces of an answer,
// which may repeat the request.
func transportError(ctx context.Context, err error) error {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		op   *net.OpError
		net  net.Error
	)
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("the host's name cannot be resolved: %w", engine.ErrUnavailable)
	case errors.As(err, &cert):
		return fmt.Errorf("the host's certificate is not trusted: %w", engine.ErrUnavailable)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("no connection to the host: %w", engine.ErrUnavailable)
	case ctx.Err() != nil, errors.As(err, &net) && net.Timeout():
		return fmt.Errorf("no answer in time: %w", engine.ErrUnknownOutcome)
	}
	return fmt.Errorf("the connection failed before a complete answer: %w", engine.ErrUnknownOutcome)
}

func statusError(status int) error {
	class := engine.ErrUnavailable
	switch status {
	case http.StatusTooManyRequests:
		class = engine.ErrThrottled
	case http.StatusUnauthorized, http.StatusForbidden:
		class = engine.ErrDenied
	}
	return fmt.Errorf("answered with HTTP status %d: %w", status, class)
}

// codeIn returns the named member of a JSON object; ok is false if it is not
// a number, or if body is no JSON object.
func codeIn(body []byte, name string) (code float64, ok bool) {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return 0, false
	}
	code, ok = answer[name].(float64)
	return code, ok
}
