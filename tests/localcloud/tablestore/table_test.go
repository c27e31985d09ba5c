package tablestore_test

import (
	"fmt"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/tablestore"
)

func TestLimitsOfTables(t *testing.T) {
	for _, c := range []struct {
		name   string
		table  string
		change func(*sdk.CreateTableRequest)
		code   string
	}{
		{"a good table", "good", nil, ""},
		{"four primary key columns", "good", extraKeys(2), ""},
		{"five primary key columns", "good", extraKeys(3), "OTSParameterInvalid"},
		{"a name with a dash", "not-good", nil, "OTSParameterInvalid"},
		{"a name that begins with a digit", "1good", nil, "OTSParameterInvalid"},
		{"no name", "", nil, "OTSParameterInvalid"},
		{"a primary key column twice", "good", func(r *sdk.CreateTableRequest) { r.TableMeta.AddPrimaryKeyColumn("pk", sdk.PrimaryKeyType_STRING) }, "OTSParameterInvalid"},
		{"a bad name of a primary key column", "good", func(r *sdk.CreateTableRequest) { r.TableMeta.AddPrimaryKeyColumn("p k", sdk.PrimaryKeyType_STRING) }, "OTSParameterInvalid"},
		{"an auto-increment column", "good", auto(sdk.PrimaryKeyType_INTEGER), ""},
		{"an auto-increment column that is no integer", "good", auto(sdk.PrimaryKeyType_STRING), "OTSParameterInvalid"},
		{"two auto-increment columns", "good", func(r *sdk.CreateTableRequest) {
			auto(sdk.PrimaryKeyType_INTEGER)(r)
			r.TableMeta.AddPrimaryKeyColumnOption("id2", sdk.PrimaryKeyType_INTEGER, sdk.AUTO_INCREMENT)
		}, "OTSParameterInvalid"},
		{"an auto-increment partition key", "good", func(r *sdk.CreateTableRequest) {
			r.TableMeta.SchemaEntry = nil
			auto(sdk.PrimaryKeyType_INTEGER)(r)
		}, "OTSParameterInvalid"},
		{"a day to live", "good", func(r *sdk.CreateTableRequest) { r.TableOption.TimeToAlive = 86400 }, ""},
		{"less than a day to live", "good", func(r *sdk.CreateTableRequest) { r.TableOption.TimeToAlive = 86399 }, "OTSParameterInvalid"},
		{"no versions", "good", func(r *sdk.CreateTableRequest) { r.TableOption.MaxVersion = 0 }, "OTSParameterInvalid"},
		{"negative throughput", "good", func(r *sdk.CreateTableRequest) { r.ReservedThroughput.Readcap = -1 }, "OTSParameterInvalid"},
		{"32 predefined columns", "good", predefined(32), ""},
		{"33 predefined columns", "good", predefined(33), "OTSParameterInvalid"},
		{"a stream of 168 hours", "good", stream(168), ""},
		{"a stream of 169 hours", "good", stream(169), "OTSParameterInvalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connect(start(t, tablestore.Options{}))
			if c.change == nil {
				c.change = func(*sdk.CreateTableRequest) {}
			}
			_, err := client.CreateTable(tableRequest(c.table, c.change))
			check(t, err, c.code, 400)
			tables, err := client.ListTable()
			if err != nil {
				t.Fatal(err)
			}
			if made := len(tables.TableNames) == 1; made != (c.code == "") {
				t.Errorf("tables are %q", tables.TableNames)
			}
		})
	}
}

func extraKeys(n int) func(*sdk.CreateTableRequest) {
	return func(r *sdk.CreateTableRequest) {
		for i := range n {
			r.TableMeta.AddPrimaryKeyColumn(fmt.Sprintf("k%d", i), sdk.PrimaryKeyType_BINARY)
		}
	}
}

func auto(kind sdk.PrimaryKeyType) func(*sdk.CreateTableRequest) {
	return func(r *sdk.CreateTableRequest) { r.TableMeta.AddPrimaryKeyColumnOption("id", kind, sdk.AUTO_INCREMENT) }
}

func predefined(n int) func(*sdk.CreateTableRequest) {
	return func(r *sdk.CreateTableRequest) {
		for i := range n {
			r.TableMeta.AddDefinedColumn(fmt.Sprintf("c%d", i), sdk.DefinedColumn_STRING)
		}
	}
}

func stream(hours int32) func(*sdk.CreateTableRequest) {
	return func(r *sdk.CreateTableRequest) {
		r.StreamSpec = &sdk.StreamSpecification{EnableStream: true, ExpirationTime: hours}
	}
}

func TestTablesAreMadeOnceAndEndWithTheirRows(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		s := start(t, o)
		client := connect(s)
		tb := newTable(t, client, "rows")
		tb.mustWrite(tb.put("p", "1"))
		_, err := client.CreateTable(tableRequest("rows"))
		check(t, err, "OTSObjectAlreadyExist", 409)

		other := table{t, connectAs(s.Endpoint(), "other", keyID, keySecret, ""), "rows"}
		_, err = other.client.DescribeTable(&sdk.DescribeTableRequest{TableName: "rows"})
		check(t, err, "OTSObjectNotExist", 404)
		newTable(t, other.client, "rows")
		if got := other.get("p", "1"); got != nil {
			t.Errorf("another instance sees the row %v", got)
		}

		if _, err := client.DeleteTable(&sdk.DeleteTableRequest{TableName: "rows"}); err != nil {
			t.Fatal(err)
		}
		_, err = client.DeleteTable(&sdk.DeleteTableRequest{TableName: "rows"})
		check(t, err, "OTSObjectNotExist", 404)
		check(t, tb.write(tb.put("p", "1")), "OTSObjectNotExist", 404)
		newTable(t, client, "rows")
		if got := tb.get("p", "1"); got != nil {
			t.Errorf("a new table has the old row %v", got)
		}
		if got := other.rowsOf("p"); len(got) != 0 {
			t.Errorf("another instance has the rows %q", got)
		}
	})
}

