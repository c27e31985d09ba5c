package tablestore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/tablestore"
)

func TestLimitsOfIndexes(t *testing.T) {
	options := func(ttl, versions int, update bool) func(*sdk.CreateTableRequest) {
		return func(r *sdk.CreateTableRequest) {
			r.TableOption.TimeToAlive, r.TableOption.MaxVersion, r.TableOption.AllowUpdate = ttl, versions, proto.Bool(update)
		}
	}
	fourKeys := func(r *sdk.CreateTableRequest) {
		extraKeys(1)(r)
		auto(sdk.PrimaryKeyType_INTEGER)(r)
	}
	// more describes n columns c0, c1, ...
	more := func(n int) (names string) {
		for i := range n {
			names += fmt.Sprintf(" c%d", i)
		}
		return names
	}
	for _, c := range []struct {
		name    string
		index   string
		table   func(*sdk.CreateTableRequest)
		refused string // part of the message, empty if the index is good
	}{
		{name: "no attributes", index: "good: city"},
		{name: "a key column of the table", index: "good: row; city"},
		{name: "the table's partition key", index: "good: pk; city"},
		{name: "four columns", index: "good: city kind at note", table: fourKeys},
		{name: "five columns", index: "bad: city kind at note row", refused: "The number of primary key columns must be in range: [1, 4] in index."},
		{name: "no column", index: "bad: ; city", refused: "The number of primary key columns must be in range: [1, 4] in index."},
		{name: "27 attributes", index: "good: row;" + more(27), table: predefined(27)},
		{name: "33 attributes", index: "bad: row;" + more(33), refused: "The number of attribute columns must be in range: [0, 32] in index."},
		{name: "an unknown column", index: "bad: nowhere", refused: "'nowhere'"},
		{name: "an unknown attribute", index: "bad: city; nowhere", refused: "'nowhere'"},
		{name: "a key column as an attribute", index: "bad: city; row", refused: "'row'"},
		{name: "a column of doubles", index: "bad: ratio", refused: "'ratio'"},
		{name: "doubles as an attribute", index: "good: city; ratio"},
		{name: "a column twice", index: "bad: city city", refused: "Duplicated"},
		{name: "an attribute that is an index column", index: "bad: city; city", refused: "Duplicated"},
		{name: "a bad name", index: "1bad: city", refused: "index name"},
		{name: "the name of the table", index: "rows: city", refused: "already exist"},
		{name: "the name of another table", index: "other: city", refused: "already exist"},
		{name: "the name of another index", index: "another: city", refused: "already exist"},
		{name: "a local index", index: "local: pk city"},
		{name: "a local index of the partition key alone", index: "local: pk"},
		{name: "a local index of another partition key", index: "local: city pk", refused: "'pk'"},
		{name: "an auto-increment column first", index: "bad: id city", table: auto(sdk.PrimaryKeyType_INTEGER), refused: "auto-increment"},
		{name: "an auto-increment column later", index: "good: city id", table: auto(sdk.PrimaryKeyType_INTEGER)},
		{name: "two versions", index: "bad: city", table: options(-1, 2, true), refused: "versions"},
		{name: "rows that expire and updates", index: "bad: city", table: options(86400, 1, true), refused: "Don't support allow update operation on table with index and ttl"},
		{name: "rows that expire without updates", index: "good: city", table: options(86400, 1, false)},
		{name: "no updates", index: "good: city", table: options(-1, 1, false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connect(start(t, tablestore.Options{}))
			newTable(t, client, "other", withIndexes("another: row"))
			if c.table == nil {
				c.table = func(*sdk.CreateTableRequest) {}
			}
			check := func(call string, err error) {
				t.Helper()
				if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
					t.Errorf("%s: got error %v, want %q", call, err, c.refused)
				}
			}
			_, err := client.CreateTable(tableRequest("rows", c.table, withIndexes(c.index)))
			check("CreateTable", err)
			if err == nil {
				if _, err := client.DeleteTable(&sdk.DeleteTableRequest{TableName: "rows"}); err != nil {
					t.Fatal(err)
				}
			}
			newTable(t, client, "rows", c.table, withIndexes())
			_, err = client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "rows", IndexMeta: indexMeta(c.index)})
			check("CreateIndex", err)
		})
	}
}

