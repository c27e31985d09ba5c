package ledger_test

import (
	"bytes"
	"context"
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
)

// answerCases are a method of the ledger for each call of the service, except
// BatchWriteRow and CreateTable.
var answerCases = map[string]func(context.Context, *ledger.Ledger) error{
	"PutRow": func(ctx context.Context, l *ledger.Ledger) error {
		return l.Arm(ctx, engine.Wakeup{InstanceID: instanceID, Due: start})
	},
	"DeleteRow": func(ctx context.Context, l *ledger.Ledger) error {
		return l.Disarm(ctx, engine.Wakeup{InstanceID: instanceID, Due: start})
	},
	"GetRow": func(ctx context.Context, l *ledger.Ledger) error {
		r, err := l.Recorded(ctx, instanceID, "exec/t-1/once")
		if err == nil && (r == nil || r.CommitID != "c1") {
			return errors.New("the record is missing")
		}
		return err
	},
	"GetRange": func(ctx context.Context, l *ledger.Ledger) error {
		s, err := l.Load(ctx, instanceID)
		if err == nil && (len(s.Tasks) != 1 || s.Unread != 1) {
			return errors.New("tasks are missing")
		}
		return err
	},
	"BatchGetRow": func(ctx context.Context, l *ledger.Ledger) error {
		known, err := l.Known(ctx, instanceID, []event.TaskCompleted{execution("t-1").Event})
		if err == nil && len(known) != 1 {
			return errors.New("the recorded end is missing")
		}
		return err
	},
}

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

// box sits between the ledger and the service, and replaces the first answer to
// a call for which body returns another. It leaves the service's headers or
// sends none.
type box struct {
	next  http.RoundTripper
	call  string
	body  func([]byte) []byte
	bare  bool
	armed *atomic.Bool
}

func dialThrough(t *testing.T, endpoint string, b box) *ledger.Ledger {
	t.Helper()
	b.next, b.armed = transport.NewPool(time.Now), new(atomic.Bool)
	b.armed.Store(true)
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: endpoint, Instance: "ledger", Transport: b, Pause: func(context.Context, int) {},
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (b box) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil || r.URL.Path != "/"+b.call || !b.armed.Load() {
		return resp, err
	}
	defer resp.Body.Close()
	whole, err := io.ReadAll(resp.Body)
	body := b.body(whole)
	if !bytes.Equal(body, whole) {
		b.armed.Store(false)
		if b.bare {
			resp.Header = http.Header{}
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}

// TestTheAbsenceOfAnErrorIsNotSuccess: an answer that does not prove what it
// reports is an unknown outcome. So a commit is never tried again, and every
// other call is.
// (ledger rules 30, 31)
func TestTheAbsenceOfAnErrorIsNotSuccess(t *testing.T) {
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
		try := func(t *testing.T, call string, do func(*ledger.Ledger) error) (calls int, err error) {
			_, server, faults := open(t)
			first := creation("c1", full())
			first.Changes.Execution = execution("t-1")
			l := dial(t, t.Context(), faults, server.Endpoint(), key.Secret)
			if err := l.Commit(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			if c.boxed != nil {
				l = dialThrough(t, server.Endpoint(), box{call: call, body: c.boxed, bare: c.bare})
			}
			if c.served != nil {
				var struck atomic.Bool
				server.OnAnswer(func(name string, body []byte) []byte {
					if name == call && struck.CompareAndSwap(false, true) {
						return c.served(name, body)
					}
					return body
				})
			}
			faults.ResetCalls()
			if c.status != 0 {
				faults.Add(fault.Fault{Call: call, Mode: fault.ErrorAfter, Status: c.status})
			}
			err = do(l)
			return faults.Calls()[call], err
		}
		t.Run(name+" to BatchWriteRow", func(t *testing.T) {
			calls, err := try(t, "BatchWriteRow", func(l *ledger.Ledger) error {
				second := creation("c2", full())
				second.InstanceID += "2"
				return l.Commit(t.Context(), second)
			})
			if !errors.Is(err, engine.ErrUnknownOutcome) || calls != 1 {
				t.Errorf("commit = %v after %d calls, want an unknown outcome after one", err, calls)
			}
		})
		for call, do := range answerCases {
			t.Run(name+" to "+call, func(t *testing.T) {
				calls, err := try(t, call, func(l *ledger.Ledger) error { return do(t.Context(), l) })
				if err != nil || calls != 2 {
					t.Errorf("%v after %d calls, want the second to be believed", err, calls)
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
		if err := l.Arm(t.Context(), engine.Wakeup{InstanceID: instanceID, Due: start.Add(-time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	l = dialThrough(t, server.Endpoint(), box{call: "GetRange", body: func(body []byte) []byte {
		r := new(otsprotocol.GetRangeResponse)
		if err := proto.Unmarshal(body, r); err != nil {
			t.Error(err)
		}
		r.NextStartPrimaryKey = nil
		body, _ = proto.Marshal(r)
		return body
	}})
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
	_, server, faults := open(t)
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: server.Endpoint(), Instance: "another", Transport: transport.NewPool(time.Now), Pause: func(context.Context, int) {},
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	faults.Add(fault.Fault{Call: "CreateTable", Nth: 3, Mode: fault.ErrorBefore, Status: http.StatusOK})
	made, _, err := l.CreateTables(t.Context(), ledger.MinTTL)
	if err == nil || !strings.Contains(err.Error(), "it is not there") || len(made) != 3 {
		t.Errorf("CreateTables = %v, %v, want an error about one of four", made, err)
	}
	if made, _, err = l.CreateTables(t.Context(), ledger.MinTTL); err != nil || len(made) != 1 {
		t.Errorf("CreateTables = %v, %v, want the missing one", made, err)
	}
}
