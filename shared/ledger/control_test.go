package ledger_test

import (
	"context"
	"errors"
	"strings"
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

func pauseOf(flow, by string, at time.Time) decide.Pause {
	return decide.Pause{Flow: flow, By: by, Reason: "because of " + by, At: at}
}

func controlOf(entries ...any) decide.Control {
	c := decide.Control{Pauses: map[string]decide.Pause{}, Breakers: map[string]decide.Breaker{}}
	for _, e := range entries {
		switch e := e.(type) {
		case decide.Pause:
			c.Pauses[e.Flow] = e
		case decide.Breaker:
			c.Breakers[e.Flow] = e
		}
	}
	return c
}

func wantControl(t *testing.T, l *ledger.Ledger, entries ...any) {
	t.Helper()
	got, err := l.Control(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(controlOf(entries...), got); diff != "" {
		t.Errorf("control (-want +got):\n%s", diff)
	}
}

func mustPause(t *testing.T, l *ledger.Ledger, pauses ...decide.Pause) {
	t.Helper()
	for _, p := range pauses {
		if err := l.Pause(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
}

func mustOpen(t *testing.T, l *ledger.Ledger, b decide.Breaker) decide.Breaker {
	t.Helper()
	stored, err := l.OpenBreaker(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// rawClient knows nothing of what rows mean.
func rawClient(t *testing.T, server *tablestore.Server) *sdk.TableStoreClient {
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	config := sdk.NewDefaultTableStoreConfig()
	config.Transport = pool
	return sdk.NewClientWithConfig(server.Endpoint(), "ledger", key.ID, key.Secret, key.Token, config)
}

// putter writes rows of a table, whose key is a scope and a row, as another
// version might.
func putter(t *testing.T, server *tablestore.Server, table, scopes string) func(scope, row string, columns map[string]any) {
	client := rawClient(t, server)
	return func(scope, row string, columns map[string]any) {
		t.Helper()
		change := &sdk.PutRowChange{TableName: table, PrimaryKey: new(sdk.PrimaryKey)}
		change.PrimaryKey.AddPrimaryKeyColumn(scopes, scope)
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

// (ledger rule 50)
func TestControlReadsPausesAndBreakersInOneCall(t *testing.T) {
	l, _, faults := open(t)
	wantControl(t, l)
	all, one := pauseOf(decide.AllFlows, "Ann", start), pauseOf("clean-up", "Bob", start.Add(time.Nanosecond))
	mustPause(t, l, all, one)
	b := breakerOf("e1", 0)
	if got := mustOpen(t, l, b); got != b {
		t.Errorf("OpenBreaker = %+v, want %+v", got, b)
	}
	if _, err := l.CountFailure(t.Context(), failureOf("i-1", "r1", start), start); err != nil {
		t.Fatal(err)
	}
	faults.ResetCalls()
	wantControl(t, l, all, one, b)
	if diff := cmp.Diff(map[string]int{"GetRange": 1}, faults.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestTimesComeBackInUTC: what is stored is what is returned.
func TestTimesComeBackInUTC(t *testing.T) {
	l, _, _ := open(t)
	b := breakerOf("e1", 0)
	there := b
	there.OpenedAt, there.ResumeAt = b.OpenedAt.In(time.FixedZone("here", 3600)), b.ResumeAt.In(time.FixedZone("there", 7200))
	for range 2 {
		if diff := cmp.Diff(b, mustOpen(t, l, there)); diff != "" {
			t.Errorf("breaker (-want +got):\n%s", diff)
		}
	}
	wantControl(t, l, b)
}

// (ledger rule 50)
func TestARowThatIsNotReadableIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		row     string
		columns map[string]any
	}{
		"a pause that is no JSON":         {"pause/clean-up", map[string]any{"data": "{", "key": "k"}},
		"a pause of another flow":         {"pause/clean-up", map[string]any{"data": `{"flow":"other","by":"Ann"}`, "key": "k"}},
		"a pause without data":            {"pause/*", map[string]any{"key": "k"}},
		"a pause without a key":           {"pause/*", map[string]any{"data": `{"flow":"*","by":"Ann"}`}},
		"a pause of bytes":                {"pause/*", map[string]any{"data": []byte(`{"flow":"*"}`), "key": "k"}},
		"a breaker that is no JSON":       {"breaker/clean-up", map[string]any{"data": "null", "key": "k"}},
		"a breaker with two keys":         {"breaker/clean-up", map[string]any{"data": `{"flow":"clean-up","key":"other"}`, "key": "k"}},
		"a breaker without a key at all":  {"breaker/clean-up", map[string]any{"data": `{"flow":"clean-up"}`}},
		"a row of a kind that is unknown": {"drain/clean-up", map[string]any{"data": "{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, server, _ := open(t)
			mustPause(t, l, pauseOf("other", "Ann", start))
			putter(t, server, "aftercare_shared", "scope")("control", c.row, c.columns)
			got, err := l.Control(t.Context())
			if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), c.row) || got.Pauses != nil {
				t.Errorf("Control = %+v, %v, want nothing but ErrInvalid that names the row", got, err)
			}
			if !strings.HasPrefix(c.row, "breaker/") {
				return
			}
			if b, err := l.OpenBreaker(t.Context(), breakerOf("e1", 0)); !errors.Is(err, engine.ErrInvalid) {
				t.Errorf("OpenBreaker = %+v, %v, want ErrInvalid", b, err)
			}
		})
	}
}

// (ledger rule 50)
func TestResumeRemovesARowThatIsNotReadable(t *testing.T) {
	l, server, _ := open(t)
	put := putter(t, server, "aftercare_shared", "scope")
	put("control", "pause/clean-up", map[string]any{"data": "{"})
	put("control", "breaker/clean-up", map[string]any{"data": "{", "key": "k"})
	gone, err := l.Resume(t.Context(), "clean-up")
	want := controlOf(decide.Pause{Flow: "clean-up"}, decide.Breaker{Flow: "clean-up"})
	if diff := cmp.Diff(want, gone); diff != "" || err != nil {
		t.Errorf("removed, %v (-want +got):\n%s", err, diff)
	}
	wantControl(t, l)
}

func TestResumeRemovesAFlowsPauseAndBreakerOrThePauseOfAllFlows(t *testing.T) {
	all, one, other := pauseOf(decide.AllFlows, "Ann", start), pauseOf("clean-up", "Bob", start), pauseOf("other", "Cem", start)
	b := breakerOf("e1", 0)
	for name, c := range map[string]struct {
		flow       string
		gone, stay []any
	}{
		"one flow":                            {"clean-up", []any{one, b}, []any{all, other}},
		"a flow that is paused and no more":   {"other", []any{other}, []any{all, one, b}},
		"a flow that is not paused by itself": {"third", nil, []any{all, one, other, b}},
		"all flows":                           {decide.AllFlows, []any{all}, []any{one, other, b}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, _ := open(t)
			mustPause(t, l, all, one, other)
			mustOpen(t, l, b)
			for _, want := range [][]any{c.gone, nil} {
				gone, err := l.Resume(t.Context(), c.flow)
				if diff := cmp.Diff(controlOf(want...), gone); diff != "" || err != nil {
					t.Errorf("removed, %v (-want +got):\n%s", err, diff)
				}
				wantControl(t, l, c.stay...)
			}
		})
	}
}

func TestASecondPauseReplacesTheFirst(t *testing.T) {
	l, _, _ := open(t)
	second := pauseOf("clean-up", "Bob", start.Add(time.Hour))
	mustPause(t, l, pauseOf("clean-up", "Ann", start), second, second)
	wantControl(t, l, second)
}

// (ledger rule 56)
func TestWhatIsMalformedIsRefusedWithoutACall(t *testing.T) {
	l, _, faults := open(t)
	pausing := func(change func(*decide.Pause)) error {
		p := pauseOf("clean-up", "Ann", start)
		change(&p)
		return l.Pause(t.Context(), p)
	}
	opening := func(change func(*decide.Breaker)) error {
		b := breakerOf("e1", 0)
		change(&b)
		_, err := l.OpenBreaker(t.Context(), b)
		return err
	}
	counting := func(change func(*decide.FleetFailure)) error {
		f := failureOf("i-1", "r1", start)
		change(&f)
		_, err := l.CountFailure(t.Context(), f, start)
		return err
	}
	_, resumed := l.Resume(t.Context(), "")
	_, closed := l.CloseBreaker(t.Context(), decide.AllFlows, "e1")
	_, keyless := l.CloseBreaker(t.Context(), "clean-up", "")
	for name, err := range map[string]error{
		"a pause of no flow":            pausing(func(p *decide.Pause) { p.Flow = "" }),
		"a pause of a long name":        pausing(func(p *decide.Pause) { p.Flow = strings.Repeat("a", 64) }),
		"a pause by nobody":             pausing(func(p *decide.Pause) { p.By = "" }),
		"a pause since ever":            pausing(func(p *decide.Pause) { p.At = time.Time{} }),
		"a pause in a year of 5 digits": pausing(func(p *decide.Pause) { p.At = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"a breaker of all flows":        opening(func(b *decide.Breaker) { b.Flow = decide.AllFlows }),
		"a breaker of a path":           opening(func(b *decide.Breaker) { b.Flow = "a/b" }),
		"a breaker without a key":       opening(func(b *decide.Breaker) { b.Key = "" }),
		"a breaker for ever":            opening(func(b *decide.Breaker) { b.ResumeAt = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"a failure of a shouted flow":   counting(func(f *decide.FleetFailure) { f.Flow = "CLEAN" }),
		"a failure of no run":           counting(func(f *decide.FleetFailure) { f.RunID = "" }),
		"a failure on no instance":      counting(func(f *decide.FleetFailure) { f.InstanceID = "" }),
		"a failure at no time":          counting(func(f *decide.FleetFailure) { f.At = time.Time{} }),
		"the resumption of no flow":     resumed,
		"the closing of all breakers":   closed,
		"the closing of any breaker":    keyless,
	} {
		if !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if len(faults.Calls()) > 0 {
		t.Errorf("calls were made: %v", faults.Calls())
	}
}

// sweep runs a case with every fault at every call, until it meets none.
func sweep(t *testing.T, run func(t *testing.T, l *ledger.Ledger, plan func())) {
	for _, mode := range fault.Modes {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				l, _, faults := open(t)
				run(t, l, func() { faults.Add(fault.Fault{Nth: n, Mode: mode}) })
				if t.Failed() {
					t.Fatalf("with the fault %v", fault.Fault{Nth: n, Mode: mode})
				}
				if faults.Struck() == 0 {
					return
				}
				if n == 20 {
					t.Fatal("there is always one more call")
				}
			}
		})
	}
}

func TestPausingAndResumingWorkWhateverFails(t *testing.T) {
	sweep(t, func(t *testing.T, l *ledger.Ledger, plan func()) {
		p, b := pauseOf("clean-up", "Ann", start), breakerOf("e1", 0)
		mustOpen(t, l, b)
		plan()
		mustPause(t, l, p)
		wantControl(t, l, p, b)
		gone, err := l.Resume(t.Context(), "clean-up")
		if diff := cmp.Diff(controlOf(p, b), gone); diff != "" || err != nil {
			t.Errorf("removed, %v (-want +got):\n%s", err, diff)
		}
		wantControl(t, l)
	})
}

// strikeBusy lets the n-th call of a name be refused once, and does something
// meanwhile, so that the same request meets another row when it is sent again.
func strikeBusy(faults *fault.Set, call string, n int, do func()) {
	faults.Add(fault.Fault{
		Call: call, Nth: n, Mode: fault.ErrorBefore, Status: 503, Code: "OTSServerBusy", Message: "busy", OnStrike: do,
	})
}

// (ledger rule 52)
func TestARequestThatIsLateReplacesAndRemovesNothingNewer(t *testing.T) {
	old, newer := breakerOf("old", 0), breakerOf("newer", 20)
	t.Run("an opener", func(t *testing.T) {
		l, _, faults := open(t)
		mustOpen(t, l, old)
		// The first put of the two finds the old one in its way.
		strikeBusy(faults, "PutRow", 2, func() { mustOpen(t, l, newer) })
		if got := mustOpen(t, l, breakerOf("late", 20)); got != newer {
			t.Errorf("OpenBreaker = %+v, want %+v", got, newer)
		}
		wantControl(t, l, newer)
	})
	t.Run("a closer", func(t *testing.T) {
		l, _, faults := open(t)
		mustOpen(t, l, old)
		strikeBusy(faults, "DeleteRow", 1, func() { mustOpen(t, l, newer) })
		if gone, err := l.CloseBreaker(t.Context(), "clean-up", "old"); gone || err != nil {
			t.Errorf("CloseBreaker = %t, %v, want false", gone, err)
		}
		wantControl(t, l, newer)
	})
	t.Run("who resumes", func(t *testing.T) {
		l, _, faults := open(t)
		first, second := pauseOf("clean-up", "Ann", start), pauseOf("clean-up", "Bob", start.Add(time.Second))
		mustPause(t, l, first)
		strikeBusy(faults, "DeleteRow", 1, func() { mustPause(t, l, second) })
		gone, err := l.Resume(t.Context(), "clean-up")
		if diff := cmp.Diff(controlOf(second), gone); diff != "" || err != nil {
			t.Errorf("removed, %v (-want +got):\n%s", err, diff)
		}
		wantControl(t, l)
	})
}

// (ledger rule 54)
func TestTriesOfAConditionalWriteAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault.Fault
		want  error
	}{
		"when others are always faster": {fault.Fault{Mode: fault.ErrorBefore, Status: 403, Code: "OTSConditionCheckFail", Times: -1}, engine.ErrUnavailable},
		"when no answer arrives":        {fault.Fault{Mode: fault.CutBefore, Times: -1}, engine.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, faults := open(t)
			b := breakerOf("e1", 0)
			mustOpen(t, l, b)
			for call, write := range map[string]func() (any, error){
				"PutRow":    func() (any, error) { return l.OpenBreaker(t.Context(), breakerOf("e2", 30)) },
				"DeleteRow": func() (any, error) { return l.CloseBreaker(t.Context(), b.Flow, b.Key) },
			} {
				c.fault.Call = call
				faults.Add(c.fault)
				faults.ResetCalls()
				if _, err := write(); !errors.Is(err, c.want) || errors.Is(err, engine.ErrConflict) {
					t.Errorf("error = %v, want %v", err, c.want)
				}
				if n := faults.Calls()[call]; n != 8 {
					t.Errorf("%d calls of %s, want 8", n, call)
				}
				faults.Clear()
			}
		})
	}
}

// TestAWriteInDoubtIsNotReportedAsUndone: the time is up when it should be
// read whether the write landed.
// (ledger rule 54)
func TestAWriteInDoubtIsNotReportedAsUndone(t *testing.T) {
	for name, call := range map[string]func(*ledger.Ledger, context.Context) error{
		"OpenBreaker": func(l *ledger.Ledger, ctx context.Context) error {
			_, err := l.OpenBreaker(ctx, breakerOf("e2", 30))
			return err
		},
		"CloseBreaker": func(l *ledger.Ledger, ctx context.Context) error {
			_, err := l.CloseBreaker(ctx, "clean-up", "e1")
			return err
		},
		"Resume": func(l *ledger.Ledger, ctx context.Context) error {
			_, err := l.Resume(ctx, "clean-up")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, faults := open(t)
			mustOpen(t, l, breakerOf("e1", 0))
			ctx, cancel := context.WithCancel(t.Context())
			faults.Add(fault.Fault{Call: "PutRow", Mode: fault.CutAfter, OnStrike: cancel})
			faults.Add(fault.Fault{Call: "DeleteRow", Mode: fault.CutAfter, OnStrike: cancel})
			if err := call(l, ctx); !errors.Is(err, engine.ErrUnknownOutcome) || errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("error = %v, want ErrUnknownOutcome", err)
			}
		})
	}
}
