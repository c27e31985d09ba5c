package ledger_test

import (
	"cmp"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

const instanceID = ledgertest.InstanceID

var (
	start       = ledgertest.Start
	full        = ledgertest.Full
	creation    = ledgertest.Creation
	execution   = ledgertest.Execution
	definition  = ledgertest.Flow
	breakerOf   = ledgertest.Breaker
	failureOf   = ledgertest.Failure
	controlOf   = ledgertest.ControlOf
	must        = ledgertest.Must
	mustCommit  = ledgertest.MustCommit
	wantControl = ledgertest.WantControl
	wantBreaker = ledgertest.WantBreaker
	wantCount   = ledgertest.WantCount

	key   = access.Key{ID: "STS.ledger-key-id", Secret: "ledger-key-secret", Token: "ledger-security-token"}
	creds = transport.NewCredentials(key.ID, key.Secret, key.Token)
)

// open starts a local Tablestore with the tables made, and returns its ledger.
func open(t *testing.T) (*ledger.Ledger, *tablestore.Server, *fault.Set) { return openAt(t, time.Now) }

// openAt is open with a clock. The tables are made once and copied.
func openAt(t *testing.T, now func() time.Time) (*ledger.Ledger, *tablestore.Server, *fault.Set) {
	t.Helper()
	made.Do(func() {
		l, server, _ := bare(t, tablestore.Options{})
		if _, lists, err := l.CreateTables(t.Context(), ledger.MinTTL); err != nil || !lists {
			t.Fatalf("lists: %t, %v", lists, err)
		}
		tables = server
	})
	return bare(t, tablestore.Options{Now: now, Copy: tables})
}

var (
	made   sync.Once
	tables *tablestore.Server
)

// bare starts a local Tablestore without tables.
func bare(t *testing.T, o tablestore.Options) (*ledger.Ledger, *tablestore.Server, *fault.Set) {
	t.Helper()
	o.Keys, o.Faults = access.NewKeys(key), &fault.Set{}
	server, err := tablestore.Start(o)
	must(t, err)
	t.Cleanup(func() { server.Close() })
	pool := o.Faults.Impatient(transport.NewPool(time.Now)) // it gives up at once on a call that a fault lets hang
	return dial(t, ledger.Config{Endpoint: server.Endpoint(), Transport: pool, Now: o.Now}), server, o.Faults
}

// dial opens a ledger that does not wait between two tries, and takes all the time
// that a busy machine takes for each.
func dial(t *testing.T, cfg ledger.Config) *ledger.Ledger {
	t.Helper()
	cfg.Instance, cfg.PerTry, cfg.Pause = "ledger", cmp.Or(cfg.PerTry, time.Minute), func(context.Context, int) {}
	if cfg.Transport == nil {
		cfg.Transport = transport.NewPool(time.Now)
	}
	l, err := ledger.Open(t.Context(), cfg, creds)
	must(t, err)
	return l
}

func whole(t *testing.T, l *ledger.Ledger) decide.State {
	t.Helper()
	s, err := l.Whole(t.Context(), instanceID)
	must(t, err)
	return s
}

func arm(t *testing.T, l *ledger.Ledger, instanceID string, due time.Time) {
	t.Helper()
	must(t, l.Arm(t.Context(), engine.Wakeup{InstanceID: instanceID, Due: due}))
}

// (ledger rules 1, 2, 4, 10, 11, 12, 13, 40, 41, 50, 51, 53)
func TestTheLedgerKeepsItsPromises(t *testing.T) {
	ledgertest.Exercise(t, func(t *testing.T) ledgertest.Subject {
		l, server, _ := open(t)
		return subject(t, l, server)
	})
}

func subject(t *testing.T, l *ledger.Ledger, server *tablestore.Server) ledgertest.Subject {
	return ledgertest.Subject{
		Ledger: l, Shared: l,
		Torn: func(ctx context.Context, id string, n int, between func()) (decide.State, error) {
			server.OnRow(func(_ string, row int) {
				if row == n {
					between()
				}
			})
			defer server.OnRow(nil)
			return l.Load(ctx, id)
		},
		Stop:   func(s decide.Stop) error { return stop(t, l, s) },
		Resume: func(s decide.Scope) error { _, err := resume(t, l, s); return err },
	}
}

// TestACallIsRepeatedUnlessItMayHaveDoneWhatMustBeDoneOnce: the SDK would send a
// write again after a transport error.
// (ledger rules 31, 33)
func TestACallIsRepeatedUnlessItMayHaveDoneWhatMustBeDoneOnce(t *testing.T) {
	calls := map[string]func(*ledger.Ledger) error{
		"BatchWriteRow": func(l *ledger.Ledger) error { return l.Commit(t.Context(), creation("c1", full())) },
		"GetRange":      func(l *ledger.Ledger) error { _, err := l.Load(t.Context(), instanceID); return err },
		"PutRow": func(l *ledger.Ledger) error {
			return l.Arm(t.Context(), engine.Wakeup{InstanceID: instanceID, Due: start})
		},
	}
	for _, c := range []struct {
		fault fault.Fault
		calls int
	}{
		{fault.Fault{Call: "BatchWriteRow", Mode: fault.CutAfter}, 1},
		{fault.Fault{Call: "BatchWriteRow", Mode: fault.HangAfter}, 1},
		{fault.Fault{Call: "BatchWriteRow", Mode: fault.ErrorAfter}, 1},
		{fault.Fault{Call: "BatchWriteRow", Mode: fault.CutBefore}, 1},
		{fault.Fault{Call: "BatchWriteRow", Mode: fault.HangBefore}, 1},
		{fault.Fault{Call: "BatchWriteRow", Mode: fault.ErrorBefore, Status: 503, Code: "OTSServerBusy", Message: "busy", Times: 3}, 4},
		{fault.Fault{Call: "GetRange", Mode: fault.CutBefore, Times: 3}, 4},
		{fault.Fault{Call: "PutRow", Mode: fault.CutAfter, Times: 3}, 4},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			l, _, faults := open(t)
			faults.Add(c.fault)
			err := calls[c.fault.Call](l)
			if repeated := c.calls > 1; repeated != (err == nil) || !repeated && !errors.Is(err, engine.ErrUnknownOutcome) {
				t.Errorf("error = %v", err)
			}
			if n := faults.Calls()[c.fault.Call]; n != c.calls {
				t.Errorf("it was called %d times, want %d", n, c.calls)
			}
		})
	}
}

