package ledger_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/shared/engine"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// lastRowGone is a good answer to a BatchWriteRow, but for its last row.
func lastRowGone(call string, body []byte) []byte {
	r := new(otsprotocol.BatchWriteRowResponse)
	if call != "BatchWriteRow" || proto.Unmarshal(body, r) != nil {
		return nil
	}
	rows := r.Tables[0].Rows
	r.Tables[0].Rows = rows[:len(rows)-1]
	body, _ = proto.Marshal(r)
	return body
}

type carrier func(*http.Request) (*http.Response, error)

func (f carrier) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// boxed returns a ledger behind a box that replaces the first answer to a call which
// body changes. It leaves the service's headers or sends none.
func boxed(t *testing.T, endpoint, call string, bare bool, body func([]byte) []byte) *ledger.Ledger {
	pool, done := transport.NewPool(time.Now), new(atomic.Bool)
	return dial(t, ledger.Config{Endpoint: endpoint, Transport: carrier(func(r *http.Request) (*http.Response, error) {
		resp, err := pool.RoundTrip(r)
		if err != nil || r.URL.Path != "/"+call || done.Load() {
			return resp, err
		}
		defer resp.Body.Close()
		whole, err := io.ReadAll(resp.Body)
		changed := body(whole)
		if done.Store(!bytes.Equal(changed, whole)); done.Load() && bare {
			resp.Header = http.Header{}
		}
		resp.Body = io.NopCloser(bytes.NewReader(changed))
		return resp, err
	})})
}

// TestTheAbsenceOfAnErrorIsNotSuccess: an answer that does not prove what it
// reports is an unknown outcome. So a commit is never tried again, and every
// other call is.
// (ledger rules 30, 31)
func TestTheAbsenceOfAnErrorIsNotSuccess(t *testing.T) {
	wakeup := engine.Wakeup{InstanceID: instanceID, Due: start}
	calls := map[string]func(*ledger.Ledger) (right bool, err error){
		"BatchWriteRow": func(l *ledger.Ledger) (bool, error) {
			second := creation("c2", full())
			second.InstanceID += "2"
			return true, l.Commit(t.Context(), second)
		},
		"PutRow":    func(l *ledger.Ledger) (bool, error) { return true, l.Arm(t.Context(), wakeup) },
		"DeleteRow": func(l *ledger.Ledger) (bool, error) { return true, l.Disarm(t.Context(), wakeup) },
		"GetRow": func(l *ledger.Ledger) (bool, error) {
			r, err := l.Recorded(t.Context(), instanceID, "exec/t-1/once")
			return r != nil && r.CommitID == "c1", err
		},
		"GetRange": func(l *ledger.Ledger) (bool, error) {
			s, err := l.Load(t.Context(), instanceID)
			return len(s.Tasks) == 1 && s.Unread == 1, err
		},
		"BatchGetRow": func(l *ledger.Ledger) (bool, error) {
			known, err := l.Known(t.Context(), instanceID, []event.TaskCompleted{execution("t-1").Event})
			return len(known) == 1, err
		},
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for name, c := range map[string]struct {
		served func(call string, body []byte) []byte // by the service
		boxed  func([]byte) []byte                   // by a box in between
		bare   bool
		status int
	}{
		"the service answers nothing":             {served: func(string, []byte) []byte { return nil }},
		"the service answers half":                {served: func(_ string, b []byte) []byte { return half(b) }},
		"the service answers a row less":          {served: lastRowGone},
		"the service answers 200 with an error":   {status: http.StatusOK},
		"a box answers nothing":                   {boxed: func([]byte) []byte { return nil }, bare: true},
		"a box answers with a page of its own":    {boxed: func([]byte) []byte { return []byte("<p>Please log in.") }, bare: true},
		"a box cuts the answer off":               {boxed: half},
		"a box drops the answer, not its headers": {boxed: func([]byte) []byte { return nil }},
	} {
		for call, do := range calls {
			t.Run(name+" to "+call, func(t *testing.T) {
				l, server, faults := open(t)
				first := creation("c1", full())
				first.Changes.Execution = execution("t-1")
				mustCommit(t, l, first)
				if c.boxed != nil {
					l = boxed(t, server.Endpoint(), call, c.bare, c.boxed)
				}
				var struck atomic.Bool
				server.OnAnswer(func(name string, body []byte) []byte {
					if c.served != nil && name == call && struck.CompareAndSwap(false, true) {
						return c.served(name, body)
					}
					return body
				})
				faults.ResetCalls()
				if c.status != 0 {
					faults.Add(fault.Fault{Call: call, Mode: fault.ErrorAfter, Status: c.status})
				}
				right, err := do(l)
				n := faults.Calls()[call]
				if call == "BatchWriteRow" && (!errors.Is(err, engine.ErrUnknownOutcome) || n != 1) {
					t.Errorf("commit = %v after %d calls, want an unknown outcome after one", err, n)
				}
				if call != "BatchWriteRow" && (!right || err != nil || n != 2) {
					t.Errorf("%t, %v after %d calls, want the second to be believed", right, err, n)
				}
			})
		}
	}
}

// TestAPageThatWasCutOffIsNotTheLast: without the next page's key, the answer is
// as readable as before.
// (ledger rule 30)
func TestAPageThatWasCutOffIsNotTheLast(t *testing.T) {
	l, server, _ := open(t)
	const n = 101 // one more than a page holds
	for i := range n {
		arm(t, l, instanceID, start.Add(-time.Duration(i)*time.Second))
	}
	l = boxed(t, server.Endpoint(), "GetRange", false, func(body []byte) []byte {
		r := new(otsprotocol.GetRangeResponse)
		if err := proto.Unmarshal(body, r); err != nil {
			t.Error(err)
		}
		r.NextStartPrimaryKey = nil
		body, _ = proto.Marshal(r)
		return body
	})
	due := 0
	err := l.Due(t.Context(), start, func(page []engine.Wakeup) bool { due += len(page); return true })
	if err != nil || due != n {
		t.Errorf("%d wake-ups are due, %v, want %d", due, err, n)
	}
}

// TestATableIsMadeIfItIsThere: a good answer of CreateTable is empty, like one
// that says nothing.
// (ledger rule 36)
func TestATableIsMadeIfItIsThere(t *testing.T) {
	l, _, faults := bare(t, tablestore.Options{})
	faults.Add(fault.Fault{Call: "CreateTable", Nth: 3, Mode: fault.ErrorBefore, Status: http.StatusOK})
	made, _, err := l.CreateTables(t.Context(), ledger.MinTTL)
	if err == nil || !strings.Contains(err.Error(), "it is not there") || len(made) != 4 {
		t.Errorf("CreateTables = %v, %v, want an error about one of five", made, err)
	}
	if made, _, err = l.CreateTables(t.Context(), ledger.MinTTL); err != nil || len(made) != 1 {
		t.Errorf("CreateTables = %v, %v, want the missing one", made, err)
	}
}
