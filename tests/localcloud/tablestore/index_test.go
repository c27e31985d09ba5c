package tablestore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/tablestore"
)

// withIndexes gives a table predefined columns and these indexes, each described
// as "name: index columns; attributes". A name that begins with local is a local
// index's.
func withIndexes(indexes ...string) func(*sdk.CreateTableRequest) {
	return func(r *sdk.CreateTableRequest) {
		r.TableMeta.AddDefinedColumn("city", sdk.DefinedColumn_STRING)
		r.TableMeta.AddDefinedColumn("kind", sdk.DefinedColumn_BINARY)
		r.TableMeta.AddDefinedColumn("at", sdk.DefinedColumn_INTEGER)
		r.TableMeta.AddDefinedColumn("note", sdk.DefinedColumn_STRING)
		r.TableMeta.AddDefinedColumn("ratio", sdk.DefinedColumn_DOUBLE)
		for _, described := range indexes {
			r.AddIndexMeta(indexMeta(described))
		}
	}
}

func indexMeta(described string) *sdk.IndexMeta {
	name, columns, _ := strings.Cut(described, ":")
	keys, attributes, _ := strings.Cut(columns, ";")
	meta := &sdk.IndexMeta{IndexName: name, Primarykey: strings.Fields(keys), DefinedColumns: strings.Fields(attributes)}
	if strings.HasPrefix(name, "local") {
		meta.SetAsLocalIndex()
	}
	return meta
}

// rowsThatExpire makes rows end after a day. Such a table may have indexes only
// without updates.
func rowsThatExpire(r *sdk.CreateTableRequest) {
	r.TableOption.TimeToAlive = 86400
	r.TableOption.AllowUpdate = proto.Bool(false)
}

// rowText writes a row as "key values column=value ...".
func rowText(key *sdk.PrimaryKey, columns []*sdk.AttributeColumn) string {
	var parts []string
	for _, c := range key.PrimaryKeys {
		parts = append(parts, fmt.Sprintf("%v", c.Value))
	}
	for _, c := range columns {
		parts = append(parts, fmt.Sprintf("%s=%v", c.ColumnName, c.Value))
	}
	return strings.Join(parts, " ")
}

// rangeOf is all of a table or an index whose key has these columns.
func rangeOf(name string, columns ...string) *sdk.RangeRowQueryCriteria {
	low, high := new(sdk.PrimaryKey), new(sdk.PrimaryKey)
	for _, c := range columns {
		low.AddPrimaryKeyColumnWithMinValue(c)
		high.AddPrimaryKeyColumnWithMaxValue(c)
	}
	return &sdk.RangeRowQueryCriteria{TableName: name, StartPrimaryKey: low, EndPrimaryKey: high, Direction: sdk.FORWARD, MaxVersion: 1}
}

// scan reads the pages of a range.
func (tb table) scan(criteria *sdk.RangeRowQueryCriteria) (rows []string) {
	tb.t.Helper()
	for criteria.StartPrimaryKey != nil {
		got, err := tb.client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: criteria})
		if err != nil {
			tb.t.Fatal(err)
		}
		for _, row := range got.Rows {
			rows = append(rows, rowText(row.PrimaryKey, row.Columns))
		}
		criteria.StartPrimaryKey = got.NextStartPrimaryKey
	}
	return rows
}

