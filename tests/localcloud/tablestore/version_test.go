package tablestore_test

import (
	"fmt"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/tablestore"
)

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func (c *clock) ms() int64 { return c.now.UnixMilli() }

// cells reads a row as "name=value" of every version, in order; nil if there
// is no row.
func (tb table) cells(pk, row string, change func(*sdk.SingleRowQueryCriteria)) []string {
	tb.t.Helper()
	criteria := &sdk.SingleRowQueryCriteria{TableName: tb.name, PrimaryKey: key(pk, row), MaxVersion: 100}
	if change != nil {
		change(criteria)
	}
	got, err := tb.client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: criteria})
	if err != nil {
		tb.t.Fatal(err)
	}
	if len(got.PrimaryKey.PrimaryKeys) == 0 {
		return nil
	}
	out := []string{}
	for _, c := range got.Columns {
		out = append(out, fmt.Sprintf("%s=%v", c.ColumnName, c.Value))
	}
	return out
}

func versions(n int) func(*sdk.CreateTableRequest) {
	return func(r *sdk.CreateTableRequest) { r.TableOption.MaxVersion = n }
}

func TestVersions(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	tb := newTable(t, connect(start(t, tablestore.Options{Now: c.time})), "rows", versions(2))
	first := c.ms()
	for i := range 3 {
		u := tb.update("p", "1")
		u.PutColumn("a", fmt.Sprint(i))
		u.PutColumn("b", fmt.Sprint(i))
		tb.mustWrite(u)
		c.now = c.now.Add(time.Second)
	}
	equal(t, "two versions, newest first", tb.cells("p", "1", nil), []string{"a=2", "a=1", "b=2", "b=1"})
	equal(t, "one version asked for", tb.cells("p", "1", func(q *sdk.SingleRowQueryCriteria) { q.MaxVersion = 1 }), []string{"a=2", "b=2"})
	equal(t, "a specific time", tb.cells("p", "1", func(q *sdk.SingleRowQueryCriteria) {
		q.MaxVersion, q.TimeRange = 0, &sdk.TimeRange{Specific: first + 1000}
	}), []string{"a=1", "b=1"})
	equal(t, "a time range without its end", tb.cells("p", "1", func(q *sdk.SingleRowQueryCriteria) {
		q.MaxVersion, q.TimeRange = 0, &sdk.TimeRange{Start: first + 1000, End: first + 2000}
	}), []string{"a=1", "b=1"})
	equal(t, "a time without versions", tb.cells("p", "1", func(q *sdk.SingleRowQueryCriteria) {
		q.MaxVersion, q.TimeRange = 0, &sdk.TimeRange{Specific: first}
	}), []string{})

	u := tb.update("p", "1")
	u.DeleteColumnWithTimestamp("a", first+2000)
	u.DeleteColumn("b")
	tb.mustWrite(u)
	equal(t, "a version and a column deleted", tb.cells("p", "1", nil), []string{"a=1"})

	old := tb.update("p", "1")
	old.PutColumnWithTimestamp("a", "older", first)
	tb.mustWrite(old)
	equal(t, "an older version does not come first", tb.cells("p", "1", nil), []string{"a=1", "a=older"})
}

func TestVersionsTooFarFromNowAreRefused(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	tb := newTable(t, connect(start(t, tablestore.Options{Now: c.time})), "rows", func(r *sdk.CreateTableRequest) {
		r.TableOption.DeviationCellVersionInSec = 10
	})
	for offset, code := range map[int64]string{
		-10000: "", -10001: "OTSParameterInvalid", 9999: "", 10000: "OTSParameterInvalid",
	} {
		change := tb.put("p", "1")
		change.AddColumnWithTimestamp("x", "1", c.ms()+offset)
		check(t, tb.write(change), code, 400)
	}
}

func TestTimeToLive(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		c := &clock{time.Unix(1_800_000_000, 0)}
		o.Now = c.time
		tb := newTable(t, connect(start(t, o)), "rows", func(r *sdk.CreateTableRequest) {
			r.TableOption.TimeToAlive = 86400
		})
		tb.mustWrite(tb.put("p", "bare"), tb.put("p", "early", "x", "1"), tb.put("p", "late", "x", "1"))
		c.now = c.now.Add(time.Hour)
		u := tb.update("p", "late")
		u.PutColumn("y", "1")
		tb.mustWrite(u)

		c.now = c.now.Add(23*time.Hour - time.Millisecond)
		equal(t, "rows just before", tb.rowsOf("p"), []string{"bare", "early", "late"})
		c.now = c.now.Add(time.Millisecond)
		equal(t, "rows afterwards", tb.rowsOf("p"), []string{"late"})
		equal(t, "each cell for itself", tb.cells("p", "late", nil), []string{"y=1"})
		if got := tb.get("p", "early"); got != nil {
			t.Errorf("an expired row is %v", got)
		}
		check(t, tb.write(expectNone(tb.put("p", "early", "x", "2"))), "", 0)
		increment := tb.update("p", "late")
		increment.SetColumnCondition(strict(single("x", sdk.CT_EQUAL, "1")))
		increment.PutColumn("z", "1")
		check(t, tb.write(increment), "OTSConditionCheckFail", 403)
	})
}

