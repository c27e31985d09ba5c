package ledger_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
)

// carrier is a function that carries one request.
type carrier func(*http.Request) (*http.Response, error)

func (f carrier) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through returns a ledger whose requests c carries.
func through(t *testing.T, endpoint string, c carrier) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: endpoint, Instance: "ledger", Transport: c, PerTry: time.Minute, Pause: transport.Backoff{}.Pause,
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answered is an answer of Tablestore's.
func answered(t *testing.T, status int, message proto.Message) *http.Response {
	t.Helper()
	body, err := proto.Marshal(message)
	if err != nil {
		t.Error(err)
	}
	sum := md5.Sum(body)
	header := http.Header{}
	header.Set("x-ots-contentmd5", base64.StdEncoding.EncodeToString(sum[:]))
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body))}
}

// judged is the answer to a batch whose rows have these error codes, the last of
// them all other rows; ok is no error.
func judged(t *testing.T, batch *http.Request, codes ...string) *http.Response {
	t.Helper()
	body, err := io.ReadAll(batch.Body)
	if err != nil {
		t.Error(err)
	}
	var request otsprotocol.BatchWriteRowRequest
	if err := proto.Unmarshal(body, &request); err != nil || len(request.Tables) != 1 || len(request.Tables[0].Rows) < len(codes) {
		t.Fatalf("a batch of %d tables, %v, want one with at least %d rows", len(request.Tables), err, len(codes))
	}
	table := &otsprotocol.TableInBatchWriteRowResponse{TableName: request.Tables[0].TableName}
	for i := range request.Tables[0].Rows {
		code := codes[min(i, len(codes)-1)]
		row := &otsprotocol.RowInBatchWriteRowResponse{IsOk: proto.Bool(code == "ok")}
		if code == "ok" {
			row.Consumed = &otsprotocol.ConsumedCapacity{CapacityUnit: &otsprotocol.CapacityUnit{Read: proto.Int32(0), Write: proto.Int32(1)}}
		} else {
			row.Error = &otsprotocol.Error{Code: proto.String(code), Message: proto.String("m")}
		}
		table.Rows = append(table.Rows, row)
	}
	return answered(t, 200, &otsprotocol.BatchWriteRowResponse{Tables: []*otsprotocol.TableInBatchWriteRowResponse{table}})
}

// TestTheRowsOfABatchHaveOneOutcome: an atomic batch is written whole or not at
// all, so what is known of one row is known of all.
func TestTheRowsOfABatchHaveOneOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		codes []string
		want  error // nil if the batch is sent again
	}{
		"a failed condition":                       {[]string{"OTSConditionCheckFail", "OTSConditionCheckFail"}, engine.ErrConflict},
		"a failed condition, then an unknown row":  {[]string{"OTSConditionCheckFail", "OTSTimeout"}, engine.ErrUnknownOutcome},
		"an unknown row, then a failed condition":  {[]string{"OTSInternalServerError", "OTSConditionCheckFail"}, engine.ErrUnknownOutcome},
		"a row that is contended":                  {[]string{"OTSRowOperationConflict", "OTSRowOperationConflict"}, nil},
		"a partition that moves":                   {[]string{"OTSPartitionUnavailable", "OTSServerBusy"}, nil},
		"a busy server, then a failed condition":   {[]string{"OTSServerBusy", "OTSConditionCheckFail"}, engine.ErrConflict},
		"a failed condition, then a busy server":   {[]string{"OTSConditionCheckFail", "OTSServerBusy"}, engine.ErrConflict},
		"a row that is wrong beside a busy server": {[]string{"OTSParameterInvalid", "OTSServerBusy"}, engine.ErrInvalid},
		"one row of two that failed":               {[]string{"ok", "OTSConditionCheckFail"}, engine.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			l := through(t, "https://ots.test", func(r *http.Request) (*http.Response, error) {
				if sent++; sent > 1 {
					return judged(t, r, "ok"), nil
				}
				return judged(t, r, c.codes...), nil
			})
			err := l.Commit(t.Context(), creation("c1", full()))
			wantSent := 1
			if c.want == nil {
				wantSent = 2
			}
			if !errors.Is(err, c.want) || sent != wantSent {
				t.Errorf("a commit = %v after %d calls, want %v after %d", err, sent, c.want, wantSent)
			}
			for _, other := range []error{engine.ErrConflict, engine.ErrUnknownOutcome, engine.ErrInvalid} {
				if other != c.want && errors.Is(err, other) {
					t.Errorf("%v is also %v", err, other)
				}
			}
		})
	}
}