func TestIndexesFollowTheirTable(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		s := start(t, o)
		tb := newTable(t, connect(s), "rows", withIndexes(
			"cities: city; note ratio",
			"times: pk at",
			"local: pk kind at; city",
		))
		empty := s.Keys()
		expect := func(when string, cities, times, local []string) {
			t.Helper()
			equal(t, "cities "+when, tb.scan(rangeOf("cities", "city", "pk", "row")), cities)
			equal(t, "times "+when, tb.scan(rangeOf("times", "pk", "at", "row")), times)
			equal(t, "local "+when, tb.scan(rangeOf("local", "pk", "kind", "at", "row")), local)
		}
		tb.mustWrite(
			tb.put("p", "1", "city", "rome", "at", int64(20), "note", "n", "ratio", 0.5, "other", "o"),
			tb.put("p", "2", "city", "oslo", "at", int64(-3), "kind", []byte("k")),
			tb.put("p", "3", "other", "o"),
			tb.put("p", "4", "city", int64(7), "at", "rome"), // of other types than defined
			tb.put("o", "9", "city", "rome", "kind", []byte("k"), "note", "m"),
		)
		expect("after puts",
			[]string{"oslo p 2", "rome o 9 note=m", "rome p 1 note=n ratio=0.5"},
			[]string{"p -3 2", "p 20 1"},
			[]string{"p [107] -3 2 city=oslo"})

		tb.mustWrite(
			tb.put("p", "1", "city", "bern", "at", int64(20)),
			tb.put("p", "2", "at", int64(4)), // without its city and kind
			tb.put("p", "3", "city", "rome"),
		)
		expect("after replacements",
			[]string{"bern p 1", "rome o 9 note=m", "rome p 3"},
			[]string{"p 4 2", "p 20 1"},
			nil)

		u := tb.update("p", "1")
		u.PutColumn("note", "new")
		u.DeleteColumn("at")
		v := tb.update("p", "3")
		v.IncrementColumn("at", 7)
		v.PutColumn("kind", []byte{1})
		tb.mustWrite(u, v)
		expect("after updates",
			[]string{"bern p 1 note=new", "rome o 9 note=m", "rome p 3"},
			[]string{"p 4 2", "p 7 3"},
			[]string{"p [1] 7 3 city=rome"})

		if codes, err := tb.batch(true, tb.delete("p", "1"), tb.put("p", "4", "city", "rome"), tb.delete("p", "3"), tb.delete("p", "none")); err != nil || strings.Join(codes, "") != "" {
			t.Fatalf("got %q, %v", codes, err)
		}
		expect("after an atomic batch",
			[]string{"rome o 9 note=m", "rome p 4"},
			[]string{"p 4 2"},
			nil)

		if codes, err := tb.batch(true, tb.delete("p", "4"), tb.put("p", "5", "city", "rome", "at", int64(1)), expectNone(tb.put("p", "2"))); err != nil || codes[0] == "" {
			t.Fatalf("got %q, %v", codes, err)
		}
		expect("after an atomic batch that failed",
			[]string{"rome o 9 note=m", "rome p 4"},
			[]string{"p 4 2"},
			nil)

		tb.mustWrite(tb.delete("o", "9"), tb.delete("p", "2"), tb.delete("p", "4"))
		if got := s.Keys(); got != empty {
			t.Errorf("%d keys are left, want %d", got, empty)
		}
	})
}