func TestColumnsOfARow(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	tb.mustWrite(tb.put("p", "1", "a", int64(1), "b", int64(2), "c", int64(3), "d", int64(4), "e", int64(5)))
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		name   string
		change func(*sdk.SingleRowQueryCriteria)
		want   []string
	}{
		{"all", nil, []string{"a=1", "b=2", "c=3", "d=4", "e=5"}},
		{"some", func(q *sdk.SingleRowQueryCriteria) { q.ColumnsToGet = []string{"d", "b", "d", "none"} }, []string{"b=2", "d=4"}},
		{"none of those asked for", func(q *sdk.SingleRowQueryCriteria) { q.ColumnsToGet = []string{"none"} }, nil},
		{"only the primary key", func(q *sdk.SingleRowQueryCriteria) { q.ColumnsToGet = []string{"pk"} }, []string{}},
		{"from a start column", func(q *sdk.SingleRowQueryCriteria) { q.StartColumn = text("c") }, []string{"c=3", "d=4", "e=5"}},
		{"to an end column, which is not included", func(q *sdk.SingleRowQueryCriteria) { q.StartColumn, q.EndColumn = text("b"), text("d") }, []string{"b=2", "c=3"}},
		{"a page", func(q *sdk.SingleRowQueryCriteria) { q.Filter = &sdk.PaginationFilter{Offset: 1, Limit: 2} }, []string{"b=2", "c=3"}},
		{"a page from a start column", func(q *sdk.SingleRowQueryCriteria) {
			q.StartColumn, q.Filter = text("c"), &sdk.PaginationFilter{Offset: 1, Limit: 9}
		}, []string{"d=4", "e=5"}},
		{"a page behind the end", func(q *sdk.SingleRowQueryCriteria) { q.Filter = &sdk.PaginationFilter{Offset: 9, Limit: 9} }, []string{}},
		{"a filter that holds", func(q *sdk.SingleRowQueryCriteria) { q.Filter = single("a", sdk.CT_EQUAL, int64(1)) }, []string{"a=1", "b=2", "c=3", "d=4", "e=5"}},
		{"a filter that does not", func(q *sdk.SingleRowQueryCriteria) { q.Filter = single("a", sdk.CT_EQUAL, int64(2)) }, nil},
		{"a filter sees only the columns to get", func(q *sdk.SingleRowQueryCriteria) {
			q.ColumnsToGet, q.Filter = []string{"b"}, strict(single("a", sdk.CT_EQUAL, int64(1)))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tb.cells("p", "1", c.change)
			equal(t, "cells", got, c.want)
			if (got == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAFilterMaySeeOldVersions(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	tb := newTable(t, connect(start(t, tablestore.Options{Now: c.time})), "rows", versions(2))
	for _, v := range []string{"old", "new"} {
		u := tb.update("p", "1")
		u.PutColumn("x", v)
		tb.mustWrite(u)
		c.now = c.now.Add(time.Second)
	}
	for latestOnly, want := range map[bool][]string{false: {"x=new", "x=old"}, true: nil} {
		condition := strict(single("x", sdk.CT_EQUAL, "old"))
		condition.LatestVersionOnly = latestOnly
		equal(t, fmt.Sprintf("latest only %v", latestOnly), tb.cells("p", "1", func(q *sdk.SingleRowQueryCriteria) { q.Filter = condition }), want)
	}
}

func TestSimpleRowMatrixHoldsTheSameRows(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	tb.mustWrite(tb.put("p", "1", "a", int64(1), "s", "x"), tb.put("p", "2"), tb.put("p", "3", "b", true, "d", 1.5, "bin", []byte{7}))
	read := func(format sdk.DataBlockType) string {
		criteria := tb.criteria(bound("-", "-"), bound("+", "+"))
		criteria.DataBlockType = format
		got, err := tb.client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: criteria})
		if err != nil {
			t.Fatal(err)
		}
		if got.DataBlockType != format {
			t.Errorf("got format %v, want %v", got.DataBlockType, format)
		}
		out := ""
		for _, row := range got.Rows {
			for _, k := range row.PrimaryKey.PrimaryKeys {
				out += fmt.Sprintf("%s=%v ", k.ColumnName, k.Value)
			}
			for _, c := range row.Columns {
				out += fmt.Sprintf("%s=%v ", c.ColumnName, c.Value)
			}
		}
		return out
	}
	if matrix, plain := read(sdk.SimpleRowMatrix), read(sdk.PlainBuffer); matrix != plain {
		t.Errorf("got %q, want %q", matrix, plain)
	}
}

func TestVersionsThatWereDroppedDoNotComeBack(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	tb := newTable(t, connect(start(t, tablestore.Options{Now: c.time})), "rows")
	for i := range 3 {
		u := tb.update("p", "1")
		u.PutColumn("x", fmt.Sprint(i))
		tb.mustWrite(u)
		c.now = c.now.Add(time.Second)
	}
	_, err := tb.client.UpdateTable(&sdk.UpdateTableRequest{TableName: tb.name, TableOption: &sdk.TableOption{TimeToAlive: -1, MaxVersion: 3}})
	check(t, err, "", 0)
	equal(t, "cells", tb.cells("p", "1", nil), []string{"x=2"})
}
