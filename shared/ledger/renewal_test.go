package ledger_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/ledger"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

// aging is open with a clock that can be set some days ahead.
func aging(t *testing.T) (l *ledger.Ledger, server *tablestore.Server, faults *fault.Set, after func(days int)) {
	t.Helper()
	var passed atomic.Int64
	l, server, faults = openAt(t, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) })
	return l, server, faults, func(days int) { passed.Store(int64(days) * int64(24*time.Hour)) }
}

// (ledger rules 50, 55)
func TestAStopThatIsReadOutlivesItsRowsTime(t *testing.T) {
	l, _, faults, after := aging(t)
	p, b := stopOf("", "Ann", start), breakerOf("e1", 0)
	mustStop(t, l, p)
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
		if got := faults.Calls(); got["PutRow"] != 2*c.puts || got["GetRange"] != 1 {
			t.Errorf("on day %d there were the calls %v, want one to read, and %d to write the stop and the schema each", c.days, got, c.puts)
		}
	}
}

// (ledger rule 55)
func TestARenewalBringsNoStopBack(t *testing.T) {
	first, second := stopOf("clean-up", "Ann", start), stopOf("clean-up", "Bob", start.Add(time.Second))
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *ledger.Ledger)
		want      []any
	}{
		"that was resumed while it was read": {func(t *testing.T, l *ledger.Ledger) {
			wantResume(t, l, "clean-up", first)
		}, nil},
		"that was replaced while it was read": {func(t *testing.T, l *ledger.Ledger) {
			wantResume(t, l, "clean-up", first)
			mustStop(t, l, second)
		}, []any{second}},
	} {
		t.Run(name, func(t *testing.T) {
			l, server, _, after := aging(t)
			mustStop(t, l, first)
			after(20)
			var once sync.Once
			server.OnRow(func(_ string, row int) {
				if row == 2 { // after the schema's
					once.Do(func() { c.meanwhile(t, l) })
				}
			})
			wantControl(t, l, first)
			server.OnRow(nil)
			wantControl(t, l, c.want...)
		})
	}
}

func TestARenewalThatFailsIsMadeUpForByTheNextRead(t *testing.T) {
	l, _, faults, after := aging(t)
	p := stopOf("clean-up", "Ann", start)
	mustStop(t, l, p)
	after(20)
	faults.ResetCalls()
	faults.Add(fault.Fault{Call: "PutRow", Mode: fault.ErrorBefore, Times: 4})
	for _, puts := range []int{2, 4, 6, 6} { // of the stop and the schema
		wantControl(t, l, p)
		if got := faults.Calls()["PutRow"]; got != puts {
			t.Errorf("they were written %d times, want %d", got, puts)
		}
	}
}
