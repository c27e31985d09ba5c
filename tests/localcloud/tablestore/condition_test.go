package tablestore_test

import (
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/tablestore"
)

func single(column string, c sdk.ComparatorType, v any) *sdk.SingleColumnCondition {
	return sdk.NewSingleColumnCondition(column, c, v)
}

func strict(c *sdk.SingleColumnCondition) *sdk.SingleColumnCondition {
	c.FilterIfMissing = true
	return c
}

func combined(operator sdk.LogicalOperator, parts ...sdk.ColumnFilter) sdk.ColumnFilter {
	out := sdk.NewCompositeColumnCondition(operator)
	for _, part := range parts {
		out.AddFilter(part)
	}
	return out
}

// Each case is a condition on the row p/1 with n = 5, s = "m", d = 1.5,
// b = true and bin = {1, 2}. As a condition it decides about a write, as a
// filter about a read.
func TestColumnConditionsAndFilters(t *testing.T) {
	yes, no := single("n", sdk.CT_EQUAL, int64(5)), single("n", sdk.CT_EQUAL, int64(6))
	for _, c := range []struct {
		name      string
		condition sdk.ColumnFilter
		holds     bool
	}{
		{"equal", yes, true},
		{"equal to another", no, false},
		{"not equal", single("n", sdk.CT_NOT_EQUAL, int64(6)), true},
		{"not equal to itself", single("n", sdk.CT_NOT_EQUAL, int64(5)), false},
		{"greater", single("n", sdk.CT_GREATER_THAN, int64(4)), true},
		{"greater than itself", single("n", sdk.CT_GREATER_THAN, int64(5)), false},
		{"greater than a negative number", single("n", sdk.CT_GREATER_THAN, int64(-6)), true},
		{"at least", single("n", sdk.CT_GREATER_EQUAL, int64(5)), true},
		{"less", single("n", sdk.CT_LESS_THAN, int64(5)), false},
		{"at most", single("n", sdk.CT_LESS_EQUAL, int64(5)), true},
		{"strings in byte order", single("s", sdk.CT_GREATER_THAN, "Z"), true},
		{"doubles", single("d", sdk.CT_LESS_THAN, 1.6), true},
		{"booleans", single("b", sdk.CT_EQUAL, true), true},
		{"binaries", single("bin", sdk.CT_EQUAL, []byte{1, 2}), true},
		{"another type is never equal", single("n", sdk.CT_EQUAL, "5"), false},
		{"nor not equal", single("n", sdk.CT_NOT_EQUAL, "5"), false},
		{"a missing column passes", single("none", sdk.CT_EQUAL, int64(1)), true},
		{"unless FilterIfMissing is set", strict(single("none", sdk.CT_EQUAL, int64(1))), false},
		{"FilterIfMissing with the column there", strict(single("n", sdk.CT_EQUAL, int64(5))), true},
		{"a primary key column", single("row", sdk.CT_EQUAL, "1"), true},
		{"another primary key column", single("pk", sdk.CT_EQUAL, "q"), false},
		{"and", combined(sdk.LO_AND, yes, yes), true},
		{"and with a false part", combined(sdk.LO_AND, yes, no), false},
		{"or", combined(sdk.LO_OR, no, yes), true},
		{"or of false parts", combined(sdk.LO_OR, no, no), false},
		{"not", combined(sdk.LO_NOT, no), true},
		{"not of a true part", combined(sdk.LO_NOT, yes), false},
		{"nested", combined(sdk.LO_AND, yes, combined(sdk.LO_OR, no, combined(sdk.LO_NOT, no))), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
			tb.mustWrite(tb.put("p", "1", "n", int64(5), "s", "m", "d", 1.5, "b", true, "bin", []byte{1, 2}))

			criteria := tb.criteria(bound("p", "-"), bound("p", "+"))
			criteria.Filter = c.condition
			rows, _, err := tb.read(criteria)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(rows) == 1; got != c.holds {
				t.Errorf("as a filter: got %v, want %v", got, c.holds)
			}

			u := tb.update("p", "1")
			u.PutColumn("new", int64(1))
			u.SetColumnCondition(c.condition)
			code, wrote := "OTSConditionCheckFail", false
			if c.holds {
				code, wrote = "", true
			}
			check(t, tb.write(u), code, 403)
			if got := tb.get("p", "1")["new"] != nil; got != wrote {
				t.Errorf("written: got %v, want %v", got, wrote)
			}
		})
	}
}

func TestRowConditions(t *testing.T) {
	for _, c := range []struct {
		name        string
		expectation sdk.RowExistenceExpectation
		row         string // "old" is there
		code        string
	}{
		{"ignore with a row", sdk.RowExistenceExpectation_IGNORE, "old", ""},
		{"ignore without a row", sdk.RowExistenceExpectation_IGNORE, "new", ""},
		{"expect with a row", sdk.RowExistenceExpectation_EXPECT_EXIST, "old", ""},
		{"expect without a row", sdk.RowExistenceExpectation_EXPECT_EXIST, "new", "OTSConditionCheckFail"},
		{"expect none with a row", sdk.RowExistenceExpectation_EXPECT_NOT_EXIST, "old", "OTSConditionCheckFail"},
		{"expect none without a row", sdk.RowExistenceExpectation_EXPECT_NOT_EXIST, "new", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connect(start(t, tablestore.Options{}))
			for _, kind := range []string{"put", "update", "delete"} {
				tb := newTable(t, client, kind)
				tb.mustWrite(tb.put("p", "old", "x", "1"))
				put, update, remove := tb.put("p", c.row, "x", "2"), tb.update("p", c.row), tb.delete("p", c.row)
				update.PutColumn("x", "2")
				put.SetCondition(c.expectation)
				update.SetCondition(c.expectation)
				remove.SetCondition(c.expectation)
				change := map[string]sdk.RowChange{"put": put, "update": update, "delete": remove}[kind]
				check(t, tb.write(change), c.code, 403)
			}
		})
	}
}

func TestBothConditionsMustHold(t *testing.T) {
	tb := newTable(t, connect(start(t, tablestore.Options{})), "rows")
	tb.mustWrite(tb.put("p", "1", "rev", int64(3)))
	guarded := func(rev int64) error {
		change := tb.put("p", "1", "rev", rev+1)
		change.SetCondition(sdk.RowExistenceExpectation_EXPECT_EXIST)
		change.SetColumnCondition(strict(single("rev", sdk.CT_EQUAL, rev)))
		return tb.write(change)
	}
	check(t, guarded(3), "", 0)
	check(t, guarded(3), "OTSConditionCheckFail", 403)
	check(t, guarded(4), "", 0)
}
