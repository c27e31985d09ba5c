package ledger_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// openAt is open with tables of the shortest time to live and a clock that
// moves.
func openAt(t *testing.T, now func() time.Time) (*ledger.Ledger, *tablestore.Server, *fault.Set) {
	t.Helper()
	faults := &fault.Set{}
	server, err := tablestore.Start(tablestore.Options{Keys: access.NewKeys(key), Now: now, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: server.Endpoint(), Instance: "ledger", Transport: transport.NewPool(time.Now), Now: now,
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.CreateTables(t.Context(), ledger.MinTTL); err != nil {
		t.Fatal(err)
	}
	return l, server, faults
}

// (ledger rule 55)
func TestAPauseThatIsReadOutlivesItsRowsTime(t *testing.T) {
	var passed atomic.Int64
	after := func(days int) { passed.Store(int64(days) * int64(24*time.Hour)) }
	l, _, faults := openAt(t, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) })
	p, b := pauseOf(decide.AllFlows, "Ann", start), breakerOf("e1", 0)
	mustPause(t, l, p)
	mustOpen(t, l, b)
	for _, c := range []struct {
		days, puts int
		there      []any
	}{
		{0, 0, []any{p, b}},
		{8, 0, []any{p, b}},
		{9, 1, []any{p, b}},
		{17, 0, []any{p, b}},
		{36, 1, []any{p}}, // the breaker's row has expired
		{70, 1, []any{p}},
		{104, 1, []any{p}},
		{140, 0, nil}, // nobody read it in time
	} {
		after(c.days)
		faults.ResetCalls()
		wantControl(t, l, c.there...)
		if got := faults.Calls()["PutRow"]; got != c.puts {
			t.Errorf("on day %d the pause was written %d times, want %d", c.days, got, c.puts)
		}
	}
}

// (ledger rule 55)
func TestARenewalBringsNoPauseBack(t *testing.T) {
	first, second := pauseOf("clean-up", "Ann", start), pauseOf("clean-up", "Bob", start.Add(time.Second))
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *ledger.Ledger)
		want      []any
	}{
		"that was resumed while it was read": {func(t *testing.T, l *ledger.Ledger) {
			if _, err := l.Resume(t.Context(), "clean-up"); err != nil {
				t.Error(err)
			}
		}, nil},
		"that was replaced while it was read": {func(t *testing.T, l *ledger.Ledger) { mustPause(t, l, second) }, []any{second}},
	} {
		t.Run(name, func(t *testing.T) {
			var passed atomic.Int64
			l, server, _ := openAt(t, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) })
			mustPause(t, l, first)
			passed.Store(int64(20 * 24 * time.Hour))
			var once sync.Once
			server.OnRow(func(string, int) { once.Do(func() { c.meanwhile(t, l) }) })
			wantControl(t, l, first)
			server.OnRow(nil)
			wantControl(t, l, c.want...)
		})
	}
}

func TestARenewalThatFailsIsMadeUpForByTheNextRead(t *testing.T) {
	var passed atomic.Int64
	l, _, faults := openAt(t, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) })
	p := pauseOf("clean-up", "Ann", start)
	mustPause(t, l, p)
	passed.Store(int64(20 * 24 * time.Hour))
	faults.ResetCalls()
	faults.Add(fault.Fault{Call: "PutRow", Mode: fault.ErrorBefore, Times: 2})
	for _, puts := range []int{1, 2, 3, 3} {
		wantControl(t, l, p)
		if got := faults.Calls()["PutRow"]; got != puts {
			t.Errorf("the pause was written %d times, want %d", got, puts)
		}
	}
}
