package ledger_test

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

const instanceID = ledgertest.InstanceID

var (
	start      = ledgertest.Start
	full       = ledgertest.Full
	creation   = ledgertest.Creation
	execution  = ledgertest.Execution
	definition = ledgertest.Flow
	breakerOf  = ledgertest.Breaker
	failureOf  = ledgertest.Failure

	key = access.Key{ID: "STS.ledger-key-id", Secret: "ledger-key-secret", Token: "ledger-security-token"}
)

// open starts a local Tablestore with the tables made, and returns its ledger.
func open(t *testing.T) (*ledger.Ledger, *tablestore.Server, *fault.Set) {
	t.Helper()
	faults := &fault.Set{}
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	l := dial(t, t.Context(), faults, server.Endpoint(), key.Secret)
	if _, lists, err := l.CreateTables(t.Context(), 180*24*time.Hour); err != nil || !lists {
		t.Fatalf("lists: %t, %v", lists, err)
	}
	faults.ResetCalls()
	return l, server, faults
}

// dial opens a ledger with all the time that a busy machine takes; it gives up
// at once on a call that a fault lets hang.
func dial(t *testing.T, ctx context.Context, faults *fault.Set, endpoint, secret string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(ctx, ledger.Config{
		Endpoint: endpoint, Instance: "ledger", Transport: faults.Impatient(transport.NewPool(time.Now)), PerTry: time.Minute,
		Pause: func(context.Context, int) {},
	}, transport.NewCredentials(key.ID, secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	return l
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
		Pause: func(p decide.Pause) error { return l.Pause(t.Context(), p) },
		Resume: func(flow string) error {
			_, err := l.Resume(t.Context(), flow)
			return err
		},
	}
}

// (ledger rule 5)
func TestRecordsReturnWhatCommitsLogged(t *testing.T) {
	l, _, _ := open(t)
	e := execution("t-1")
	c := engine.Commit{ID: "c1", InstanceID: instanceID, Changes: decide.Changes{
		Instance: &decide.Instance{}, Execution: e,
		EndedTasks: []decide.Task{{ID: "t", State: decide.TaskFailed}},
		EndedRuns:  []decide.FlowRun{{ID: "r", Run: flow.Run{Result: "failed", Ended: true}}},
		Boots:      []decide.Boot{{Seq: 2, Time: start}, {Seq: 10, Time: start}},
		Lost:       []decide.Message{{Key: "a", Rev: 1}},
	}}
	if err := l.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := l.Records(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Records{
		Executions: []decide.Execution{*e}, Tasks: c.Changes.EndedTasks, Runs: c.Changes.EndedRuns,
		Boots: c.Changes.Boots, Lost: c.Changes.Lost,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestWakeupsAreReadPageByPageUntilTheReaderHasEnough(t *testing.T) {
	l, _, _ := open(t)
	for i := range 250 { // of one instance, so of one shard
		w := engine.Wakeup{InstanceID: instanceID, Due: start.Add(-time.Duration(i) * time.Second)}
		if err := l.Arm(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 { // of all shards
		if err := l.Arm(t.Context(), engine.Wakeup{InstanceID: fmt.Sprintf("i-%03d", i), Due: start}); err != nil {
			t.Fatal(err)
		}
	}
	all := 0
	if err := l.Due(t.Context(), start, func(page []engine.Wakeup) bool { all += len(page); return true }); err != nil {
		t.Fatal(err)
	}
	if all != 290 {
		t.Errorf("%d wake-ups were read, want 290", all)
	}
	pages := 0
	if err := l.Due(t.Context(), start, func([]engine.Wakeup) bool { pages++; return false }); err != nil {
		t.Fatal(err)
	}
	if pages != 1 {
		t.Errorf("a reader who wanted no more got %d pages", pages)
	}
}

// TestWritesAreNotSentTwice: the SDK would send a write again after a
// transport error.
// (ledger rule 31)
func TestWritesAreNotSentTwice(t *testing.T) {
	for _, mode := range []fault.Mode{fault.CutAfter, fault.HangAfter, fault.ErrorAfter, fault.CutBefore, fault.HangBefore} {
		t.Run(string(mode), func(t *testing.T) {
			l, _, faults := open(t)
			faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: mode})
			err := l.Commit(t.Context(), creation("c1", full()))
			if !errors.Is(err, engine.ErrUnknownOutcome) {
				t.Errorf("commit = %v, want ErrUnknownOutcome", err)
			}
			if n := faults.Calls()["BatchWriteRow"]; n != 1 {
				t.Errorf("the write was sent %d times", n)
			}
		})
	}
}

// (ledger rules 31, 33)
func TestWhatHadNoEffectOrDoesNoHarmIsTriedAgain(t *testing.T) {
	busy := fault.Fault{Mode: fault.ErrorBefore, Status: 503, Code: "OTSServerBusy", Message: "busy", Times: 3}
	for name, c := range map[string]struct {
		fault fault.Fault
		call  func(*ledger.Ledger, context.Context) error
	}{
		"a commit that was rejected": {busy, func(l *ledger.Ledger, ctx context.Context) error {
			return l.Commit(ctx, creation("c1", full()))
		}},
		"a load that was cut off": {fault.Fault{Mode: fault.CutBefore, Times: 3}, func(l *ledger.Ledger, ctx context.Context) error {
			_, err := l.Load(ctx, instanceID)
			return err
		}},
		"a wake-up whose arming was cut off after it": {fault.Fault{Mode: fault.CutAfter, Times: 3}, func(l *ledger.Ledger, ctx context.Context) error {
			return l.Arm(ctx, engine.Wakeup{InstanceID: instanceID, Due: start})
		}},
		"a wake-up whose arming hung": {fault.Fault{Mode: fault.HangAfter}, func(l *ledger.Ledger, ctx context.Context) error {
			return l.Arm(ctx, engine.Wakeup{InstanceID: instanceID, Due: start})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, faults := open(t)
			faults.Add(c.fault)
			if err := c.call(l, t.Context()); err != nil {
				t.Error(err)
			}
			if faults.Struck() == 0 {
				t.Error("the fault never struck")
			}
		})
	}
}

// TestATryEndsWhenItsTimeIsUp: the client is not impatient here.
func TestATryEndsWhenItsTimeIsUp(t *testing.T) {
	_, server, faults := open(t)
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: server.Endpoint(), Instance: "ledger", Transport: transport.NewPool(time.Now), PerTry: time.Second,
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	faults.Add(fault.Fault{Call: "PutRow", Mode: fault.HangAfter})
	if err := l.Arm(t.Context(), engine.Wakeup{InstanceID: instanceID, Due: start}); err != nil {
		t.Error(err)
	}
	if n := faults.Calls()["PutRow"]; n < 2 {
		t.Errorf("PutRow was called %d times, want once more after the try that hung", n)
	}
}

// (ledger rules 32, 33)
func TestErrorsTellTheClassAndNoSecret(t *testing.T) {
	_, server, faults := open(t)
	cases := map[string]struct {
		want error
		call func() error
	}{
		"a wrong secret": {engine.ErrDenied, func() error {
			_, err := dial(t, t.Context(), faults, server.Endpoint(), "another-secret-word").Load(t.Context(), instanceID)
			return err
		}},
		"an unknown host": {engine.ErrUnavailable, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := dial(t, ctx, faults, "http://127.0.0.1:1", key.Secret).Load(ctx, instanceID)
			return err
		}},
		"a cut": {engine.ErrUnknownOutcome, func() error {
			faults.Add(fault.Fault{Call: "BatchWriteRow", Mode: fault.CutBefore})
			return dial(t, t.Context(), faults, server.Endpoint(), key.Secret).Commit(t.Context(), creation("c", full()))
		}},
		"time that is up": {engine.ErrUnavailable, func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := dial(t, ctx, faults, server.Endpoint(), key.Secret).Load(ctx, instanceID)
			return err
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.call()
			if !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			for _, secret := range []string{key.ID, key.Secret, key.Token, "another-secret-word", "http://", "127.0.0.1", "x-ots"} {
				if strings.Contains(text, secret) {
					t.Errorf("the error shows %q: %s", secret, text)
				}
			}
		})
	}
}

func TestOpenRefusesAnEndpointThatWouldSendKeysInTheClear(t *testing.T) {
	for _, endpoint := range []string{"http://aftercare.example.com", "ftp://127.0.0.1", "nonsense", "https://host:99999", "https://host/path", ""} {
		_, err := ledger.Open(t.Context(), ledger.Config{Endpoint: endpoint, Instance: "i", Transport: http.DefaultTransport},
			transport.NewCredentials("a", "b", ""))
		if err == nil {
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
	putter(t, server, "aftercare_instances", "pk")(partition(), "live/!", map[string]any{"left": "over"})
	loaded := creation("c0", full())
	loaded.Changes.Instance.Rev = start.UnixMilli()
	if err := l.Commit(t.Context(), loaded); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a commit on what has expired = %v, want ErrConflict", err)
	}
	later := creation("c1", full())
	later.At = start.Add(time.Hour)
	if err := l.Commit(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if s, err := l.Load(t.Context(), instanceID); err != nil || s.Instance.Rev != later.At.UnixMilli() {
		t.Errorf("rev = %d, %v, want the time of the first commit", s.Instance.Rev, err)
	}
	if err := l.Commit(t.Context(), creation("c2", full())); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a second first commit = %v, want ErrConflict", err)
	}
}