func TestAnErrorThatIsNotListedIsJudgedByItsStatus(t *testing.T) {
	for status, want := range map[int]error{
		400: engine.ErrInvalid, 499: engine.ErrInvalid, 500: engine.ErrUnknownOutcome, 503: engine.ErrUnknownOutcome,
	} {
		l := through(t, "https://ots.test", func(*http.Request) (*http.Response, error) {
			return answered(t, status, &otsprotocol.Error{Code: proto.String("OTSNewThing"), Message: proto.String("m")}), nil
		})
		if err := l.Commit(t.Context(), creation("c1", decide.NewState(instanceID))); !errors.Is(err, want) {
			t.Errorf("an answer with status %d = %v, want %v", status, err, want)
		}
	}
}

// TestEveryConditionNeedsItsColumn: a row without the column would pass any
// condition on it. Only the guard of an instance's first commit wants that.
func TestEveryConditionNeedsItsColumn(t *testing.T) {
	_, server, _ := open(t)
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	var mu sync.Mutex
	conditions := map[string]int{} // by call
	l := through(t, server.Endpoint(), func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		call := path.Base(r.URL.Path)
		mu.Lock()
		for _, f := range filters(t, call, body) {
			conditions[call]++
			if first := call == "BatchWriteRow" && conditions[call] == 1; first == f.GetFilterIfMissing() || !f.GetLatestVersionOnly() {
				t.Errorf("condition of %s on column %s: a row without it, or an older version, is judged wrongly", call, f.GetColumnName())
			}
		}
		mu.Unlock()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		return pool.RoundTrip(r)
	})
	first, second := creation("c1", full()), creation("c2", full())
	second.Changes.Instance.Rev = start.UnixMilli()
	for _, c := range []engine.Commit{first, second} {
		if err := l.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	mustOpen(t, l, breakerOf("e1", 0))
	mustOpen(t, l, breakerOf("e2", 10)) // in place of the first
	if _, err := l.CloseBreaker(t.Context(), breakerOf("e2", 10).Flow, "e2"); err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"BatchWriteRow", "PutRow", "DeleteRow"} {
		if conditions[call] == 0 {
			t.Errorf("no %s had a condition on a column", call)
		}
	}
}

// filters returns the conditions on columns in the body of a call.
func filters(t *testing.T, call string, body []byte) []otsprotocol.SingleColumnValueFilter {
	t.Helper()
	read := func(data []byte, into proto.Message) {
		if err := proto.Unmarshal(data, into); err != nil {
			t.Error(err)
		}
	}
	var conditions []*otsprotocol.Condition
	switch call {
	case "BatchWriteRow":
		var request otsprotocol.BatchWriteRowRequest
		read(body, &request)
		for _, table := range request.Tables {
			for _, row := range table.Rows {
				conditions = append(conditions, row.Condition)
			}
		}
	case "PutRow":
		var request otsprotocol.PutRowRequest
		read(body, &request)
		conditions = append(conditions, request.Condition)
	case "DeleteRow":
		var request otsprotocol.DeleteRowRequest
		read(body, &request)
		conditions = append(conditions, request.Condition)
	}
	var found []otsprotocol.SingleColumnValueFilter
	for _, c := range conditions {
		if len(c.GetColumnCondition()) == 0 {
			continue
		}
		var outer otsprotocol.Filter
		var inner otsprotocol.SingleColumnValueFilter
		read(c.ColumnCondition, &outer)
		read(outer.Filter, &inner)
		found = append(found, inner)
	}
	return found
}