func TestReadsOfAnIndex(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows", withIndexes("times: pk at; note city"))
	for i := range 6 {
		tb.mustWrite(tb.put("p", fmt.Sprint(i), "at", int64(i/2*10), "note", fmt.Sprintf("n%d", i)))
	}
	tb.mustWrite(tb.put("q", "1", "at", int64(5), "city", "rome"))
	// at is an integer, or "-" or "+" for an end of all.
	indexKey := func(pk string, at any, row string) *sdk.PrimaryKey {
		k := new(sdk.PrimaryKey)
		k.AddPrimaryKeyColumn("pk", pk)
		switch at {
		case "-":
			k.AddPrimaryKeyColumnWithMinValue("at")
			k.AddPrimaryKeyColumnWithMinValue("row")
		case "+":
			k.AddPrimaryKeyColumnWithMaxValue("at")
			k.AddPrimaryKeyColumnWithMaxValue("row")
		default:
			k.AddPrimaryKeyColumn("at", int64(at.(int)))
			k.AddPrimaryKeyColumn("row", row)
		}
		return k
	}
	between := func(first, last *sdk.PrimaryKey, change func(*sdk.RangeRowQueryCriteria)) []string {
		criteria := &sdk.RangeRowQueryCriteria{TableName: "times", StartPrimaryKey: first, EndPrimaryKey: last, Direction: sdk.FORWARD, MaxVersion: 1}
		if change != nil {
			change(criteria)
		}
		return tb.scan(criteria)
	}
	equal(t, "one partition", between(indexKey("q", "-", ""), indexKey("q", "+", ""), nil), []string{"q 5 1 city=rome"})
	equal(t, "from a key to another", between(indexKey("p", 0, "1"), indexKey("p", 20, "4"), nil),
		[]string{"p 0 1 note=n1", "p 10 2 note=n2", "p 10 3 note=n3"})
	equal(t, "backward in pages of two", between(indexKey("p", "+", ""), indexKey("p", 0, "0"), func(c *sdk.RangeRowQueryCriteria) {
		backward(c)
		limit(2)(c)
		c.ColumnsToGet = []string{"row"}
	}), []string{"p 20 5", "p 20 4", "p 10 3", "p 10 2", "p 0 1"})
	equal(t, "with a filter", between(indexKey("p", "-", ""), indexKey("p", "+", ""), func(c *sdk.RangeRowQueryCriteria) {
		c.Filter = single("note", sdk.CT_GREATER_THAN, "n3")
	}), []string{"p 20 4 note=n4", "p 20 5 note=n5"})

	got, err := tb.client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: &sdk.SingleRowQueryCriteria{TableName: "times", PrimaryKey: indexKey("p", 10, "3"), MaxVersion: 1}})
	if err != nil || rowText(&got.PrimaryKey, got.Columns) != "p 10 3 note=n3" {
		t.Errorf("GetRow: got %+v, %v", got, err)
	}
	_, err = tb.client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: &sdk.SingleRowQueryCriteria{TableName: "times", PrimaryKey: key("p", "3"), MaxVersion: 1}})
	check(t, err, "OTSInvalidPK", 400)

	many := &sdk.MultiRowQueryCriteria{TableName: "times", MaxVersion: 1}
	many.AddRow(indexKey("q", 5, "1"))
	many.AddRow(indexKey("q", 6, "1"))
	many.AddRow(indexKey("p", 0, "0"))
	batch, err := tb.client.BatchGetRow(&sdk.BatchGetRowRequest{MultiRowQueryCriteria: []*sdk.MultiRowQueryCriteria{many}})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range batch.TableToRowsResult["times"] {
		rows = append(rows, rowText(&row.PrimaryKey, row.Columns))
	}
	equal(t, "BatchGetRow", rows, []string{"q 5 1 city=rome", "", "p 0 0 note=n0"})
}

func TestAnIndexIsReadOnly(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	newTable(t, client, "rows", withIndexes("places: row; note"))
	// The key of this index has the columns of the helpers' keys in another order.
	swapped := new(sdk.PrimaryKey)
	swapped.AddPrimaryKeyColumn("row", "1")
	swapped.AddPrimaryKeyColumn("pk", "p")
	tb := table{t, client, "places"}
	put, update, remove := tb.put("", "", "note", "n"), tb.update("", ""), tb.delete("", "")
	put.PrimaryKey, update.PrimaryKey, remove.PrimaryKey = swapped, swapped, swapped
	update.PutColumn("note", "n")
	for _, change := range []sdk.RowChange{put, update, remove} {
		check(t, tb.write(change), "OTSParameterInvalid", 400)
	}
	for _, atomic := range []bool{false, true} {
		_, err := tb.batch(atomic, put)
		check(t, err, "OTSParameterInvalid", 400)
	}
	_, err := client.UpdateTable(&sdk.UpdateTableRequest{TableName: "places", TableOption: &sdk.TableOption{TimeToAlive: -1, MaxVersion: 1}})
	check(t, err, "OTSParameterInvalid", 400)
	_, err = client.DeleteTable(&sdk.DeleteTableRequest{TableName: "places"})
	check(t, err, "OTSParameterInvalid", 400)
	_, err = client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "places", IndexMeta: indexMeta("more: note")})
	check(t, err, "OTSParameterInvalid", 400)
	equal(t, "rows", tb.scan(rangeOf("places", "row", "pk")), nil)
}

