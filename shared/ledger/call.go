package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/remediation"
	"aftercare/shared/transport"
)

// maxAnswer bounds an answer: Tablestore's are 4 MB at most, plus their frame.
const maxAnswer = 8 << 20

// carrier binds the SDK's requests, which have no context, to the invocation's
// context, bounds each try, and hides transport errors from the SDK behind one
// type that it does not retry.
type carrier struct {
	ctx    context.Context
	next   http.RoundTripper
	perTry time.Duration
}

// lost is the error of a request that got no answer.
type lost struct {
	sent  bool
	cause string
}

func (l *lost) Error() string { return l.cause }

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, &lost{cause: "not sent, the time is up"}
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.perTry)
	defer cancel()
	resp, out := transport.Exchange(ctx, c.next, r, maxAnswer)
	if !out.Complete {
		return nil, &lost{sent: out.Sent, cause: out.Cause}
	}
	return resp, nil
}

// kind is what a call may have done if it got no clear answer, and so whether
// it may be tried again.
type kind int

const (
	read       kind = iota // nothing
	idempotent             // something that may be done twice
	once                   // something that must not be done twice
)

// attempt tries one call until its outcome is clear or the time is up. It tries
// again if the call had no effect, or may be repeated without harm.
func (l *Ledger) attempt(ctx context.Context, k kind, table, what string, call func() error) error {
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: the time is up: %w", what, remediation.ErrUnavailable)
		}
		err := try(call)
		if err == nil {
			return nil
		}
		class, again := classify(err)
		cause := describe(err)
		if cause == "OTSObjectNotExist" {
			cause = codeError("table " + table + " is missing, create it with 'aftercare tables create'")
		}
		if errors.Is(class, remediation.ErrUnknownOutcome) {
			again = k != once
			if k == read {
				class = remediation.ErrUnavailable
			}
		}
		if again {
			l.pause(ctx, n)
			if ctx.Err() == nil {
				continue
			}
		}
		return fmt.Errorf("%s: %w: %w", what, cause, class)
	}
}

// try turns the SDK's panics on unexpected answers into errors.
func try(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = &lost{sent: true, cause: "unreadable answer"}
		}
	}()
	return call()
}

// rowErrors holds the errors of a batch's failed rows.
type rowErrors []tablestore.Error

func (r rowErrors) Error() string { return fmt.Sprintf("%d rows failed", len(r)) }

// classify returns the class of an error in package remediation, and whether the
// call may be tried again at once. Source of the codes: the error table of
// Tablestore's API, and the codes that every official SDK retries.
func classify(err error) (class error, again bool) {
	var l *lost
	if errors.As(err, &l) {
		if l.sent {
			return remediation.ErrUnknownOutcome, true
		}
		return remediation.ErrUnavailable, true
	}
	var rows rowErrors
	if errors.As(err, &rows) {
		return classifyRows(rows)
	}
	var ots *tablestore.OtsError
	if errors.As(err, &ots) {
		return classifyCode(ots.Code, ots.Message, ots.HttpStatusCode)
	}
	return remediation.ErrInvalid, false
}

// classifyRows returns the class of the whole batch. If the outcome of one row
// is unknown, so is the batch's, which is written whole or not at all.
func classifyRows(rows rowErrors) (class error, again bool) {
	again = true
	for _, e := range rows {
		c, a := classifyCode(e.Code, e.Message, http.StatusOK)
		again = again && a
		if class == nil || weight(c) > weight(class) {
			class = c
		}
	}
	return class, again
}

func weight(class error) int {
	for i, c := range []error{remediation.ErrUnavailable, remediation.ErrInvalid, remediation.ErrDenied, remediation.ErrConflict} {
		if errors.Is(class, c) {
			return i
		}
	}
	return 4
}

func classifyCode(code, message string, status int) (class error, again bool) {
	switch code {
	case "OTSConditionCheckFail":
		return remediation.ErrConflict, false
	case "OTSRowOperationConflict", "OTSServerBusy", "OTSPartitionUnavailable", "OTSTableNotReady",
		"OTSNotEnoughCapacityUnit", "OTSStorageServerBusy":
		return remediation.ErrUnavailable, true
	case "OTSQuotaExhausted":
		return remediation.ErrUnavailable, message == "Too frequent table operations."
	case "OTSTimeout", "OTSServerUnavailable", "OTSInternalServerError":
		return remediation.ErrUnknownOutcome, true
	case "OTSAuthFailed", "OTSNoPermissionAccess":
		return remediation.ErrDenied, false
	}
	if status >= http.StatusInternalServerError {
		return remediation.ErrUnknownOutcome, true
	}
	return remediation.ErrInvalid, false
}

// codeError is the part of an error that may be shown. The SDK's own text may
// carry the URL or the string to sign.
type codeError string

func (c codeError) Error() string { return string(c) }

func describe(err error) codeError {
	var l *lost
	if errors.As(err, &l) {
		return codeError(l.cause)
	}
	var rows rowErrors
	if errors.As(err, &rows) && len(rows) > 0 {
		return codeError(rows[0].Code)
	}
	var ots *tablestore.OtsError
	if errors.As(err, &ots) {
		return codeError(ots.Code)
	}
	return "the SDK refused the request"
}
