package ledger

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
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
	if out.Status < http.StatusMultipleChoices && !genuine(resp, out.Body) {
		return nil, &lost{sent: true, cause: "answer without its checksum"}
	}
	return resp, nil
}

// genuine reports whether an answer is whole: the service's carry the MD5 of
// their body, which the SDK does not check. A page of rows that was cut off
// would read like the last one.
func genuine(resp *http.Response, body []byte) bool {
	sum := md5.Sum(body)
	return resp.Header.Get("x-ots-contentmd5") == base64.StdEncoding.EncodeToString(sum[:])
}

// answered returns an error unless a batch's answer has all rows of the table that
// were sent, and none failed. The SDK takes fewer rows, or none, for success.
func answered(got map[string][]tablestore.RowResult, table string, n int) error {
	if len(got[table]) != n || len(got) != 1 {
		return &lost{sent: true, cause: "answer with other rows than were sent"}
	}
	var failed rowErrors
	for _, r := range got[table] {
		if !r.IsSucceed {
			failed = append(failed, r.Error)
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// kind is what a call may have done if it got no clear answer, and so whether
// it may be tried again.
type kind int

const (
	read       kind = iota // nothing
	idempotent             // something that may be done twice
	once                   // something that must not be done twice
)

// attempt tries one call of an API until its outcome is clear or the time is up. It
// tries again if the call had no effect, or may be repeated without harm.
func (l *Ledger) attempt(ctx context.Context, k kind, api, table, what string, call func() error) error {
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: the time is up: %w", what, engine.ErrUnavailable)
		}
		err := try(call)
		if err == nil {
			l.allowed(api, table, nil)
			return nil
		}
		class, again := classify(err)
		var cause error = describe(err)
		if cause == codeError("OTSObjectNotExist") {
			cause = missing(table)
		}
		if errors.Is(class, engine.ErrUnknownOutcome) {
			again = k != once
			if k == read {
				class = engine.ErrUnavailable
			}
		}
		if again {
			l.pause(ctx, n)
			if ctx.Err() == nil {
				continue
			}
		}
		if errors.Is(class, engine.ErrDenied) {
			l.allowed(api, table, class)
		}
		return fmt.Errorf("%s: %w: %w", what, cause, class)
	}
}

// allowed says that a call was allowed, or denied.
func (l *Ledger) allowed(api, table string, denied error) {
	if l.rights != nil && api != "" {
		l.rights("ots:"+api+" on "+table, denied)
	}
}

// try turns the SDK's panics on unexpected answers into errors.
func try(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("panic")
		}
	}()
	return call()
}

// rowErrors holds the errors of a batch's failed rows.
type rowErrors []tablestore.Error

func (r rowErrors) Error() string { return fmt.Sprintf("%d rows failed", len(r)) }

// classify returns the class of an error in package engine, and whether the
// call may be tried again at once. Source of the codes: the error table of
// Tablestore's API, and the codes that every official SDK retries.
func classify(err error) (class error, again bool) {
	var l *lost
	if errors.As(err, &l) {
		if l.sent {
			return engine.ErrUnknownOutcome, true
		}
		return engine.ErrUnavailable, true
	}
	var rows rowErrors
	if errors.As(err, &rows) {
		return classifyRows(rows)
	}
	var ots *tablestore.OtsError
	if errors.As(err, &ots) {
		return classifyCode(ots.Code, ots.Message, ots.HttpStatusCode)
	}
	return engine.ErrUnknownOutcome, true // the SDK could not read the answer
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
	for i, c := range []error{engine.ErrUnavailable, engine.ErrInvalid, engine.ErrDenied, engine.ErrConflict} {
		if errors.Is(class, c) {
			return i
		}
	}
	return 4
}

func classifyCode(code, message string, status int) (class error, again bool) {
	switch code {
	case "OTSConditionCheckFail":
		return engine.ErrConflict, false
	case "OTSRowOperationConflict", "OTSServerBusy", "OTSPartitionUnavailable", "OTSTableNotReady",
		"OTSNotEnoughCapacityUnit", "OTSStorageServerBusy":
		return engine.ErrUnavailable, true
	case "OTSQuotaExhausted":
		return engine.ErrUnavailable, message == "Too frequent table operations."
	case "OTSTimeout", "OTSServerUnavailable", "OTSInternalServerError":
		return engine.ErrUnknownOutcome, true
	case "OTSAuthFailed", "OTSNoPermissionAccess":
		return engine.ErrDenied, false
	}
	if status >= http.StatusInternalServerError {
		return engine.ErrUnknownOutcome, true
	}
	return engine.ErrInvalid, false
}

// codeError is the part of an error that may be shown. The SDK's own text may
// carry the URL or the string to sign.
type codeError string

func (c codeError) Error() string { return string(c) }

// missing is the error of a table or an index that does not exist.
type missing string

func (m missing) Error() string {
	if slices.ContainsFunc(indexes, func(x index) bool { return x.name == string(m) }) {
		return "the list " + string(m) + " is missing, 'aftercare tables create' makes it if Tablestore allows lists"
	}
	return "table " + string(m) + " is missing, create it with 'aftercare tables create'"
}

// IsMissing reports whether an error says that a table or a list does not exist.
func IsMissing(err error) bool { return errors.As(err, new(missing)) }

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
	return "unreadable answer"
}