func TestRowsOfAnIndexEndWithTheirBase(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		c := &clock{time.Unix(1_800_000_000, 0)}
		o.Now = c.time
		tb := newTable(t, connect(start(t, o)), "rows", rowsThatExpire, withIndexes("cities: city; note", "rows_first: row"))
		early := tb.put("p", "2", "city", "rome")
		early.AddColumnWithTimestamp("note", "n", c.ms()-3600_000) // ends an hour before its row
		// Ends an hour before its row does, and takes the index row along.
		odd := tb.put("p", "3", "note", "n")
		odd.AddColumnWithTimestamp("city", "rome", c.ms()-3600_000)
		short := tb.put("p", "5")
		short.AddColumnWithTimestamp("note", "n", c.ms()-3600_000) // the whole row ends an hour early
		tb.mustWrite(tb.put("p", "1", "city", "rome", "note", "n"), early, odd, tb.put("p", "4"), short)
		expect := func(after time.Duration, cities, rowsFirst []string) {
			t.Helper()
			c.now = time.Unix(1_800_000_000, 0).Add(after)
			equal(t, "cities after "+after.String(), tb.scan(rangeOf("cities", "city", "pk", "row")), cities)
			equal(t, "rows after "+after.String(), tb.scan(rangeOf("rows_first", "row", "pk")), rowsFirst)
		}
		expect(0, []string{"rome p 1 note=n", "rome p 2 note=n", "rome p 3 note=n"}, []string{"1 p", "2 p", "3 p", "4 p", "5 p"})
		expect(23*time.Hour-1, []string{"rome p 1 note=n", "rome p 2 note=n", "rome p 3 note=n"}, []string{"1 p", "2 p", "3 p", "4 p", "5 p"})
		expect(23*time.Hour, []string{"rome p 1 note=n", "rome p 2"}, []string{"1 p", "2 p", "3 p", "4 p"})
		expect(24*time.Hour-1, []string{"rome p 1 note=n", "rome p 2"}, []string{"1 p", "2 p", "3 p", "4 p"})
		expect(24*time.Hour, nil, nil)

		// A row that replaces an expired one leaves nothing of it, even if rows live
		// for ever from now on.
		tb.mustWrite(tb.put("p", "1", "city", "bern"), tb.delete("p", "2"), tb.delete("p", "3"), tb.delete("p", "5"))
		if _, err := tb.client.UpdateTable(&sdk.UpdateTableRequest{TableName: "rows", TableOption: &sdk.TableOption{TimeToAlive: -1, MaxVersion: 1}}); err != nil {
			t.Fatal(err)
		}
		expect(25*time.Hour, []string{"bern p 1"}, []string{"1 p", "4 p"})
	})
}

func TestATableWithoutUpdatesTakesPutsAndDeletes(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows", rowsThatExpire, withIndexes("cities: city"))
	u := tb.update("p", "1")
	u.PutColumn("city", "oslo")
	check(t, tb.write(u), "OTSParameterInvalid", 400)
	for _, atomic := range []bool{false, true} {
		codes, err := tb.batch(atomic, tb.put("p", "1", "city", "rome"), tb.put("p", "2", "city", "rome"), tb.delete("p", "3"))
		check(t, err, "", 0)
		equal(t, "puts and deletes", codes, []string{"", "", ""})
	}
	codes, err := tb.batch(false, u, tb.delete("p", "2"))
	check(t, err, "", 0)
	equal(t, "a plain batch with an update", codes, []string{"OTSParameterInvalid", ""})
	codes, err = tb.batch(true, u, tb.delete("p", "1"))
	check(t, err, "", 0)
	equal(t, "an atomic batch with an update", codes, []string{"OTSParameterInvalid", "OTSParameterInvalid"})
	equal(t, "cities", tb.scan(rangeOf("cities", "city", "pk", "row")), []string{"rome p 1"})
}

func TestAnAtomicBatchMayBeRefusedForAnIndex(t *testing.T) {
	client := connect(start(t, tablestore.Options{NoAtomicBatchOnIndexes: true}))
	plain := newTable(t, client, "plain")
	tb := newTable(t, client, "rows", withIndexes("cities: city"))
	codes, err := tb.batch(true, tb.put("p", "1"), tb.put("p", "2"))
	check(t, err, "", 0)
	equal(t, "with an index", codes, []string{"OTSParameterInvalid", "OTSParameterInvalid"})
	equal(t, "rows", tb.rowsOf("p"), nil)
	for _, c := range []struct {
		name   string
		tb     table
		atomic bool
	}{{"not atomic", tb, false}, {"without an index", plain, true}} {
		codes, err := c.tb.batch(c.atomic, c.tb.put("p", "1"), c.tb.put("p", "2"))
		check(t, err, "", 0)
		equal(t, c.name, codes, []string{"", ""})
	}
}
