package assistant_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"aftercare/shared/assistant"
	"aftercare/shared/remediation"
)

// classes are all that a call can fail with.
var classes = []error{
	remediation.ErrConflict, remediation.ErrUnknownOutcome, remediation.ErrUnavailable, remediation.ErrThrottled,
	remediation.ErrQuotaExceeded, remediation.ErrDenied, remediation.ErrInvalid, remediation.ErrAcceptedBefore,
}

// wantClasses fails the test unless err has exactly these classes.
func wantClasses(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, class := range classes {
		expected := false
		for _, w := range want {
			expected = expected || w == class
		}
		if errors.Is(err, class) != expected {
			t.Errorf("error %q: is %q = %t, want %t", err, class, !expected, expected)
		}
	}
}

func TestEveryErrorCodeHasItsClass(t *testing.T) {
	const retried = true
	for _, c := range []struct {
		status int
		code   string
		write  error
		again  bool
	}{
		{400, "Throttling", remediation.ErrThrottled, false},
		{400, "Throttling.User", remediation.ErrThrottled, false},
		{403, "Throttling.Api", remediation.ErrThrottled, false},
		{503, "Throttling", remediation.ErrThrottled, false},
		{429, "TooManyRequests", remediation.ErrThrottled, false},
		{403, "Invocation.ExceedQuota", remediation.ErrQuotaExceeded, false},
		{403, "IdempotentParameterMismatch", remediation.ErrAcceptedBefore, false},
		{403, "IdempotentProcessing", remediation.ErrUnknownOutcome, retried},
		{400, "SignatureNonceUsed", remediation.ErrUnknownOutcome, retried},
		{500, "InternalError.Dispatch", remediation.ErrUnknownOutcome, retried},
		{500, "InternalError", remediation.ErrUnknownOutcome, retried},
		{503, "ServiceUnavailable", remediation.ErrUnknownOutcome, retried},
		{502, "Forbidden.RAM", remediation.ErrUnknownOutcome, retried},
		{408, "RequestTimeout", remediation.ErrUnknownOutcome, retried},
		{403, "Forbidden.RAM", remediation.ErrDenied, false},
		{403, "Forbidden", remediation.ErrDenied, false},
		{403, "Operation.Forbidden", remediation.ErrDenied, false},
		{403, "TemporaryAccessKey.Error", remediation.ErrDenied, false},
		{404, "InvalidAccessKeyId.NotFound", remediation.ErrDenied, false},
		{400, "InvalidAccessKeyId.Inactive", remediation.ErrDenied, false},
		{400, "InvalidSecurityToken.Expired", remediation.ErrDenied, false},
		{400, "InvalidSecurityToken.Malformed", remediation.ErrDenied, false},
		{400, "SignatureDoesNotMatch", remediation.ErrDenied, false},
		{400, "IncompleteSignature", remediation.ErrDenied, false},
		{400, "InvalidTimeStamp.Expired", remediation.ErrDenied, false},
		{401, "Whatever", remediation.ErrDenied, false},
		{403, "InvalidInstance.NotRunning", remediation.ErrUnavailable, false},
		{403, "IncorrectInstanceStatus", remediation.ErrUnavailable, false},
		{400, "RegionId.ApiNotSupported", remediation.ErrInvalid, false},
		{400, "MissingParam.InstanceId", remediation.ErrInvalid, false},
		{400, "InvalidInstance.NotMatch", remediation.ErrInvalid, false},
		{400, "InvalidParameter.WorkingDir", remediation.ErrInvalid, false},
		{400, "InvalidParameter.Parameters", remediation.ErrInvalid, false},
		{400, "Parameter.MissingValue", remediation.ErrInvalid, false},
		{400, "Parameter.Disabled", remediation.ErrInvalid, false},
		{400, "InvalidClientToken.Malformed", remediation.ErrInvalid, false},
		{403, "InstanceIds.ExceedLimit", remediation.ErrInvalid, false},
		{403, "ParameterCount.ExceedLimit", remediation.ErrInvalid, false},
		{403, "ParameterKey.Duplicate", remediation.ErrInvalid, false},
		{403, "Parameter.NotMatched", remediation.ErrInvalid, false},
		{403, "CmdContent.ExceedLimit", remediation.ErrInvalid, false},
		{403, "Username.ExceedLimit", remediation.ErrInvalid, false},
		{403, "InvalidParameterCharset.Parameters", remediation.ErrInvalid, false},
		{404, "InvalidInstance.NotFound", remediation.ErrInvalid, false},
		{404, "InvalidCmdId.NotFound", remediation.ErrInvalid, false},
		{404, "InvalidRepeatMode.NotFound", remediation.ErrInvalid, false},
		{404, "InvalidRegionId.NotFound", remediation.ErrInvalid, false},
		{400, "SomethingNew", remediation.ErrInvalid, false},
	} {
		for _, m := range methods {
			t.Run(fmt.Sprintf("%s answered %d %s", m.name, c.status, c.code), func(t *testing.T) {
				s := serve(t, fail(c.status, c.code))
				err := m.call(soon(t), client(t, config(s)))
				want := c.write
				if want == remediation.ErrUnknownOutcome && !m.write {
					want = remediation.ErrUnavailable
				}
				wantClasses(t, err, want)
				tries := 1
				if c.again {
					tries += config(s).Retries
				}
				if got := len(s.seen()); got != tries {
					t.Errorf("%d tries, want %d", got, tries)
				}
				var e *assistant.Error
				if !errors.As(err, &e) {
					t.Fatalf("%T is no *assistant.Error", err)
				}
				if e.Status != c.status || e.Code != c.code || e.RequestID != fmt.Sprintf("REQ-%d", tries) || e.Tries != tries {
					t.Errorf("error %+v does not tell status, code, request id and tries", e)
				}
			})
		}
	}
}

