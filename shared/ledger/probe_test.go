package ledger_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/google/go-cmp/cmp"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/tests/localcloud/fault"
	"aftercare/tests/localcloud/tablestore"
)

var (
	allTables = []string{"aftercare_instances", "aftercare_wakeups", "aftercare_shared", "aftercare_alerts", "aftercare_quarantine"}
	allLists  = []string{"aftercare_fleet", "aftercare_history", "aftercare_timeline"}
)

// lacks returns the lists that a check misses, and fails about anything else.
func lacks(t *testing.T, l *ledger.Ledger) (names []string) {
	t.Helper()
	err := l.CheckTables(t.Context(), ledger.MinTTL)
	if err == nil {
		return nil
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name := strings.Fields(line)[2]
		if line != "the list "+name+" is missing, 'aftercare tables create' makes it if Tablestore allows lists" {
			t.Errorf("the check says %q", line)
		}
		names = append(names, name)
	}
	return names
}

// TestAServiceThatRefusesCommitsBesideListsGetsNone, and everything else works.
// (ledger rule 66)
func TestAServiceThatRefusesCommitsBesideListsGetsNone(t *testing.T) {
	refusing := func(t *testing.T) (*ledger.Ledger, *tablestore.Server) {
		l, server, _ := bare(t, tablestore.Options{NoAtomicBatchOnIndexes: true})
		made, lists, err := l.CreateTables(t.Context(), ledger.MinTTL)
		if err != nil || lists || !slices.Equal(made, allTables) {
			t.Fatalf("CreateTables = %v, %t, %v, want the tables without lists", made, lists, err)
		}
		return l, server
	}
	l, server := refusing(t)
	if got := lacks(t, l); !slices.Equal(got, allLists) {
		t.Errorf("the check misses %v", got)
	}
	if made, lists, err := l.CreateTables(t.Context(), ledger.MinTTL); err != nil || lists || len(made) > 0 {
		t.Errorf("made again: %v, %t, %v", made, lists, err)
	}
	if there, err := rawClient(t, server).ListTable(); err != nil || len(there.TableNames) != len(allTables) {
		t.Errorf("tables %v, %v, want no other", there, err)
	}
	must(t, record(t, l, instanceID, "t-1", start))
	err := l.History(t.Context(), ledger.Query{From: start, Before: start.Add(time.Hour)}, func(ledger.Entry) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "the list aftercare_history is missing") {
		t.Errorf("History = %v, want an error about the list", err)
	}
	if r, more, err := l.Recent(t.Context(), instanceID, time.Time{}, 5); err != nil || more || len(r.Executions) != 1 {
		t.Errorf("Recent = %+v, %t, %v, want the record", r, more, err)
	}
	ledgertest.Exercise(t, func(t *testing.T) ledgertest.Subject {
		l, server := refusing(t)
		return subject(t, l, server)
	})
}

// TestALostListIsMadeAgainWithTheRowsThatAreThere.
// (ledger rule 65)
func TestALostListIsMadeAgainWithTheRowsThatAreThere(t *testing.T) {
	l, server, _ := bare(t, tablestore.Options{IndexLag: 50 * time.Millisecond})
	for i, want := range [][]string{allTables, nil} {
		made, lists, err := l.CreateTables(t.Context(), ledger.MinTTL)
		if err != nil || !lists || !slices.Equal(made, want) || lacks(t, l) != nil {
			t.Fatalf("CreateTables %d = %v, %t, %v", i+1, made, lists, err)
		}
	}
	server.SetIndexLag(0)
	must(t, record(t, l, instanceID, "t-1", start))
	drop := &sdk.DeleteIndexRequest{MainTableName: "aftercare_instances", IndexName: "aftercare_history"}
	if _, err := rawClient(t, server).DeleteIndex(drop); err != nil {
		t.Fatal(err)
	}
	if got := lacks(t, l); !slices.Equal(got, allLists[1:2]) {
		t.Errorf("the check misses %v", got)
	}
	made, lists, err := l.CreateTables(t.Context(), ledger.MinTTL)
	if err != nil || !lists || !slices.Equal(made, allLists[1:2]) {
		t.Errorf("CreateTables = %v, %t, %v, want the lost list", made, lists, err)
	}
	if got := history(t, l, ledger.Query{From: start, Before: start.Add(time.Hour)}); len(got) != 1 {
		t.Errorf("the history has %v", got)
	}
}