func TestABadIndexIsRefusedBeforeItsTableIsLookedFor(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	for meta, code := range map[string]string{"bad:": "OTSParameterInvalid", "good: city": "OTSObjectNotExist"} {
		_, err := client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "none", IndexMeta: indexMeta(meta)})
		check(t, err, code, map[string]int{"OTSParameterInvalid": 400, "OTSObjectNotExist": 404}[code])
	}
}

func TestATableHasFiveIndexes(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	metas := []string{"i0: city", "i1: city", "i2: city", "i3: city", "i4: city", "i5: city"}
	_, err := client.CreateTable(tableRequest("rows", withIndexes(metas...)))
	if check(t, err, "OTSParameterInvalid", 400); !strings.Contains(err.Error(), "Number of index per table exceeds the quota:5.") {
		t.Errorf("the message is %v", err)
	}
	newTable(t, client, "rows", withIndexes(metas[:4]...))
	for i, code := range []string{"", "OTSParameterInvalid"} {
		_, err = client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "rows", IndexMeta: indexMeta(metas[4+i])})
		check(t, err, code, 400)
	}
}

func TestIndexesCountAsTables(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	for i := range 62 {
		newTable(t, client, fmt.Sprintf("t%d", i))
	}
	_, err := client.CreateTable(tableRequest("rows", withIndexes("i0: city", "i1: city")))
	check(t, err, "OTSQuotaExhausted", 403)
	newTable(t, client, "rows", withIndexes("i0: city"))
	_, err = client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "rows", IndexMeta: indexMeta("i1: city")})
	check(t, err, "OTSQuotaExhausted", 403)
	_, err = client.CreateTable(tableRequest("last"))
	check(t, err, "OTSQuotaExhausted", 403)
}

func TestAnIndexTypeHasItsUpdateMode(t *testing.T) {
	s := start(t, tablestore.Options{})
	newTable(t, connect(s), "rows", withIndexes())
	for _, c := range []struct {
		kind otsprotocol.IndexType
		mode otsprotocol.IndexUpdateMode
		code string
	}{
		{otsprotocol.IndexType_IT_GLOBAL_INDEX, otsprotocol.IndexUpdateMode_IUM_SYNC_INDEX, "OTSParameterInvalid"},
		{otsprotocol.IndexType_IT_LOCAL_INDEX, otsprotocol.IndexUpdateMode_IUM_ASYNC_INDEX, "OTSParameterInvalid"},
		{otsprotocol.IndexType_IT_LOCAL_INDEX, otsprotocol.IndexUpdateMode_IUM_SYNC_INDEX, ""},
	} {
		_, code := send(t, s, "CreateIndex", encode(t, &otsprotocol.CreateIndexRequest{
			MainTableName: proto.String("rows"),
			IndexMeta: &otsprotocol.IndexMeta{
				Name: proto.String("i"), PrimaryKey: []string{"pk", "city"}, IndexType: c.kind.Enum(), IndexUpdateMode: c.mode.Enum(),
			},
		}), nil, nil)
		if code != c.code {
			t.Errorf("%v with %v: got %q, want %q", c.kind, c.mode, code, c.code)
		}
	}
}

