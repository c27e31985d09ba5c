package tablestore_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/tablestore"
)

// text is a string of n bytes.
func text(n int) string { return strings.Repeat("a", n) }

// Each limit is shown from both sides: within reports the call at the limit,
// over the one just behind it.
func TestLimitsOfWrites(t *testing.T) {
	for _, c := range []struct {
		name         string
		within, over func(tb table) error
		code         string
	}{
		{
			name:   "a primary key column of 1 KB",
			within: func(tb table) error { return tb.write(tb.put("p", text(1024))) },
			over:   func(tb table) error { return tb.write(tb.put("p", text(1025))) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "an attribute column of 2 MB",
			within: func(tb table) error { return tb.write(tb.put("p", "1", "x", text(2<<20))) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", "x", text(2<<20+1))) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "1024 columns",
			within: func(tb table) error { return tb.write(tb.put("p", "1", manyColumns(1024)...)) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", manyColumns(1025)...)) },
			code:   "OTSOutOfColumnCountLimit",
		},
		{
			name: "a row of 4 MB",
			within: func(tb table) error {
				return tb.write(tb.put("p", "1", "x", text(2<<20), "y", text(2<<20-10)))
			},
			over: func(tb table) error {
				return tb.write(tb.put("p", "1", "x", text(2<<20), "y", text(2<<20)))
			},
			code: "OTSOutOfRowSizeLimit",
		},
		{
			name:   "a column name of 255 bytes",
			within: func(tb table) error { return tb.write(tb.put("p", "1", text(255), "")) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", text(256), "")) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "a column name that begins with a letter",
			within: func(tb table) error { return tb.write(tb.put("p", "1", "_9A", "")) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", "9A", "")) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "a column name of letters",
			within: func(tb table) error { return tb.write(tb.put("p", "1", "a_b", "")) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", "a-b", "")) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "a column that is no primary key column",
			within: func(tb table) error { return tb.write(tb.put("p", "1", "rows", "")) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", "row", "")) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "a column once",
			within: func(tb table) error { return tb.write(tb.put("p", "1", "x", "", "y", "")) },
			over:   func(tb table) error { return tb.write(tb.put("p", "1", "x", "", "x", "")) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "ten conditions",
			within: func(tb table) error { return conditional(tb, 10) },
			over:   func(tb table) error { return conditional(tb, 11) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "200 rows in a batch",
			within: func(tb table) error { return batchOf(tb, 200, 1) },
			over:   func(tb table) error { return batchOf(tb, 201, 1) },
			code:   "OTSParameterInvalid",
		},
		{
			name:   "4 MB in a batch",
			within: func(tb table) error { return batchOf(tb, 4, 1<<20-20) },
			over:   func(tb table) error { return batchOf(tb, 4, 1<<20) },
			code:   "OTSParameterInvalid",
		},
		{
			name: "an update with a column",
			within: func(tb table) error {
				u := tb.update("p", "1")
				u.PutColumn("x", "1")
				return tb.write(u)
			},
			over: func(tb table) error { return tb.write(tb.update("p", "1")) },
			code: "OTSParameterInvalid",
		},
		{
			name:   "a table that exists",
			within: func(tb table) error { return tb.write(tb.put("p", "1")) },
			over:   func(tb table) error { tb.name = "missing"; return tb.write(tb.put("p", "1")) },
			code:   "OTSObjectNotExist",
		},
		{
			name:   "all primary key columns",
			within: func(tb table) error { return tb.write(tb.put("p", "1")) },
			over: func(tb table) error {
				change := tb.put("p", "1")
				change.PrimaryKey.PrimaryKeys = change.PrimaryKey.PrimaryKeys[:1]
				return tb.write(change)
			},
			code: "OTSInvalidPK",
		},
		{
			name:   "the primary key in the table's order",
			within: func(tb table) error { return tb.write(tb.put("p", "1")) },
			over: func(tb table) error {
				change := tb.put("p", "1")
				k := change.PrimaryKey.PrimaryKeys
				k[0], k[1] = k[1], k[0]
				return tb.write(change)
			},
			code: "OTSInvalidPK",
		},
		{
			name:   "a primary key of the table's types",
			within: func(tb table) error { return tb.write(tb.put("p", "1")) },
			over: func(tb table) error {
				change := tb.put("p", "1")
				change.PrimaryKey.PrimaryKeys[1].Value = int64(1)
				return tb.write(change)
			},
			code: "OTSInvalidPK",
		},
		{
			name:   "no auto-increment where the table has none",
			within: func(tb table) error { return tb.write(tb.put("p", "1")) },
			over: func(tb table) error {
				change := tb.put("p", "1")
				change.PrimaryKey.PrimaryKeys[1].PrimaryKeyOption = sdk.AUTO_INCREMENT
				return tb.write(change)
			},
			code: "OTSInvalidPK",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
			check(t, c.within(tb), "", 0)
			status := 400
			if c.code == "OTSObjectNotExist" {
				status = 404
			}
			check(t, c.over(tb), c.code, status)
		})
	}
}

func manyColumns(n int) []any {
	var out []any
	for i := range n {
		out = append(out, fmt.Sprintf("c%d", i), int64(i))
	}
	return out
}

func conditional(tb table, n int) error {
	all := sdk.NewCompositeColumnCondition(sdk.LO_AND)
	for range n {
		all.AddFilter(single("none", sdk.CT_EQUAL, int64(1)))
	}
	change := tb.put("p", "1")
	change.SetColumnCondition(all)
	return tb.write(change)
}

func batchOf(tb table, rows, size int) error {
	var changes []sdk.RowChange
	for i := range rows {
		changes = append(changes, tb.put("p", fmt.Sprint(i), "x", text(size)))
	}
	_, err := tb.batch(false, changes...)
	return err
}

func TestLimitsOfReads(t *testing.T) {
	get := func(change func(*sdk.SingleRowQueryCriteria)) func(tb table) error {
		return func(tb table) error {
			criteria := &sdk.SingleRowQueryCriteria{TableName: tb.name, PrimaryKey: key("p", "1"), MaxVersion: 1}
			change(criteria)
			_, err := tb.client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: criteria})
			return err
		}
	}
	for _, c := range []struct {
		name string
		call func(tb table) error
		code string
	}{
		{"128 columns to get", get(func(c *sdk.SingleRowQueryCriteria) { c.ColumnsToGet = names(128) }), ""},
		{"129 columns to get", get(func(c *sdk.SingleRowQueryCriteria) { c.ColumnsToGet = names(129) }), "OTSParameterInvalid"},
		{"ten filters", get(func(c *sdk.SingleRowQueryCriteria) { c.Filter = combined(sdk.LO_AND, filters(10)...) }), ""},
		{"eleven filters", get(func(c *sdk.SingleRowQueryCriteria) { c.Filter = combined(sdk.LO_AND, filters(11)...) }), "OTSParameterInvalid"},
		{"a time range", get(func(c *sdk.SingleRowQueryCriteria) { c.TimeRange = &sdk.TimeRange{Start: 5, End: 6} }), ""},
		{"a time range that ends before it starts", get(func(c *sdk.SingleRowQueryCriteria) { c.TimeRange = &sdk.TimeRange{Start: 6, End: 5} }), "OTSParameterInvalid"},
		{"a specific time with max versions", get(func(c *sdk.SingleRowQueryCriteria) { c.TimeRange = &sdk.TimeRange{Specific: 5} }), "OTSParameterInvalid"},
		{"max versions below 1", get(func(c *sdk.SingleRowQueryCriteria) { c.MaxVersion = -1 }), "OTSParameterInvalid"},
		{"a wrong primary key", get(func(c *sdk.SingleRowQueryCriteria) { c.PrimaryKey = new(sdk.PrimaryKey) }), "OTSInvalidPK"},
		{"a bound as a primary key", get(func(c *sdk.SingleRowQueryCriteria) { c.PrimaryKey = bound("p", "-") }), "OTSInvalidPK"},
		{"a missing table", get(func(c *sdk.SingleRowQueryCriteria) { c.TableName = "missing" }), "OTSObjectNotExist"},
		{"an index of a page below 0", get(func(c *sdk.SingleRowQueryCriteria) { c.Filter = &sdk.PaginationFilter{Offset: -1, Limit: 1} }), "OTSParameterInvalid"},
		{"100 rows of a batch", func(tb table) error { return batchGet(tb, 100) }, ""},
		{"101 rows of a batch", func(tb table) error { return batchGet(tb, 101) }, "OTSParameterInvalid"},
		{"no rows of a batch", func(tb table) error { return batchGet(tb, 0) }, "OTSParameterInvalid"},
		{"a range of a missing table", func(tb table) error {
			tb.name = "missing"
			_, _, err := tb.read(tb.criteria(bound("-", "-"), bound("+", "+")))
			return err
		}, "OTSObjectNotExist"},
		{"a range with a wrong primary key", func(tb table) error {
			criteria := tb.criteria(bound("-", "-"), new(sdk.PrimaryKey))
			_, _, err := tb.read(criteria)
			return err
		}, "OTSInvalidPK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
			status := 400
			if c.code == "OTSObjectNotExist" {
				status = 404
			}
			check(t, c.call(tb), c.code, status)
		})
	}
}

func names(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("c%d", i))
	}
	return out
}

func filters(n int) []sdk.ColumnFilter {
	var out []sdk.ColumnFilter
	for range n {
		out = append(out, single("none", sdk.CT_EQUAL, int64(1)))
	}
	return out
}

func batchGet(tb table, rows int) error {
	criteria := &sdk.MultiRowQueryCriteria{TableName: tb.name, MaxVersion: 1}
	for i := range rows {
		criteria.AddRow(key("p", fmt.Sprint(i)))
	}
	_, err := tb.client.BatchGetRow(&sdk.BatchGetRowRequest{MultiRowQueryCriteria: []*sdk.MultiRowQueryCriteria{criteria}})
	return err
}

func TestGetRangeEndsAt4MBAndAt5000Rows(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	for i := range 5 {
		tb.mustWrite(tb.put("big", fmt.Sprint(i), "x", text(1<<20)))
	}
	for i := 0; i < 5010; i += 200 {
		var changes []sdk.RowChange
		for j := i; j < min(i+200, 5010); j++ {
			changes = append(changes, tb.put("many", fmt.Sprintf("%05d", j)))
		}
		if _, err := tb.batch(true, changes...); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		pk   string
		rows int
		next string
	}{{"big", 4, "big/4"}, {"many", 5000, "many/05000"}} {
		rows, next, err := tb.read(tb.criteria(bound(c.pk, "-"), bound(c.pk, "+")))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != c.rows || next != c.next {
			t.Errorf("%s: got %d rows and next %q, want %d and %q", c.pk, len(rows), next, c.rows, c.next)
		}
	}
	// A filter that matches nothing still ends after what was read.
	criteria := tb.criteria(bound("many", "-"), bound("many", "+"))
	criteria.Filter = single("row", sdk.CT_EQUAL, "none")
	rows, next, err := tb.read(criteria)
	if err != nil || len(rows) != 0 || next != "many/05000" {
		t.Errorf("with a filter: got %d rows, next %q, error %v", len(rows), next, err)
	}
}

func TestWhatIsNotImitatedIsRefusedByName(t *testing.T) {
	s := start(t, tablestore.Options{})
	client := connect(s)
	tb := newTable(t, client, "rows")
	transaction := "1"
	create := func(option func(*sdk.CreateTableRequest)) func() error {
		return func() error {
			_, err := client.CreateTable(tableRequest("other", option))
			return err
		}
	}
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"ListStream", func() error { _, err := client.ListStream(&sdk.ListStreamRequest{TableName: &tb.name}); return err }},
		{"SQLQuery", func() error { _, err := client.SQLQuery(&sdk.SQLQueryRequest{Query: "show tables"}); return err }},
		{"ListSearchIndex", func() error {
			_, err := client.ListSearchIndex(&sdk.ListSearchIndexRequest{TableName: tb.name})
			return err
		}},
		{"local transaction", create(func(r *sdk.CreateTableRequest) { r.EnableLocalTxn = proto.Bool(true) })},
		{"encryption", create(func(r *sdk.CreateTableRequest) {
			managed := sdk.SSE_KMS_SERVICE
			r.SSESpecification = &sdk.SSESpecification{Enable: true, KeyType: &managed}
		})},
		{"local transaction", func() error {
			change := tb.put("p", "1")
			change.TransactionId = &transaction
			return tb.write(change)
		}},
		{"local transaction", func() error {
			_, err := client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: &sdk.SingleRowQueryCriteria{
				TableName: tb.name, PrimaryKey: key("p", "1"), MaxVersion: 1, TransactionId: &transaction,
			}})
			return err
		}},
		{"local transaction", func() error {
			criteria := tb.criteria(bound("-", "-"), bound("+", "+"))
			criteria.TransactionId = &transaction
			_, _, err := tb.read(criteria)
			return err
		}},
		{"regular expression", func() error {
			change := tb.put("p", "1")
			change.SetColumnCondition(sdk.NewSingleColumnValueRegexFilter("x", sdk.CT_EQUAL, sdk.NewValueTransferRule("a(.*)", sdk.Variant_STRING), "b"))
			return tb.write(change)
		}},
	} {
		err := c.call()
		check(t, err, "OTSUnsupportOperation", 400)
		if err != nil && !strings.Contains(err.Error(), c.name) {
			t.Errorf("got %q, want %q in it", err, c.name)
		}
	}
	batch := encode(t, &otsprotocol.BatchWriteRowRequest{TransactionId: &transaction})
	if _, code := send(t, s, "BatchWriteRow", batch, nil, nil); code != "OTSUnsupportOperation" {
		t.Errorf("a batch in a transaction got %q", code)
	}
	if len(tablestore.Limits()) < 10 {
		t.Errorf("Limits lists only %d things", len(tablestore.Limits()))
	}
}
