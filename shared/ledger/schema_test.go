package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

const scopeOfSchema, rowOfSchema = "concern", "~schema"

func schemaIn(t *testing.T, server *tablestore.Server) map[string]any {
	t.Helper()
	return later{t, server}.rows("aftercare_shared")[[2]string{scopeOfSchema, rowOfSchema}]
}

// TestTheTablesSayForWhichSchemaTheyAre. (ledger rule 37)
func TestTheTablesSayForWhichSchemaTheyAre(t *testing.T) {
	l, server, faults := open(t)
	if got := schemaIn(t, server); got["schema"] != int64(1) || got["by"] != "dev" {
		t.Errorf("new tables say %v, want schema 1 by this version", got)
	}
	faults.ResetCalls()
	_, _, err := l.CreateTables(t.Context(), ledger.MinTTL)
	if must(t, err); faults.Calls()["PutRow"] != 0 {
		t.Error("it was noted again")
	}

	put := putter(t, server, "aftercare_shared", scopeOfSchema)
	put(rowOfSchema, map[string]any{"schema": int64(0), "by": "v0.1.0", "key": "k", "column": future})
	if err := l.CheckTables(t.Context(), ledger.MinTTL); !errors.As(err, new(ledger.OlderTables)) || !strings.Contains(err.Error(), "'aftercare tables create'") {
		t.Errorf("of older tables it says %v", err)
	}
	_, _, err = l.CreateTables(t.Context(), ledger.MinTTL)
	must(t, err)
	if got := schemaIn(t, server); got["schema"] != int64(1) || got["by"] != "dev" || got["column"] != future {
		t.Errorf("upgraded tables say %v, want schema 1, and the column kept", got)
	}
	must(t, l.CheckTables(t.Context(), ledger.MinTTL))
}

// TestWhoIsOlderThanTheTablesHearsIt, from what is read anyway, and makes no table.
// (ledger rule 37)
func TestWhoIsOlderThanTheTablesHearsIt(t *testing.T) {
	l, server, faults := bare(t, tablestore.Options{})
	if made, _, err := l.CreateTables(t.Context(), ledger.MinTTL); err != nil || len(made) == 0 {
		t.Fatal(made, err)
	}
	putter(t, server, "aftercare_shared", scopeOfSchema)(rowOfSchema, map[string]any{"schema": int64(2), "by": "v9.8.7", "key": "k"})
	const want = "use version v9.8.7 or a later one"
	faults.ResetCalls()
	made, _, err := l.CreateTables(t.Context(), ledger.MinTTL)
	if calls := faults.Calls(); len(made) > 0 || err == nil || !strings.Contains(err.Error(), want) || len(calls) != 1 || calls["GetRow"] != 1 {
		t.Errorf("it made %v with the calls %v and said %v", made, calls, err)
	}
	if err := l.CheckTables(t.Context(), ledger.MinTTL); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a check says %v", err)
	}

	var heard []string
	pool := transport.NewPool(time.Now)
	t.Cleanup(pool.CloseIdleConnections)
	l = dial(t, ledger.Config{
		Endpoint: server.Endpoint(), Instance: "ledger", Transport: pool, Newer: func(e ledger.NewerTables) { heard = append(heard, e.By) },
	})
	faults.ResetCalls()
	c, err := l.Control(t.Context())
	must(t, err)
	known, err := l.Concerns(t.Context())
	must(t, err)
	if len(heard) != 2 || heard[0] != "v9.8.7" || len(c.Concerns)+len(known) > 0 || faults.Calls()["GetRange"] != 2 || len(faults.Calls()) != 1 {
		t.Errorf("heard %q, beside %v and %v, with the calls %v", heard, c.Concerns, known, faults.Calls())
	}
}

// TestTheSchemaIsNotedWhateverFails. (ledger rule 37)
func TestTheSchemaIsNotedWhateverFails(t *testing.T) {
	_, made, _ := open(t)
	for _, mode := range fault.Modes {
		for _, call := range []string{"GetRow", "PutRow"} {
			l, server, faults := bare(t, tablestore.Options{Copy: made})
			putter(t, server, "aftercare_shared", scopeOfSchema)(rowOfSchema, map[string]any{"schema": int64(0), "key": "k"})
			faults.Add(fault.Fault{Call: call, Mode: mode, Times: 2})
			_, _, err := l.CreateTables(t.Context(), ledger.MinTTL)
			faults.Clear()
			if err != nil {
				_, _, err = l.CreateTables(t.Context(), ledger.MinTTL)
			}
			if must(t, err); schemaIn(t, server)["schema"] != int64(1) {
				t.Errorf("%s %s: it says %v", mode, call, schemaIn(t, server))
			}
		}
	}
}

// TestTheSchemaOutlivesItsRow, as stops do. (ledger rules 37, 55)
func TestTheSchemaOutlivesItsRow(t *testing.T) {
	l, server, _, after := aging(t)
	putter(t, server, "aftercare_shared", scopeOfSchema)(rowOfSchema, map[string]any{"schema": int64(2), "by": "v9", "key": "k", "column": future})
	for _, days := range []int{30, 60, 90} {
		after(days)
		_, err := l.Control(t.Context())
		must(t, err)
	}
	if got := schemaIn(t, server); got["schema"] != int64(2) || got["column"] != future {
		t.Errorf("after 90 days it says %v", got)
	}
}