func raw(status int, body string) reply {
	return func(w http.ResponseWriter, _ int, _ seen) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestAnAnswerThatIsNotTheServicesIsJudgedByItsStatus(t *testing.T) {
	for name, c := range map[string]struct {
		reply reply
		want  error
	}{
		"a gateway's page for 502":            {raw(502, "<html>bad gateway</html>"), remediation.ErrUnknownOutcome},
		"an empty 503":                        {raw(503, ""), remediation.ErrUnknownOutcome},
		"a page for 403":                      {raw(403, "<html>blocked</html>"), remediation.ErrDenied},
		"a page for 404":                      {raw(404, "<html>nothing here</html>"), remediation.ErrUnavailable},
		"a code that is a number":             {raw(400, `{"Code":400,"Message":"x","RequestId":"R"}`), remediation.ErrInvalid},
		"a code that is an object":            {raw(500, `{"Code":{},"Message":"x","RequestId":"R"}`), remediation.ErrUnknownOutcome},
		"a message that is a number":          {raw(400, `{"Code":"Throttling","Message":7}`), remediation.ErrThrottled},
		"a request id that is a number":       {raw(403, `{"Code":"Forbidden.RAM","RequestId":7}`), remediation.ErrDenied},
		"details of a refusal that are text":  {raw(403, `{"Code":"NoPermission","AccessDeniedDetail":"x"}`), remediation.ErrDenied},
		"success that is no JSON":             {raw(200, "<html>welcome</html>"), remediation.ErrUnknownOutcome},
		"success without an invoke id":        {raw(200, `{"RequestId":"R"}`), remediation.ErrUnknownOutcome},
		"success with an empty body":          {raw(200, ""), remediation.ErrUnknownOutcome},
		"a redirect without a location":       {raw(307, ""), remediation.ErrUnknownOutcome},
		"an answer that never seems to end":   {raw(200, `{"InvokeId":"t-1"}`+strings.Repeat(" ", 9<<20)), remediation.ErrUnknownOutcome},
		"an answer that breaks off half-way":  {half, remediation.ErrUnknownOutcome},
		"a connection that breaks after send": {cut, remediation.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.reply)
			_, err := client(t, config(s)).Send(soon(t), runSend())
			wantClasses(t, err, c.want)
		})
	}
}

func half(w http.ResponseWriter, _ int, _ seen) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"InvokeId":"t-1"`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestARedirectCarriesTheSignedRequestNowhere(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			elsewhere := serve(t, accepted)
			s := serve(t, func(w http.ResponseWriter, _ int, _ seen) {
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(status)
			})
			_, err := client(t, config(s)).Send(soon(t), runSend())
			wantClasses(t, err, remediation.ErrUnknownOutcome)
			if elsewhere.dials() != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}
