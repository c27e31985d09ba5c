package invoke

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

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

// Error is an error of the service or of the connection. errors.Is finds its
// class, one of package engine's.
type Error struct {
	Function string
	Status   int    // of HTTP; 0 without an answer
	Code     string // of the service; empty if none, or none that is safe to print
	// RequestID identifies the call to the service's support; it may be empty.
	RequestID string
	// Cause is why there is no answer, in fixed words.
	Cause string

	class error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("invoke %s: %v", e.Function, e.class)
	var fields []string
	if e.Cause != "" {
		fields = append(fields, e.Cause)
	}
	if e.Status != 0 {
		fields = append(fields, fmt.Sprintf("status %d", e.Status))
	}
	if e.Code != "" {
		fields = append(fields, "code "+e.Code)
	}
	if e.RequestID != "" {
		fields = append(fields, "request id "+e.RequestID)
	}
	return text + " (" + strings.Join(fields, ", ") + ")"
}

// Unwrap returns the class of the error.
func (e *Error) Unwrap() error { return e.class }

// unanswered is the error of a call without a whole answer.
func unanswered(function string, out transport.Outcome) *Error {
	e := &Error{Function: function, Status: out.Status, Cause: out.Cause, class: engine.ErrUnavailable}
	if out.Sent {
		e.class = engine.ErrUnknownOutcome
	}
	return e
}

// classes are the classes of error codes, up to their first dot, whose status
// does not say it. Source:
// https://www.alibabacloud.com/help/en/functioncompute/error-codes
var classes = map[string]error{
	"SignatureNotMatch":     engine.ErrDenied,
	"SignatureDoesNotMatch": engine.ErrDenied,
	"IncompleteSignature":   engine.ErrDenied,
	"InvalidTimeStamp":      engine.ErrDenied,
	"RequestTimeExpired":    engine.ErrDenied,
	"MissingSecurityToken":  engine.ErrDenied,
	"InvalidAccessKeyID":    engine.ErrDenied,
	"InvalidAccessKeyId":    engine.ErrDenied,
	"InvalidSecurityToken":  engine.ErrDenied,
	"ResourceThrottled":     engine.ErrThrottled,
	"FunctionNotStarted":    engine.ErrUnavailable,
	"SignatureNonceUsed":    engine.ErrUnknownOutcome,
}

// refused is the error that an error answer stands for. The fields of its body
// have two documented spellings; messages are not read.
func refused(function, id string, out transport.Outcome) *Error {
	var body struct{ Code, ErrorCode string }
	_ = json.Unmarshal(out.Body, &body) // a proxy may answer with anything
	code := body.Code
	if code == "" {
		code = body.ErrorCode
	}
	e := &Error{Function: function, Status: out.Status, Code: transport.Printable(code), RequestID: id}
	prefix, _, _ := strings.Cut(e.Code, ".")
	switch class, known := classes[prefix]; {
	case known:
		e.class = class
	case out.Status == http.StatusUnauthorized, out.Status == http.StatusForbidden:
		e.class = engine.ErrDenied
	case out.Status == http.StatusTooManyRequests:
		e.class = engine.ErrThrottled
	case out.Status < 400, out.Status >= 500, out.Status == http.StatusRequestTimeout:
		e.class = engine.ErrUnknownOutcome
	default:
		e.class = engine.ErrInvalid
	}
	return e
}
