package assistant

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"aftercare/shared/engine"
)

// verdict is the result of one try: the class of its error, nil for success, and
// whether another try with the same token is worthwhile.
type verdict struct {
	class error
	again bool
}

// rule maps an error code of the service to a verdict. A pattern that ends
// with * matches every code that begins so.
type rule struct {
	code string
	verdict
}

// throttling rules hold for every HTTP status, because the status of a throttled
// command is documented nowhere.
var throttling = []rule{
	{"Throttling*", verdict{class: engine.ErrThrottled}},
}

// refusals rules hold for the statuses 400 to 499. A code that is not listed is
// ErrInvalid. ErrUnknownOutcome means "may have taken effect"; for a read it
// becomes ErrUnavailable.
var refusals = []rule{
	{"Invocation.ExceedQuota", verdict{class: engine.ErrQuotaExceeded}},
	{"IdempotentParameterMismatch", verdict{class: engine.ErrAcceptedBefore}},
	// The service still works on an earlier request with this token.
	{"IdempotentProcessing", verdict{class: engine.ErrUnknownOutcome, again: true}},
	// Every try has a new nonce, so the service saw this very request twice, and
	// may have accepted it the first time.
	{"SignatureNonceUsed", verdict{class: engine.ErrUnknownOutcome, again: true}},
	{"InternalError*", verdict{class: engine.ErrUnknownOutcome, again: true}},
	{"ServiceUnavailable*", verdict{class: engine.ErrUnknownOutcome, again: true}},

	{"Forbidden*", verdict{class: engine.ErrDenied}},
	{"Operation.Forbidden", verdict{class: engine.ErrDenied}},
	{"NoPermission*", verdict{class: engine.ErrDenied}},
	{"InvalidAccessKeyId*", verdict{class: engine.ErrDenied}},
	{"InvalidSecurityToken*", verdict{class: engine.ErrDenied}},
	{"MissingSecurityToken*", verdict{class: engine.ErrDenied}},
	{"TemporaryAccessKey.Error", verdict{class: engine.ErrDenied}},
	{"SignatureDoesNotMatch*", verdict{class: engine.ErrDenied}},
	{"IncompleteSignature*", verdict{class: engine.ErrDenied}},
	{"InvalidTimeStamp*", verdict{class: engine.ErrDenied}},

	// The service may also accept a command for an instance that is down, and
	// end its invocation: that is not documented. The request itself is not wrong.
	{"InvalidInstance.NotRunning", verdict{class: engine.ErrInstanceDown}},
	{"IncorrectInstanceStatus*", verdict{class: engine.ErrInstanceDown}},
}

func lookUp(rules []rule, code string) (verdict, bool) {
	for _, r := range rules {
		prefix, open := strings.CutSuffix(r.code, "*")
		if r.code == code || open && strings.HasPrefix(code, prefix) {
			return r.verdict, true
		}
	}
	return verdict{}, false
}

// classify judges an error answer by its status, and by its code if the status
// is not enough.
func classify(status int, code string) verdict {
	if v, ok := lookUp(throttling, code); ok {
		return v
	}
	switch {
	case status == http.StatusTooManyRequests:
		return verdict{class: engine.ErrThrottled}
	case status < 400, status >= 500, status == http.StatusRequestTimeout:
		return verdict{class: engine.ErrUnknownOutcome, again: true}
	}
	if v, ok := lookUp(refusals, code); ok {
		return v
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && code == "":
		return verdict{class: engine.ErrDenied}
	case code == "":
		// The answer comes from something in front of the service.
		return verdict{class: engine.ErrUnavailable}
	}
	return verdict{class: engine.ErrInvalid}
}

// forRead returns the verdict for a call that changes nothing.
func (v verdict) forRead() verdict {
	if errors.Is(v.class, engine.ErrUnknownOutcome) || errors.Is(v.class, engine.ErrInstanceDown) {
		v.class = engine.ErrUnavailable
	}
	return v
}

// Error is the error of a call. errors.Is finds the classes of package
// engine in it. Its text contains only the fields.
type Error struct {
	Call string // the API's name, for example RunCommand
	// Status is the HTTP status of the last try, and 0 if it got no answer.
	Status int
	// Code is the service's error code of the last try; empty if there was none,
	// or none that is safe to print.
	Code string
	// RequestID identifies the last try to the service's support; it may be
	// empty.
	RequestID string
	// Cause is why the last try got no usable answer, in fixed words.
	Cause string
	// Tries is how many requests were attempted.
	Tries int

	classes []error
}

// Error returns the classes and the fields in one line.
func (e *Error) Error() string {
	var classes, fields []string
	for _, class := range e.classes {
		classes = append(classes, class.Error())
	}
	field := func(there bool, format string, value any) {
		if there {
			fields = append(fields, fmt.Sprintf(format, value))
		}
	}
	field(e.Cause != "", "%s", e.Cause)
	field(e.Status != 0, "status %d", e.Status)
	field(e.Code != "", "code %s", e.Code)
	field(e.RequestID != "", "request id %s", e.RequestID)
	field(true, "tries %d", e.Tries)
	return e.Call + ": " + strings.Join(classes, ", ") + " (" + strings.Join(fields, ", ") + ")"
}

// Unwrap returns the classes of the error; ErrUnknownOutcome comes first.
func (e *Error) Unwrap() []error { return e.classes }

// serviceError holds the fields that are read from an error answer. Messages are
// not read: some repeat the string to sign.
type serviceError struct {
	Code      text
	RequestID text `json:"RequestId"`
}

func readError(body []byte) serviceError {
	var f serviceError
	if json.Unmarshal(body, &f) != nil {
		return serviceError{}
	}
	return f
}