// TestATryEndsWhenItsTimeIsUp: the client is not impatient here.
func TestATryEndsWhenItsTimeIsUp(t *testing.T) {
	_, server, faults := open(t)
	l := dial(t, ledger.Config{Endpoint: server.Endpoint(), PerTry: time.Second})
	faults.Add(fault.Fault{Call: "PutRow", Mode: fault.HangAfter})
	arm(t, l, instanceID, start)
	if n := faults.Calls()["PutRow"]; n < 2 {
		t.Errorf("PutRow was called %d times, want once more after the try that hung", n)
	}
}

// (ledger rules 32, 33)
func TestErrorsTellTheClassAndNoSecret(t *testing.T) {
	l, server, faults := open(t)
	for name, c := range map[string]struct {
		want error
		call func() error
	}{
		"a wrong secret": {engine.ErrDenied, func() error {
			l, err := ledger.Open(t.Context(), ledger.Config{Endpoint: server.Endpoint(), Instance: "ledger", Transport: transport.NewPool(time.Now)},
				transport.NewCredentials(key.ID, "another-secret-word", key.Token))
			if err == nil {
				_, err = l.Load(t.Context(), instanceID)
			}
			return err
		}},
		"an unknown host": {engine.ErrUnavailable, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := dial(t, ledger.Config{Endpoint: "http://127.0.0.1:1"}).Load(ctx, instanceID)
			return err
		}},
		"a cut": {engine.ErrUnknownOutcome, func() error {
			faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutBefore})
			return l.Commit(t.Context(), creation("c", full()))
		}},
		"time that is up": {engine.ErrUnavailable, func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := l.Load(ctx, instanceID)
			return err
		}},
	} {
		err := c.call()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, secret := range []string{key.ID, key.Secret, key.Token, "another-secret-word", "http://", "127.0.0.1", "x-ots"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the error shows %q: %s", name, secret, text)
			}
		}
	}
}

func TestOpenRefusesAnEndpointThatWouldSendKeysInTheClear(t *testing.T) {
	for _, endpoint := range []string{"http://aftercare.example.com", "https://host/path", ""} {
		cfg := ledger.Config{Endpoint: endpoint, Instance: "i", Transport: http.DefaultTransport}
		if _, err := ledger.Open(t.Context(), cfg, creds); err == nil {
			t.Errorf("Open accepted %q", endpoint)
		}
	}
}

// partition is the first key column of the instance's rows.
func partition() string {
	return fmt.Sprintf("%x", md5.Sum([]byte(instanceID)))[:4] + ":" + instanceID
}

// TestAnExpiredRowDoesNotBlockAnInstance: the service may keep a row for a while
// after its columns have expired.
// (ledger rules 10, 11)
func TestAnExpiredRowDoesNotBlockAnInstance(t *testing.T) {
	l, server, _ := open(t)
	putter(t, server, "aftercare_instances", partition())("live/!", map[string]any{"left": "over"})
	loaded, later := creation("c0", full()), creation("c1", full())
	loaded.Changes.Instance.Rev = start.UnixMilli()
	if err := l.Commit(t.Context(), loaded); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a commit on what has expired = %v, want ErrConflict", err)
	}
	later.At = start.Add(time.Hour)
	mustCommit(t, l, later)
	if rev := whole(t, l).Instance.Rev; rev != later.At.UnixMilli() {
		t.Errorf("rev = %d, want the time of the first commit", rev)
	}
}