// describe returns a table's or index's key and defined columns, and its indexes
// as withIndexes takes them.
func describe(t *testing.T, client *sdk.TableStoreClient, name string) (columns string, indexes []string) {
	t.Helper()
	d, err := client.DescribeTable(&sdk.DescribeTableRequest{TableName: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range d.TableMeta.SchemaEntry {
		columns += *k.Name + " "
	}
	for _, c := range d.TableMeta.DefinedColumns {
		columns += "+" + c.Name + " "
	}
	for _, m := range d.IndexMetas {
		if local := m.IndexType == sdk.IT_LOCAL_INDEX; local != strings.HasPrefix(m.IndexName, "local") || *m.IndexSyncPhase != sdk.SyncPhase_INCR {
			t.Errorf("index %s is %+v", m.IndexName, m)
		}
		indexes = append(indexes, strings.Trim(fmt.Sprintf("%s: %s; %s", m.IndexName, strings.Join(m.Primarykey, " "), strings.Join(m.DefinedColumns, " ")), "; "))
	}
	return strings.TrimSpace(columns), indexes
}

func TestIndexesComeAndGo(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		s := start(t, o)
		client := connect(s)
		newTable(t, client, "other")
		empty := s.Keys()
		tb := newTable(t, client, "rows", withIndexes())
		tb.mustWrite(tb.put("p", "1", "city", "rome", "note", "n"), tb.put("p", "2"))
		alone := s.Keys()
		create := func(index string, includeBase bool) error {
			_, err := client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "rows", IndexMeta: indexMeta(index), IncludeBaseData: includeBase})
			return err
		}
		drop := func(index string) error {
			_, err := client.DeleteIndex(&sdk.DeleteIndexRequest{MainTableName: "rows", IndexName: index})
			return err
		}
		metas := []string{"before: city; note", "after: city; note", "local: pk at row city"}
		check(t, create(metas[0], true), "", 0)
		check(t, create(metas[1], false), "", 0)
		check(t, create(metas[2], true), "", 0)
		columns, indexes := describe(t, client, "rows")
		if want := "pk row +city +kind +at +note +ratio"; columns != want {
			t.Errorf("columns are %q, want %q", columns, want)
		}
		equal(t, "indexes", indexes, metas)
		if columns, _ := describe(t, client, "before"); columns != "city pk row +note" {
			t.Errorf("the index has the columns %q", columns)
		}
		if columns, _ := describe(t, client, "local"); columns != "pk at row city" {
			t.Errorf("the local index has the columns %q", columns)
		}
		tables, err := client.ListTable()
		if err != nil || !slices.Equal(tables.TableNames, []string{"other", "rows"}) {
			t.Errorf("tables are %q, %v", tables.TableNames, err)
		}

		read := func(index string) []string { return tb.scan(rangeOf(index, "city", "pk", "row")) }
		equal(t, "an index with base data", read("before"), []string{"rome p 1 note=n"})
		equal(t, "an index without", read("after"), nil)
		tb.mustWrite(tb.put("p", "1", "city", "oslo"), tb.put("p", "3", "city", "rome"))
		equal(t, "an index with base data, later", read("before"), []string{"oslo p 1", "rome p 3"})
		equal(t, "an index without, later", read("after"), []string{"oslo p 1", "rome p 3"})

		check(t, drop("none"), "OTSObjectNotExist", 404)
		check(t, drop("other"), "OTSObjectNotExist", 404)
		check(t, drop("before"), "", 0)
		check(t, drop("before"), "OTSObjectNotExist", 404)
		_, err = client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: rangeOf("before", "city", "pk", "row")})
		check(t, err, "OTSObjectNotExist", 404)
		_, indexes = describe(t, client, "rows")
		equal(t, "indexes that are left", indexes, metas[1:])
		tb.mustWrite(tb.put("p", "4", "city", "bern"))
		check(t, create("before: city", false), "", 0)
		equal(t, "a new index of an old name", read("before"), nil)
		equal(t, "another index", read("after"), []string{"bern p 4", "oslo p 1", "rome p 3"})

		for _, index := range []string{"before", "after", "local"} {
			check(t, drop(index), "", 0)
		}
		if got := s.Keys(); got != alone+2 { // two more rows
			t.Errorf("%d keys without the indexes, want %d", got, alone+2)
		}
		check(t, create(metas[0], true), "", 0)
		if _, err := client.DeleteTable(&sdk.DeleteTableRequest{TableName: "rows"}); err != nil {
			t.Fatal(err)
		}
		if got := s.Keys(); got != empty {
			t.Errorf("%d keys without the table, want %d", got, empty)
		}
		newTable(t, client, "before")
	})
}

