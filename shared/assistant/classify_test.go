package assistant_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
)

// classes are all that a call can fail with.
var classes = []error{
	engine.ErrConflict, engine.ErrUnknownOutcome, engine.ErrUnavailable, engine.ErrThrottled,
	engine.ErrQuotaExceeded, engine.ErrDenied, engine.ErrInvalid, engine.ErrAcceptedBefore,
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
		{400, "Throttling", engine.ErrThrottled, false},
		{400, "Throttling.User", engine.ErrThrottled, false},
		{403, "Throttling.Api", engine.ErrThrottled, false},
		{503, "Throttling", engine.ErrThrottled, false},
		{429, "TooManyRequests", engine.ErrThrottled, false},
		{403, "Invocation.ExceedQuota", engine.ErrQuotaExceeded, false},
		{403, "IdempotentParameterMismatch", engine.ErrAcceptedBefore, false},
		{403, "IdempotentProcessing", engine.ErrUnknownOutcome, retried},
		{400, "SignatureNonceUsed", engine.ErrUnknownOutcome, retried},
		{500, "InternalError.Dispatch", engine.ErrUnknownOutcome, retried},
		{500, "InternalError", engine.ErrUnknownOutcome, retried},
		{503, "ServiceUnavailable", engine.ErrUnknownOutcome, retried},
		{502, "Forbidden.RAM", engine.ErrUnknownOutcome, retried},
		{408, "RequestTimeout", engine.ErrUnknownOutcome, retried},
		{403, "Forbidden.RAM", engine.ErrDenied, false},
		{403, "Forbidden", engine.ErrDenied, false},
		{403, "Operation.Forbidden", engine.ErrDenied, false},
		{403, "TemporaryAccessKey.Error", engine.ErrDenied, false},
		{404, "InvalidAccessKeyId.NotFound", engine.ErrDenied, false},
		{400, "InvalidAccessKeyId.Inactive", engine.ErrDenied, false},
		{400, "InvalidSecurityToken.Expired", engine.ErrDenied, false},
		{400, "InvalidSecurityToken.Malformed", engine.ErrDenied, false},
		{400, "SignatureDoesNotMatch", engine.ErrDenied, false},
		{400, "IncompleteSignature", engine.ErrDenied, false},
		{400, "InvalidTimeStamp.Expired", engine.ErrDenied, false},
		{401, "Whatever", engine.ErrDenied, false},
		{403, "InvalidInstance.NotRunning", engine.ErrInstanceDown, false},
		{403, "IncorrectInstanceStatus", engine.ErrInstanceDown, false},
		{400, "RegionId.ApiNotSupported", engine.ErrInvalid, false},
		{400, "MissingParam.InstanceId", engine.ErrInvalid, false},
		{400, "InvalidInstance.NotMatch", engine.ErrInvalid, false},
		{400, "InvalidParameter.WorkingDir", engine.ErrInvalid, false},
		{400, "InvalidParameter.Parameters", engine.ErrInvalid, false},
		{400, "Parameter.MissingValue", engine.ErrInvalid, false},
		{400, "Parameter.Disabled", engine.ErrInvalid, false},
		{400, "InvalidClientToken.Malformed", engine.ErrInvalid, false},
		{403, "InstanceIds.ExceedLimit", engine.ErrInvalid, false},
		{403, "ParameterCount.ExceedLimit", engine.ErrInvalid, false},
		{403, "ParameterKey.Duplicate", engine.ErrInvalid, false},
		{403, "Parameter.NotMatched", engine.ErrInvalid, false},
		{403, "CmdContent.ExceedLimit", engine.ErrInvalid, false},
		{403, "Username.ExceedLimit", engine.ErrInvalid, false},
		{403, "InvalidParameterCharset.Parameters", engine.ErrInvalid, false},
		{404, "InvalidInstance.NotFound", engine.ErrInvalid, false},
		{404, "InvalidCmdId.NotFound", engine.ErrInvalid, false},
		{404, "InvalidRepeatMode.NotFound", engine.ErrInvalid, false},
		{404, "InvalidRegionId.NotFound", engine.ErrInvalid, false},
		{400, "SomethingNew", engine.ErrInvalid, false},
	} {
		for _, m := range methods {
			t.Run(fmt.Sprintf("%s answered %d %s", m.name, c.status, c.code), func(t *testing.T) {
				s := serve(t, fail(c.status, c.code))
				err := m.call(soon(t), client(t, config(s)))
				want := c.write
				if (want == engine.ErrUnknownOutcome || want == engine.ErrInstanceDown) && !m.write {
					want = engine.ErrUnavailable
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
		"a gateway's page for 502":            {raw(502, "<html>bad gateway</html>"), engine.ErrUnknownOutcome},
		"an empty 503":                        {raw(503, ""), engine.ErrUnknownOutcome},
		"a page for 403":                      {raw(403, "<html>blocked</html>"), engine.ErrDenied},
		"a page for 404":                      {raw(404, "<html>nothing here</html>"), engine.ErrUnavailable},
		"a code that is a number":             {raw(400, `{"Code":400,"Message":"x","RequestId":"R"}`), engine.ErrInvalid},
		"a code that is an object":            {raw(500, `{"Code":{},"Message":"x","RequestId":"R"}`), engine.ErrUnknownOutcome},
		"a message that is a number":          {raw(400, `{"Code":"Throttling","Message":7}`), engine.ErrThrottled},
		"a request id that is a number":       {raw(403, `{"Code":"Forbidden.RAM","RequestId":7}`), engine.ErrDenied},
		"details of a refusal that are text":  {raw(403, `{"Code":"NoPermission","AccessDeniedDetail":"x"}`), engine.ErrDenied},
		"success that is no JSON":             {raw(200, "<html>welcome</html>"), engine.ErrUnknownOutcome},
		"success without an invoke id":        {raw(200, `{"RequestId":"R"}`), engine.ErrUnknownOutcome},
		"success with an empty body":          {raw(200, ""), engine.ErrUnknownOutcome},
		"a redirect without a location":       {raw(307, ""), engine.ErrUnknownOutcome},
		"an answer that never seems to end":   {raw(200, `{"InvokeId":"t-1"}`+strings.Repeat(" ", 9<<20)), engine.ErrUnknownOutcome},
		"an answer that breaks off half-way":  {half, engine.ErrUnknownOutcome},
		"a connection that breaks after send": {cut, engine.ErrUnknownOutcome},
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
			wantClasses(t, err, engine.ErrUnknownOutcome)
			if elsewhere.dials() != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}
