package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

func stopOf(flow, by string, at time.Time) decide.Stop {
	return decide.Stop{Scope: decide.Scope{Flow: flow}, By: by, Reason: "because of " + by, At: at}
}

// orders numbers the orders of all tests: each is another one.
var orders atomic.Int64

func newOrder(kind decide.ActKind, s decide.Scope, at time.Time) decide.Order {
	return decide.Order{Scope: s, Act: decide.Act{Key: fmt.Sprint("order-", orders.Add(1)), Kind: kind, At: at}}
}

// stop orders a stop.
func stop(t *testing.T, l *ledger.Ledger, s decide.Stop) error {
	o := newOrder(decide.ActStop, s.Scope, s.At)
	o.By, o.Reason = s.By, s.Reason
	_, _, err := l.Order(t.Context(), o)
	return err
}

// resume orders a resume, and returns what it ended.
func resume(t *testing.T, l *ledger.Ledger, s decide.Scope) (decide.Control, error) {
	a, _, err := l.Order(t.Context(), newOrder(decide.ActResume, s, start))
	gone := decide.NewControl()
	if a.Stop != nil {
		gone.Stops[s] = *a.Stop
	}
	if a.Breaker != nil {
		gone.Breakers[s.Flow] = *a.Breaker
	}
	return gone, err
}

func mustStop(t *testing.T, l *ledger.Ledger, stops ...decide.Stop) {
	t.Helper()
	for _, s := range stops {
		must(t, stop(t, l, s))
	}
}

func mustOpen(t *testing.T, l *ledger.Ledger, b decide.Breaker) { t.Helper(); wantBreaker(t, l, b, b) }

// wantResume resumes a flow, or everything, which removes exactly these.
func wantResume(t *testing.T, l *ledger.Ledger, flow string, gone ...any) {
	t.Helper()
	got, err := resume(t, l, decide.Scope{Flow: flow})
	if diff := cmp.Diff(controlOf(gone...), got); diff != "" || err != nil {
		t.Errorf("removed, %v (-want +got):\n%s", err, diff)
	}
}

// rawClient knows nothing of what rows mean.
func rawClient(t *testing.T, server *tablestore.Server) *sdk.TableStoreClient {
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	config := sdk.NewDefaultTableStoreConfig()
	config.Transport = pool
	return sdk.NewClientWithConfig(server.Endpoint(), "ledger", key.ID, key.Secret, key.Token, config)
}

