package tablestore_test

import (
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/tablestore"
)

// batch sends changes in one BatchWriteRow and returns the code of each row,
// empty for success.
func (tb table) batch(atomic bool, changes ...sdk.RowChange) ([]string, error) {
	req := &sdk.BatchWriteRowRequest{IsAtomic: atomic}
	for _, change := range changes {
		req.AddRowChange(change)
	}
	got, err := tb.client.BatchWriteRow(req)
	if err != nil {
		return nil, err
	}
	var codes []string
	for _, row := range got.TableToRowsResult[tb.name] {
		codes = append(codes, row.Error.Code)
	}
	return codes, nil
}

func TestBatchWriteRow(t *testing.T) {
	for _, c := range []struct {
		name    string
		atomic  bool
		changes func(tb table) []sdk.RowChange
		code    string   // of the whole call
		rows    []string // codes of the rows
		kept    []string // rows of partition p afterwards
	}{
		{
			name: "a plain batch writes what it can",
			changes: func(tb table) []sdk.RowChange {
				return []sdk.RowChange{tb.put("p", "1"), expectNone(tb.put("p", "old")), tb.put("q", "1")}
			},
			rows: []string{"", "OTSConditionCheckFail", ""},
			kept: []string{"1", "old"},
		},
		{
			name:   "an atomic batch writes all",
			atomic: true,
			changes: func(tb table) []sdk.RowChange {
				return []sdk.RowChange{tb.put("p", "1"), tb.put("p", "2"), tb.delete("p", "old")}
			},
			rows: []string{"", "", ""},
			kept: []string{"1", "2"},
		},
		{
			name:   "an atomic batch with a failed condition writes nothing",
			atomic: true,
			changes: func(tb table) []sdk.RowChange {
				return []sdk.RowChange{tb.put("p", "1"), expectNone(tb.put("p", "old")), tb.delete("p", "old")}
			},
			rows: []string{"OTSConditionCheckFail", "OTSConditionCheckFail", "OTSConditionCheckFail"},
			kept: []string{"old"},
		},
		{
			name:   "an atomic batch over two partition keys fails row by row",
			atomic: true,
			changes: func(tb table) []sdk.RowChange {
				return []sdk.RowChange{tb.put("p", "1"), tb.put("q", "1")}
			},
			rows: []string{"OTSParameterInvalid", "OTSParameterInvalid"},
			kept: []string{"old"},
		},
		{
			name:   "an atomic batch may name a row twice",
			atomic: true,
			changes: func(tb table) []sdk.RowChange {
				return []sdk.RowChange{tb.put("p", "1"), tb.delete("p", "1")}
			},
			rows: []string{"", ""},
			kept: []string{"old"},
		},
		{
			name: "a plain batch that names a row twice fails as a whole",
			changes: func(tb table) []sdk.RowChange {
				return []sdk.RowChange{tb.put("p", "1"), tb.delete("p", "1")}
			},
			code: "OTSParameterInvalid",
			kept: []string{"old"},
		},
		{
			name: "a wrong primary key fails the whole batch",
			changes: func(tb table) []sdk.RowChange {
				wrong := tb.put("p", "1")
				wrong.PrimaryKey = new(sdk.PrimaryKey)
				wrong.PrimaryKey.AddPrimaryKeyColumn("pk", "p")
				return []sdk.RowChange{tb.put("p", "2"), wrong}
			},
			code: "OTSInvalidPK",
			kept: []string{"old"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			stores(t, func(t *testing.T, o tablestore.Options) {
				tb := newTable(t, connect(start(t, o)), "rows")
				tb.mustWrite(tb.put("p", "old", "x", "1"))
				codes, err := tb.batch(c.atomic, c.changes(tb)...)
				check(t, err, c.code, 400)
				equal(t, "rows", codes, c.rows)
				equal(t, "rows of p", tb.rowsOf("p"), c.kept)
			})
		})
	}
}

func TestBatchGetRowAnswersInOrder(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	other := newTable(t, tb.client, "others")
	tb.mustWrite(tb.put("p", "2", "x", "b"), tb.put("p", "1", "x", "a"))
	other.mustWrite(other.put("p", "1", "x", "c"))
	req := &sdk.BatchGetRowRequest{}
	for _, name := range []string{"rows", "others", "missing"} {
		criteria := &sdk.MultiRowQueryCriteria{TableName: name, MaxVersion: 1}
		criteria.AddRow(key("p", "2"))
		criteria.AddRow(key("p", "none"))
		criteria.AddRow(key("p", "1"))
		req.MultiRowQueryCriteria = append(req.MultiRowQueryCriteria, criteria)
	}
	got, err := tb.client.BatchGetRow(req)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, name := range []string{"rows", "others", "missing"} {
		for _, row := range got.TableToRowsResult[name] {
			switch {
			case !row.IsSucceed:
				values = append(values, row.Error.Code)
			case len(row.Columns) == 0:
				values = append(values, "-")
			default:
				values = append(values, row.Columns[0].Value.(string))
			}
		}
	}
	gone := "OTSObjectNotExist"
	equal(t, "values", values, []string{"b", "-", "a", "-", "-", "c", gone, gone, gone})
}

func TestReturnedRowsOfBatches(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	withKey := tb.put("p", "1", "x", "1")
	withKey.SetReturnPk()
	withColumn := tb.update("p", "2")
	withColumn.IncrementColumn("n", 3)
	withColumn.SetReturnIncrementValue()
	withColumn.AppendIncrementColumnToReturn("n")
	req := &sdk.BatchWriteRowRequest{IsAtomic: true}
	req.AddRowChange(withKey)
	req.AddRowChange(withColumn)
	got, err := tb.client.BatchWriteRow(req)
	if err != nil {
		t.Fatal(err)
	}
	rows := got.TableToRowsResult["rows"]
	if k := rows[0].PrimaryKey.PrimaryKeys; len(k) != 2 || k[1].Value != "1" {
		t.Errorf("RT_PK answered the key %v", k)
	}
	if c := rows[1].Columns; len(c) != 1 || c[0].Value != int64(3) {
		t.Errorf("RT_AFTER_MODIFY answered the columns %v", c)
	}
}

func expectNone(change *sdk.PutRowChange) *sdk.PutRowChange {
	change.SetCondition(sdk.RowExistenceExpectation_EXPECT_NOT_EXIST)
	return change
}