// TestATableMayTakeAWhileUntilItIsThere, as the service's do.
// (ledger rule 66)
func TestATableMayTakeAWhileUntilItIsThere(t *testing.T) {
	l, _, faults := bare(t, tablestore.Options{})
	for _, call := range []string{"BatchWriteRow", "GetRange"} {
		faults.Add(fault.Fault{Call: call, Mode: fault.ErrorBefore, Status: 404, Code: "OTSObjectNotExist", Times: 2})
	}
	if made, lists, err := l.CreateTables(t.Context(), ledger.MinTTL); err != nil || !lists || !slices.Equal(made, allTables) {
		t.Errorf("CreateTables = %v, %t, %v", made, lists, err)
	}
}

// TestAProbeThatDidNotEndHarmsNothing: it fails at each of its calls, and the
// next one finds what it left.
func TestAProbeThatDidNotEndHarmsNothing(t *testing.T) {
	for call, n := range map[string]int{"CreateTable": 1, "BatchWriteRow": 2, "GetRange": 3, "DropIndex": 3, "DeleteTable": 1} {
		for i := 1; i <= n; i++ {
			l, server, faults := bare(t, tablestore.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			faults.Add(fault.Fault{Call: call, Nth: i, Mode: fault.HangAfter, OnStrike: cancel})
			if _, _, err := l.CreateTables(ctx, ledger.MinTTL); err == nil {
				t.Errorf("%s %d hung, and there was no error", call, i)
			}
			faults.Clear()
			if _, lists, err := l.CreateTables(t.Context(), ledger.MinTTL); err != nil || !lists {
				t.Errorf("after %s %d: %t, %v", call, i, lists, err)
			}
			there, err := rawClient(t, server).ListTable()
			if err != nil || lacks(t, l) != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(allTables)), there.TableNames); diff != "" {
				t.Errorf("after %s %d, tables (-want +got):\n%s", call, i, diff)
			}
		}
	}
}

// (ledger rules 34, 35)
func TestATableThatIsMissingOrInAnotherFormIsNamed(t *testing.T) {
	l, _, _ := bare(t, tablestore.Options{})
	_, loaded := l.Load(t.Context(), instanceID)
	_, controlled := l.Control(t.Context())
	for i, err := range []error{
		loaded, l.Arm(t.Context(), engine.Wakeup{InstanceID: instanceID, Due: start}), controlled, l.Post(t.Context(), "k", 1, decide.Alert{}),
		l.Quarantine(t.Context(), "f", nil, "r", start),
	} {
		if err == nil || !strings.Contains(err.Error(), "table "+allTables[i]+" is missing, create it with 'aftercare tables create'") {
			t.Errorf("without %s: %v", allTables[i], err)
		}
	}
	if err := l.CheckTables(t.Context(), ledger.MinTTL); err == nil || strings.Count(err.Error(), "is missing") != 5 {
		t.Errorf("nothing is there, and the check says %v", err)
	}
	if _, _, err := l.CreateTables(t.Context(), ledger.MinTTL-1); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("a time to live that is too short: %v", err)
	}
	for want, request := range map[string]sdk.CreateTableRequest{
		"another primary key":  {TableOption: sdk.NewTableOption(int(ledger.MinTTL/time.Second), 1)},
		"another time to live": {TableOption: sdk.NewTableOption(-1, 1)},
		"allows updates":       {TableOption: sdk.NewTableOption(int(ledger.MinTTL/time.Second), 1)},
		"the list aftercare_history exists with other columns": {
			TableOption: sdk.NewTableOption(-1, 1),
			IndexMetas:  []*sdk.IndexMeta{{IndexName: "aftercare_history", Primarykey: []string{"fleet"}, IndexType: sdk.IT_GLOBAL_INDEX}},
		},
	} {
		l, server, _ := bare(t, tablestore.Options{})
		request.TableMeta, request.ReservedThroughput = &sdk.TableMeta{TableName: "aftercare_instances"}, &sdk.ReservedThroughput{}
		request.TableMeta.AddPrimaryKeyColumn("pk", sdk.PrimaryKeyType_STRING)
		if want != "another primary key" {
			request.TableMeta.AddPrimaryKeyColumn("row", sdk.PrimaryKeyType_STRING)
		}
		request.TableMeta.AddDefinedColumn("fleet", sdk.DefinedColumn_STRING)
		if _, err := rawClient(t, server).CreateTable(&request); err != nil {
			t.Fatal(err)
		}
		_, _, made := l.CreateTables(t.Context(), ledger.MinTTL)
		for _, err := range []error{l.CheckTables(t.Context(), ledger.MinTTL), made} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}