func TestADeletedTableLeavesNothingInTheStore(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		s := start(t, o)
		client := connect(s)
		newTable(t, client, "first")
		before := s.Keys()
		tb := newTable(t, client, "rows", auto(sdk.PrimaryKeyType_INTEGER))
		change := tb.put("p", "1")
		change.PrimaryKey.AddPrimaryKeyColumnWithAutoIncrement("id")
		tb.mustWrite(change, change)
		if got := s.Keys(); got != before+4 { // table, counter, two rows
			t.Errorf("%d keys with a table, want %d", got, before+4)
		}
		if _, err := client.DeleteTable(&sdk.DeleteTableRequest{TableName: "rows"}); err != nil {
			t.Fatal(err)
		}
		if got := s.Keys(); got != before {
			t.Errorf("%d keys after the table, want %d", got, before)
		}
	})
}

func TestAnInstanceHas64Tables(t *testing.T) {
	client := connect(start(t, tablestore.Options{}))
	for i := range 64 {
		newTable(t, client, fmt.Sprintf("t%d", i))
	}
	_, err := client.CreateTable(tableRequest("t64"))
	check(t, err, "OTSQuotaExhausted", 403)
}

func TestDescribeTableTellsWhatWasCreatedAndUpdated(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	client := connect(start(t, tablestore.Options{Now: func() time.Time { return now }}))
	newTable(t, client, "rows", func(r *sdk.CreateTableRequest) {
		r.TableOption = &sdk.TableOption{TimeToAlive: 90000, MaxVersion: 2, DeviationCellVersionInSec: 100}
		r.ReservedThroughput = &sdk.ReservedThroughput{Readcap: 3, Writecap: 4}
		r.TableMeta.AddDefinedColumn("c", sdk.DefinedColumn_DOUBLE)
	})
	describe := func() *sdk.DescribeTableResponse {
		t.Helper()
		got, err := client.DescribeTable(&sdk.DescribeTableRequest{TableName: "rows"})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	d := describe()
	o := d.TableOption
	if o.TimeToAlive != 90000 || o.MaxVersion != 2 || o.DeviationCellVersionInSec != 100 || !*o.AllowUpdate || *o.UpdateFullRow {
		t.Errorf("options are %+v", o)
	}
	if d.ReservedThroughput.Readcap != 3 || d.ReservedThroughput.Writecap != 4 {
		t.Errorf("throughput is %+v", d.ReservedThroughput)
	}
	if m := d.TableMeta; len(m.SchemaEntry) != 2 || *m.SchemaEntry[1].Name != "row" || len(m.DefinedColumns) != 1 || m.DefinedColumns[0].ColumnType != sdk.DefinedColumn_DOUBLE {
		t.Errorf("meta is %+v", m)
	}

	update := func(r *sdk.UpdateTableRequest) error {
		r.TableName = "rows"
		_, err := client.UpdateTable(r)
		return err
	}
	check(t, update(&sdk.UpdateTableRequest{TableOption: &sdk.TableOption{TimeToAlive: -1, MaxVersion: 5}}), "", 0)
	check(t, update(&sdk.UpdateTableRequest{TableOption: &sdk.TableOption{TimeToAlive: 5, MaxVersion: 5}}), "OTSParameterInvalid", 400)
	check(t, update(&sdk.UpdateTableRequest{TableOption: &sdk.TableOption{TimeToAlive: -1, MaxVersion: 5, UpdateFullRow: proto.Bool(true)}}), "OTSParameterInvalid", 400)
	check(t, update(&sdk.UpdateTableRequest{}), "OTSParameterInvalid", 400)
	check(t, update(&sdk.UpdateTableRequest{ReservedThroughput: &sdk.ReservedThroughput{Readcap: 9, Writecap: 4}}), "OTSTooFrequentReservedThroughputAdjustment", 403)
	now = now.Add(2 * time.Minute)
	check(t, update(&sdk.UpdateTableRequest{ReservedThroughput: &sdk.ReservedThroughput{Readcap: 9, Writecap: 4}}), "", 0)
	check(t, update(&sdk.UpdateTableRequest{StreamSpec: &sdk.StreamSpecification{EnableStream: true, ExpirationTime: 24}}), "", 0)
	d = describe()
	if d.TableOption.TimeToAlive != -1 || d.TableOption.MaxVersion != 5 || d.TableOption.DeviationCellVersionInSec != 100 {
		t.Errorf("options are %+v", d.TableOption)
	}
	if d.ReservedThroughput.Readcap != 9 || !d.StreamDetails.EnableStream || d.StreamDetails.ExpirationTime != 24 || d.StreamDetails.StreamId == nil {
		t.Errorf("throughput is %+v, stream %+v", d.ReservedThroughput, d.StreamDetails)
	}
	_, err := client.UpdateTable(&sdk.UpdateTableRequest{TableName: "missing", TableOption: &sdk.TableOption{TimeToAlive: -1, MaxVersion: 5}})
	check(t, err, "OTSObjectNotExist", 404)
}

func TestATableMayRefuseUpdates(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows", func(r *sdk.CreateTableRequest) {
		r.TableOption.AllowUpdate = proto.Bool(false)
	})
	u := tb.update("p", "1")
	u.PutColumn("x", "1")
	check(t, tb.write(u), "OTSParameterInvalid", 400)
	check(t, tb.write(tb.put("p", "1", "x", "1")), "", 0)
}
