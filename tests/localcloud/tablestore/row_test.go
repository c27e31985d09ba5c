package tablestore_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/google/go-cmp/cmp"

	"aftercare/tests/localcloud/tablestore"
)

func TestRowsAreWrittenReadAndDeleted(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		tb := newTable(t, connect(start(t, o)), "rows")
		if got := tb.get("a", "1"); got != nil {
			t.Errorf("a row that nobody wrote is %v", got)
		}
		all := map[string]any{"i": int64(-5), "d": 2.5, "b": true, "s": "grüße", "bin": []byte{0, 1}}
		tb.mustWrite(tb.put("a", "1", "i", int64(-5), "d", 2.5, "b", true, "s", "grüße", "bin", []byte{0, 1}))
		if diff := cmp.Diff(all, tb.get("a", "1")); diff != "" {
			t.Errorf("after PutRow (-want +got):\n%s", diff)
		}
		u := tb.update("a", "1")
		u.PutColumn("s", "new")
		u.DeleteColumn("bin")
		tb.mustWrite(u)
		all["s"] = "new"
		delete(all, "bin")
		if diff := cmp.Diff(all, tb.get("a", "1")); diff != "" {
			t.Errorf("after UpdateRow (-want +got):\n%s", diff)
		}
		tb.mustWrite(tb.put("a", "1", "only", "this"))
		if diff := cmp.Diff(map[string]any{"only": "this"}, tb.get("a", "1")); diff != "" {
			t.Errorf("a second PutRow replaces the row (-want +got):\n%s", diff)
		}
		tb.mustWrite(tb.delete("a", "1"))
		if got := tb.get("a", "1"); got != nil {
			t.Errorf("after DeleteRow the row is %v", got)
		}
	})
}

func TestUpdatesOfMissingAndEmptyRows(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	onlyDeletes := tb.update("a", "1")
	onlyDeletes.DeleteColumn("x")
	tb.mustWrite(onlyDeletes)
	if got := tb.get("a", "1"); got != nil {
		t.Errorf("an update that only deletes columns made a row: %v", got)
	}
	tb.mustWrite(tb.put("a", "1", "x", "1"), onlyDeletes)
	if got := tb.get("a", "1"); got == nil || len(got) != 0 {
		t.Errorf("a row that lost its last column is %v, want a row without columns", got)
	}
	makes := tb.update("a", "2")
	makes.PutColumn("x", "1")
	tb.mustWrite(makes, tb.put("a", "3"))
	if got := tb.get("a", "2"); len(got) != 1 {
		t.Errorf("an update made the row %v, want one column", got)
	}
	if got := tb.get("a", "3"); got == nil {
		t.Error("a row may have no columns at all, and is missing")
	}
}

func TestIncrements(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	add := func(column string, by int64) (*sdk.UpdateRowResponse, error) {
		u := tb.update("a", "1")
		u.IncrementColumn(column, by)
		u.SetReturnIncrementValue()
		u.AppendIncrementColumnToReturn(column)
		return tb.client.UpdateRow(&sdk.UpdateRowRequest{UpdateRowChange: u})
	}
	for _, want := range []int64{7, 14} {
		got, err := add("n", 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Columns) != 1 || got.Columns[0].ColumnName != "n" || got.Columns[0].Value != want {
			t.Errorf("got %v after the increment, want n = %d", got.Columns, want)
		}
	}
	tb.mustWrite(tb.put("a", "1", "s", "text", "big", int64(1<<62)))
	_, err := add("s", 1)
	check(t, err, "OTSParameterInvalid", 400)
	_, err = add("big", 1<<62)
	check(t, err, "OTSParameterInvalid", 400)
	if diff := cmp.Diff(map[string]any{"s": "text", "big": int64(1 << 62)}, tb.get("a", "1")); diff != "" {
		t.Errorf("a refused increment changed the row (-want +got):\n%s", diff)
	}
}

func TestAutoIncrementKeysGrowWithinAPartition(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	newTable(t, client, "auto", func(req *sdk.CreateTableRequest) {
		req.TableMeta.SchemaEntry = nil
		req.TableMeta.AddPrimaryKeyColumn("pk", sdk.PrimaryKeyType_STRING)
		req.TableMeta.AddPrimaryKeyColumnOption("id", sdk.PrimaryKeyType_INTEGER, sdk.AUTO_INCREMENT)
	})
	last := int64(0)
	for range 20 {
		change := &sdk.PutRowChange{TableName: "auto", PrimaryKey: new(sdk.PrimaryKey)}
		change.PrimaryKey.AddPrimaryKeyColumn("pk", "p")
		change.PrimaryKey.AddPrimaryKeyColumnWithAutoIncrement("id")
		change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
		change.SetReturnPk()
		got, err := client.PutRow(&sdk.PutRowRequest{PutRowChange: change})
		if err != nil {
			t.Fatal(err)
		}
		id := got.PrimaryKey.PrimaryKeys[1].Value.(int64)
		if id <= last {
			t.Fatalf("got id %d after %d, want a greater one", id, last)
		}
		last = id
	}
}

func TestOneOfManyConcurrentInsertsWins(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		tb := newTable(t, connect(start(t, o)), "rows")
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				change := tb.put("a", "1", "x", "1")
				change.SetCondition(sdk.RowExistenceExpectation_EXPECT_NOT_EXIST)
				err := tb.write(change)
				if err == nil {
					won.Add(1)
				} else if strings.HasPrefix(err.Error(), "OTSConditionCheckFail") {
					lost.Add(1)
				} else {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 31 {
			t.Errorf("%d inserts won and %d lost, want 1 and 31", won.Load(), lost.Load())
		}
	})
}

func TestConcurrentIncrementsAreAllCounted(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		tb := newTable(t, connect(start(t, o)), "rows")
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				u := tb.update("a", "1")
				u.IncrementColumn("n", 1)
				if err := tb.write(u); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := tb.get("a", "1")["n"]; got != int64(16) {
			t.Errorf("got %v, want 16", got)
		}
	})
}
