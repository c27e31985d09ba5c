package assistant_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/assistant"
	"aftercare/shared/engine"
)

// classes are all that a call can fail with.
var classes = []error{
	engine.ErrConflict, engine.ErrUnknownOutcome, engine.ErrUnavailable, engine.ErrThrottled,
	engine.ErrQuotaExceeded, engine.ErrDenied, engine.ErrInvalid, engine.ErrInstanceDown, engine.ErrAcceptedBefore,
}

// wantClasses fails the test unless err has exactly these classes.
func wantClasses(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, class := range classes {
		expected := slices.Contains(want, class)
		if errors.Is(err, class) != expected {
			t.Errorf("error %q: is %q = %t, want %t", err, class, !expected, expected)
		}
	}
}

// refused are the answers of each class, as a status and a code.
var refused = map[error]string{
	engine.ErrThrottled:      "400 Throttling, 400 Throttling.User, 403 Throttling.Api, 503 Throttling, 429 TooManyRequests",
	engine.ErrQuotaExceeded:  "403 Invocation.ExceedQuota",
	engine.ErrAcceptedBefore: "403 IdempotentParameterMismatch",
	engine.ErrUnknownOutcome: "403 IdempotentProcessing, 400 SignatureNonceUsed, 500 InternalError.Dispatch, 400 InternalError, 503 ServiceUnavailable, 400 ServiceUnavailable, 500 SomethingNew, 502 Forbidden.RAM, 408 RequestTimeout",
	engine.ErrDenied: "403 Forbidden.RAM, 403 Forbidden, 403 Operation.Forbidden, 403 NoPermission, 403 TemporaryAccessKey.Error, 404 InvalidAccessKeyId.NotFound, " +
		"400 InvalidSecurityToken.Expired, 400 MissingSecurityToken, 400 SignatureDoesNotMatch, 400 IncompleteSignature, 400 InvalidTimeStamp.Expired, 401 Whatever",
	engine.ErrInstanceDown: "403 InvalidInstance.NotRunning, 403 IncorrectInstanceStatus",
	engine.ErrInvalid: "400 RegionId.ApiNotSupported, 400 MissingParam.InstanceId, 400 InvalidParameter.WorkingDir, 400 InvalidClientToken.Malformed, " +
		"403 InstanceIds.ExceedLimit, 403 CmdContent.ExceedLimit, 404 InvalidInstance.NotFound, 404 InvalidCmdId.NotFound, 400 SomethingNew",
}

func TestEveryErrorCodeHasItsClass(t *testing.T) {
	for class, answers := range refused {
		for _, answer := range strings.Split(answers, ", ") {
			for _, m := range methods[1:4] { // two that write, and one that reads
				t.Run(m.name+" answered "+answer, func(t *testing.T) {
					var status int
					var code string
					if _, err := fmt.Sscan(answer, &status, &code); err != nil {
						t.Fatal(err)
					}
					want, tries := class, 1
					if !m.write && (want == engine.ErrUnknownOutcome || want == engine.ErrInstanceDown) {
						want = engine.ErrUnavailable
					}
					s := serve(t, fail(status, code))
					if class == engine.ErrUnknownOutcome {
						tries += config(s).Retries
					}
					err := m.call(soon(t), client(t, config(s)))
					wantClasses(t, err, want)
					if got := len(s.seen()); got != tries {
						t.Errorf("%d tries, want %d", got, tries)
					}
					var e *assistant.Error
					if !errors.As(err, &e) || e.Status != status || e.Code != code || e.RequestID != fmt.Sprintf("REQ-%d", tries) || e.Tries != tries {
						t.Errorf("error %+v does not contain status, code, request id and tries", err)
					}
				})
			}
		}
	}
}

func half(w http.ResponseWriter, _ int, _ seen) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"InvokeId":"t-1"`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}