func TestIndexesOutliveTheirServer(t *testing.T) {
	o := tablestore.Options{Path: t.TempDir() + "/data", NoSync: true}
	first := start(t, o)
	tb := newTable(t, connect(first), "rows", withIndexes("cities: city; note"))
	tb.mustWrite(tb.put("p", "1", "city", "rome", "note", "n"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	tb.client = connect(start(t, o))
	tb.mustWrite(tb.put("p", "2", "city", "oslo"))
	equal(t, "cities", tb.scan(rangeOf("cities", "city", "pk", "row")), []string{"oslo p 2", "rome p 1 note=n"})
}

func TestDefinedColumnsComeAndGo(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	tb := newTable(t, client, "rows", withIndexes("cities: city; note"))
	tb.mustWrite(tb.put("p", "1", "later", "l"))
	add := func(names ...string) error {
		r := &sdk.AddDefinedColumnRequest{TableName: "rows"}
		for _, name := range names {
			r.AddDefinedColumn(name, sdk.DefinedColumn_STRING)
		}
		_, err := client.AddDefinedColumn(r)
		return err
	}
	remove := func(names ...string) error {
		_, err := client.DeleteDefinedColumn(&sdk.DeleteDefinedColumnRequest{TableName: "rows", DefinedColumns: names})
		return err
	}
	check(t, add("later", "more"), "", 0)
	for _, bad := range [][]string{{}, {"later"}, {"row"}, {"a b"}, {"x", "x"}} {
		check(t, add(bad...), "OTSParameterInvalid", 400)
	}
	var many []string
	for i := range 26 { // seven are there
		many = append(many, fmt.Sprintf("m%d", i))
	}
	check(t, add(many...), "OTSParameterInvalid", 400)
	for _, bad := range [][]string{{}, {"city"}, {"note"}, {"kind", "none"}} {
		check(t, remove(bad...), "OTSParameterInvalid", 400)
	}
	check(t, remove("kind", "more"), "", 0)
	if columns, _ := describe(t, client, "rows"); columns != "pk row +city +at +note +ratio +later" {
		t.Errorf("columns are %q", columns)
	}
	if _, err := client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "rows", IndexMeta: indexMeta("laters: later"), IncludeBaseData: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, "an index of a column that was added", tb.scan(rangeOf("laters", "later", "pk", "row")), []string{"l p 1"})
}

func TestUpdatesOfATableHeedItsIndexes(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	newTable(t, client, "rows", withIndexes("cities: city"))
	newTable(t, client, "plain")
	update := func(table string, ttl, versions int, allow bool) error {
		_, err := client.UpdateTable(&sdk.UpdateTableRequest{TableName: table, TableOption: &sdk.TableOption{
			TimeToAlive: ttl, MaxVersion: versions, AllowUpdate: proto.Bool(allow),
		}})
		return err
	}
	for _, c := range []struct {
		ttl, versions int
		allow         bool
		code          string
	}{
		{-1, 2, true, "OTSParameterInvalid"},
		{86400, 1, true, "OTSParameterInvalid"},
		{86400, 1, false, ""},
		{-1, 1, true, ""},
	} {
		check(t, update("rows", c.ttl, c.versions, c.allow), c.code, 400)
		check(t, update("plain", c.ttl, c.versions, c.allow), "", 0)
	}
}

func TestAnIndexColumnHasTheSizeOfAKey(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows", withIndexes("cities: city; note"))
	check(t, tb.write(tb.put("p", "1", "city", strings.Repeat("c", 1024), "note", strings.Repeat("n", 2000))), "", 0)
	check(t, tb.write(tb.put("p", "2", "city", strings.Repeat("c", 1025))), "OTSParameterInvalid", 400)
	equal(t, "rows", tb.rowsOf("p"), []string{"1"})
}