// putter writes rows of an instance or a scope, as another version might.
func putter(t *testing.T, server *tablestore.Server, table, scope string) func(row string, columns map[string]any) {
	client := rawClient(t, server)
	return func(row string, columns map[string]any) {
		t.Helper()
		change := &sdk.PutRowChange{TableName: table, PrimaryKey: new(sdk.PrimaryKey)}
		change.PrimaryKey.AddPrimaryKeyColumn(map[bool]string{true: "pk", false: "scope"}[scope == partition()], scope)
		change.PrimaryKey.AddPrimaryKeyColumn("row", row)
		change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
		for name, value := range columns {
			change.AddColumn(name, value)
		}
		if _, err := client.PutRow(&sdk.PutRowRequest{PutRowChange: change}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestARowThatIsNotReadableIsAnError, and a resume removes it.
// (ledger rules 3, 50)
func TestARowThatIsNotReadableIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		row     string
		columns map[string]any
	}{
		"a live row of a kind that is unknown": {"live/new/x", map[string]any{"data": "{}"}},
		"a live row that is no JSON":           {"live/task/x", map[string]any{"data": "{"}},
		"a stop that is no JSON":               {"stop/flow/clean-up", map[string]any{"data": "{", "key": "k"}},
		"a stop of another flow":               {"stop/flow/clean-up", map[string]any{"data": `{"flow":"other","at":"2026-03-01T12:00:00Z"}`, "key": "k"}},
		"a stop without data":                  {"stop/all", map[string]any{"key": "k"}},
		"a stop without a time":                {"stop/all", map[string]any{"data": "null", "key": "k"}},
		"a stop without a key":                 {"stop/all", map[string]any{"data": `{"at":"2026-03-01T12:00:00Z"}`}},
		"a stop of bytes":                      {"stop/all", map[string]any{"data": []byte(`{"at":"2026-03-01T12:00:00Z"}`), "key": "k"}},
		"a stop of something else":             {"stop/fleet/x", map[string]any{"data": `{"at":"2026-03-01T12:00:00Z"}`, "key": "k"}},
		"a breaker that is no JSON":            {"breaker/clean-up", map[string]any{"data": "null", "key": "k"}},
		"a breaker with two keys":              {"breaker/clean-up", map[string]any{"data": `{"flow":"clean-up","key":"other"}`, "key": "k"}},
		"a breaker without a key at all":       {"breaker/clean-up", map[string]any{"data": `{"flow":"clean-up"}`}},
		"a row of a kind that is unknown":      {"drain/clean-up", map[string]any{"data": "{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, server, _ := open(t)
			wantInvalid := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), c.row) {
					t.Errorf("%s = %v, want ErrInvalid that names the row", what, err)
				}
			}
			kind, flow, _ := strings.Cut(c.row, "/")
			if kind == "live" {
				putter(t, server, "aftercare_instances", partition())(c.row, c.columns)
				_, err := l.Load(t.Context(), instanceID)
				wantInvalid("Load", err)
				return
			}
			other := stopOf("other", "Ann", start)
			mustStop(t, l, other)
			putter(t, server, "aftercare_shared", "control")(c.row, c.columns)
			got, err := l.Control(t.Context())
			if wantInvalid("Control", err); got.Stops != nil {
				t.Errorf("Control = %+v, want nothing", got)
			}
			switch kind {
			case "breaker":
				_, err := l.OpenBreaker(t.Context(), breakerOf("e1", 0))
				wantInvalid("OpenBreaker", err)
				wantResume(t, l, flow, decide.Breaker{Flow: flow})
				wantControl(t, l, other)
			case "stop":
				if strings.Contains(name, "else") {
					return // nobody can name it
				}
				scope := decide.Scope{Flow: strings.TrimPrefix(strings.TrimPrefix(flow, "all"), "flow/")}
				wantResume(t, l, scope.Flow, decide.Stop{Scope: scope})
				wantControl(t, l, other)
				putter(t, server, "aftercare_shared", "control")(c.row, c.columns)
				instead := decide.Stop{Scope: scope, By: "Bob", Reason: "why", At: start}
				mustStop(t, l, instead)
				wantControl(t, l, other, instead)
			}
		})
	}
}

func TestAResumeEndsTheStopOfItsScopeAndAFlowsBreaker(t *testing.T) {
	all, one, other := stopOf("", "Ann", start), stopOf("clean-up", "Bob", start), stopOf("other", "Cem", start)
	b := breakerOf("e1", 0)
	for name, c := range map[string]struct {
		flow       string
		gone, stay []any
	}{
		"one flow":                             {"clean-up", []any{one, b}, []any{all, other}},
		"a flow that is stopped and no more":   {"other", []any{other}, []any{all, one, b}},
		"a flow that is not stopped by itself": {"third", nil, []any{all, one, other, b}},
		"everything":                           {"", []any{all}, []any{one, other, b}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			mustStop(t, l, all, one, stopOf("clean-up", "Dan", start.Add(time.Hour)), other)
			mustOpen(t, l, b)
			for _, want := range [][]any{c.gone, nil} {
				wantResume(t, l, c.flow, want...)
				wantControl(t, l, c.stay...)
			}
		})
	}
}

