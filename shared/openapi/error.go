package openapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// Error is an error of a service or of the connection. errors.Is finds its class,
// one of package engine's.
type Error struct {
	Call   string
	Status int    // of HTTP; 0 without an answer
	Code   string // of the service; empty if none, or none that is safe to print
	// Message is the service's, in one line; empty if it could repeat the request.
	Message string
	// RequestID identifies the call to the service's support; it may be empty.
	RequestID string
	// Cause is why there is no answer, in fixed words.
	Cause string

	class error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %v", e.Call, e.class)
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
	text += " (" + strings.Join(fields, ", ") + ")"
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the class of the error.
func (e *Error) Unwrap() error { return e.class }

// Code returns the service's code of an error; empty if it has none.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// NotSent is the error of a call that cannot be made.
func NotSent(call, why string) *Error {
	return &Error{Call: call, Cause: "not sent, " + why, class: engine.ErrInvalid}
}

// Unanswered is the error of a call without a whole answer.
func Unanswered(call string, out transport.Outcome) *Error {
	e := &Error{Call: call, Status: out.Status, Cause: out.Cause, class: engine.ErrUnavailable}
	if out.Sent {
		e.class = engine.ErrUnknownOutcome
	}
	return e
}

// classes are the classes of error codes, up to their first dot, whose status does
// not say it. Sources:
// https://www.alibabacloud.com/help/en/functioncompute/error-codes and
// https://developer.aliyun.com/ask/278265
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
	"Throttling":            engine.ErrThrottled,
	"TooManyRequests":       engine.ErrThrottled,
	"FunctionNotStarted":    engine.ErrUnavailable,
	"SignatureNonceUsed":    engine.ErrUnknownOutcome,
}

// said is what answers have in common. The code and the message have two documented
// spellings each; a code can be a number, and success a text.
type said struct {
	Success               any
	Code, ErrorCode       any
	Message, ErrorMessage string
	RequestID             string `json:"RequestId"`
}

// read reads what an answer says; a proxy may say anything.
func read(answer Answer) said {
	var s said
	_ = json.Unmarshal(answer.Body, &s) // fields of another type stay empty
	return s
}

func (s said) code() string {
	for _, code := range []any{s.Code, s.ErrorCode} {
		if code != nil {
			return fmt.Sprint(code)
		}
	}
	return ""
}

// failed reports whether an answer with a status of success tells of a failure.
// The services' words for a success are Success, OK and 200.
func (s said) failed() bool {
	if s.Success != nil {
		return fmt.Sprint(s.Success) != "true"
	}
	code := s.code()
	return code != "" && code != "Success" && code != "OK" && code != "200"
}

// Refused is the error that an answer stands for which is not the success that the
// caller of Do expects. It has no message, which could repeat what was sent.
func Refused(call string, answer Answer) *Error {
	s := read(answer)
	e := &Error{
		Call: call, Status: answer.Status, Code: transport.Printable(s.code()),
		RequestID: transport.Printable(cmp.Or(answer.Header.Get("x-fc-request-id"), answer.Header.Get("x-log-requestid"), s.RequestID)),
	}
	prefix, _, _ := strings.Cut(e.Code, ".")
	switch class, known := classes[prefix]; {
	case known:
		e.class = class
	case answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		e.class = engine.ErrDenied
	case answer.Status == http.StatusTooManyRequests:
		e.class = engine.ErrThrottled
	case answer.Status < 400 && !s.failed(), answer.Status >= 500, answer.Status == http.StatusRequestTimeout:
		e.class = engine.ErrUnknownOutcome
	default:
		e.class = engine.ErrInvalid
	}
	return e
}

// KeyRefused reports whether an error says that the access key, its signature or its
// time is wrong. That says nothing of what the key may do.
func KeyRefused(err error) bool {
	prefix, _, _ := strings.Cut(Code(err), ".")
	return classes[prefix] == engine.ErrDenied
}

// maxMessage bounds a message that is shown, in bytes.
const maxMessage = 300

// Explained adds the service's message, which names for example the action and the
// resource that are not allowed. That of a signature's error repeats the request.
func (e *Error) Explained(answer Answer) *Error {
	if e.Code == "" || strings.Contains(e.Code, "Signature") || strings.Contains(e.Code, "Token") || strings.Contains(e.Code, "AccessKey") {
		return e
	}
	s := read(answer)
	message := strings.Join(strings.Fields(cmp.Or(s.Message, s.ErrorMessage)), " ")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	e.Message = message
	return e
}