// (ledger rule 56)
func TestWhatIsMalformedIsRefusedWithoutACall(t *testing.T) {
	l, _, faults := open(t)
	b, f := breakerOf("e1", 0), failureOf("i-1", "r1", start)
	beyond := time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) // a year of 5 digits
	var errs []error
	for _, bad := range []decide.Scope{
		{Flow: strings.Repeat("a", 64)}, {Flow: "*"}, {Flow: "f", Instance: "i-1"}, {Flow: "f", Label: "l"}, {Instance: "i-1", Label: "l"},
	} {
		errs = append(errs, stop(t, l, decide.Stop{Scope: bad, At: start}))
		_, err := resume(t, l, bad)
		errs = append(errs, err)
	}
	errs = append(errs, stop(t, l, decide.Stop{}))
	_, _, keylessOrder := l.Order(t.Context(), decide.Order{Act: decide.Act{Kind: decide.ActStop, At: start}})
	for _, bad := range []decide.Breaker{
		{Flow: "*", Key: b.Key}, {Flow: "a/b", Key: b.Key}, {Flow: b.Flow}, {Flow: b.Flow, Key: b.Key, ResumeAt: beyond},
	} {
		_, opened := l.OpenBreaker(t.Context(), bad)
		errs = append(errs, opened)
	}
	for _, bad := range []decide.FleetFailure{
		{Flow: "CLEAN", RunID: f.RunID, InstanceID: f.InstanceID, At: f.At}, {Flow: f.Flow, InstanceID: f.InstanceID, At: f.At},
		{Flow: f.Flow, RunID: f.RunID, At: f.At}, {Flow: f.Flow, RunID: f.RunID, InstanceID: f.InstanceID},
	} {
		_, counted := l.CountFailure(t.Context(), bad, start)
		errs = append(errs, counted)
	}
	_, closed := l.CloseBreaker(t.Context(), "*", "e1")
	_, keyless := l.CloseBreaker(t.Context(), "clean-up", "")
	for i, err := range append(errs, keylessOrder, closed, keyless) {
		if !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("case %d: %v, want ErrInvalid", i, err)
		}
	}
	if len(faults.Calls()) > 0 {
		t.Errorf("calls were made: %v", faults.Calls())
	}
}

// TestARequestThatIsLateReplacesAndRemovesNothingNewer: a call is refused once, and
// meets another row when it is sent again.
// (ledger rule 52)
func TestARequestThatIsLateReplacesAndRemovesNothingNewer(t *testing.T) {
	old, newer := breakerOf("old", 0), breakerOf("newer", 20)
	first, second := stopOf("clean-up", "Ann", start), stopOf("clean-up", "Bob", start.Add(time.Second))
	keyless := decide.Stop{Scope: first.Scope}
	for name, c := range map[string]struct {
		call      string
		nth       int
		meanwhile func(*testing.T, *ledger.Ledger, *tablestore.Server)
		late      func(*testing.T, *ledger.Ledger)
		want      []any
	}{
		"an opener, whose first put finds the old one in its way": {"PutRow", 2,
			func(t *testing.T, l *ledger.Ledger, _ *tablestore.Server) { mustOpen(t, l, newer) },
			func(t *testing.T, l *ledger.Ledger) { wantBreaker(t, l, breakerOf("late", 20), newer) }, []any{first, newer}},
		"a closer": {"DeleteRow", 1,
			func(t *testing.T, l *ledger.Ledger, _ *tablestore.Server) { mustOpen(t, l, newer) },
			func(t *testing.T, l *ledger.Ledger) {
				if gone, err := l.CloseBreaker(t.Context(), "clean-up", "old"); gone || err != nil {
					t.Errorf("CloseBreaker = %t, %v, want false", gone, err)
				}
			}, []any{first, newer}},
		"who resumes": {"BatchWriteRow", 1,
			func(t *testing.T, l *ledger.Ledger, _ *tablestore.Server) {
				wantResume(t, l, "clean-up", first, old)
				mustStop(t, l, second)
			},
			func(t *testing.T, l *ledger.Ledger) { wantResume(t, l, "clean-up", second) }, nil},
		"who resumes a stop without a key": {"BatchWriteRow", 1,
			func(t *testing.T, _ *ledger.Ledger, server *tablestore.Server) {
				putter(t, server, "aftercare_shared", "control")("stop/flow/clean-up", map[string]any{"data": "{"})
			},
			func(t *testing.T, l *ledger.Ledger) { wantResume(t, l, "clean-up", keyless, old) }, nil},
		"who stops what was stopped": {"BatchWriteRow", 1,
			func(t *testing.T, l *ledger.Ledger, _ *tablestore.Server) { wantResume(t, l, "clean-up", first, old) },
			func(t *testing.T, l *ledger.Ledger) { mustStop(t, l, second) }, []any{second}},
	} {
		t.Run(name, func(t *testing.T) {
			l, server, faults := open(t)
			mustStop(t, l, first)
			mustOpen(t, l, old)
			faults.Add(fault.Fault{
				Call: c.call, Nth: c.nth, Mode: fault.ErrorBefore, Status: 503, Code: "OTSServerBusy", Message: "busy",
				OnStrike: func() { c.meanwhile(t, l, server) },
			})
			c.late(t, l)
			wantControl(t, l, c.want...)
		})
	}
}
