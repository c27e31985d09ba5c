package tablestore_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/tablestore"
)

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// bound is an end of a range; "-" and "+" are INF_MIN and INF_MAX.
func bound(pk, row string) *sdk.PrimaryKey {
	k := new(sdk.PrimaryKey)
	for _, part := range [][2]string{{"pk", pk}, {"row", row}} {
		switch part[1] {
		case "-":
			k.AddPrimaryKeyColumnWithMinValue(part[0])
		case "+":
			k.AddPrimaryKeyColumnWithMaxValue(part[0])
		default:
			k.AddPrimaryKeyColumn(part[0], part[1])
		}
	}
	return k
}

func (tb table) criteria(first, last *sdk.PrimaryKey) *sdk.RangeRowQueryCriteria {
	return &sdk.RangeRowQueryCriteria{
		TableName: tb.name, StartPrimaryKey: first, EndPrimaryKey: last, Direction: sdk.FORWARD, MaxVersion: 1,
	}
}

// read returns the rows of a range as "pk/row", and the same for the key of
// the next row, empty at the end.
func (tb table) read(criteria *sdk.RangeRowQueryCriteria) (rows []string, next string, err error) {
	got, err := tb.client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: criteria})
	if err != nil {
		return nil, "", err
	}
	text := func(k *sdk.PrimaryKey) string {
		return fmt.Sprintf("%s/%s", k.PrimaryKeys[0].Value, k.PrimaryKeys[1].Value)
	}
	for _, row := range got.Rows {
		rows = append(rows, text(row.PrimaryKey))
	}
	if got.NextStartPrimaryKey != nil {
		next = text(got.NextStartPrimaryKey)
	}
	return rows, next, nil
}

func (tb table) rowsOf(pk string) []string {
	tb.t.Helper()
	rows, next, err := tb.read(tb.criteria(bound(pk, "-"), bound(pk, "+")))
	if err != nil || next != "" {
		tb.t.Fatalf("read %s: next %q, error %v", pk, next, err)
	}
	for i := range rows {
		rows[i] = rows[i][len(pk)+1:]
	}
	return rows
}

func TestGetRange(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, last *sdk.PrimaryKey
		change      func(*sdk.RangeRowQueryCriteria)
		rows        []string
		next        string
		code        string
	}{
		{name: "everything", first: bound("-", "-"), last: bound("+", "+"), rows: []string{"a/1", "a/2", "a\x00/1", "b/", "b/1", "b/10", "b/2"}},
		{name: "everything backward", first: bound("+", "+"), last: bound("-", "-"), change: backward, rows: []string{"b/2", "b/10", "b/1", "b/", "a\x00/1", "a/2", "a/1"}},
		{name: "the start is included and the end is not", first: bound("a", "2"), last: bound("b", "1"), rows: []string{"a/2", "a\x00/1", "b/"}},
		{name: "so they are backward", first: bound("b", "1"), last: bound("a", "2"), change: backward, rows: []string{"b/1", "b/", "a\x00/1"}},
		{name: "one partition", first: bound("a", "-"), last: bound("a", "+"), rows: []string{"a/1", "a/2"}},
		{name: "one partition backward", first: bound("a", "+"), last: bound("a", "-"), change: backward, rows: []string{"a/2", "a/1"}},
		{name: "ends that are no rows", first: bound("a", "15"), last: bound("b", "11"), rows: []string{"a/2", "a\x00/1", "b/", "b/1", "b/10"}},
		{name: "nothing", first: bound("c", "-"), last: bound("c", "+")},
		{name: "a limit leaves the next row", first: bound("-", "-"), last: bound("+", "+"), change: limit(3), rows: []string{"a/1", "a/2", "a\x00/1"}, next: "b/"},
		{name: "a limit backward", first: bound("+", "+"), last: bound("-", "-"), change: func(c *sdk.RangeRowQueryCriteria) { backward(c); limit(2)(c) }, rows: []string{"b/2", "b/10"}, next: "b/1"},
		{name: "a limit of all rows has no next", first: bound("a", "-"), last: bound("a", "+"), change: limit(2), rows: []string{"a/1", "a/2"}},
		{name: "a filter drops rows, and the limit counts what is left", first: bound("-", "-"), last: bound("+", "+"), change: func(c *sdk.RangeRowQueryCriteria) {
			c.Filter = sdk.NewSingleColumnCondition("row", sdk.CT_EQUAL, "1")
			limit(2)(c)
		}, rows: []string{"a/1", "a\x00/1"}, next: "b/"},
		{name: "columns to get drop rows without them", first: bound("-", "-"), last: bound("+", "+"), change: func(c *sdk.RangeRowQueryCriteria) {
			c.ColumnsToGet = []string{"rare"}
		}, rows: []string{"b/10"}},
		{name: "a start behind the end", first: bound("b", "-"), last: bound("a", "-"), code: "OTSParameterInvalid"},
		{name: "a start equal to the end", first: bound("b", "1"), last: bound("b", "1"), code: "OTSParameterInvalid"},
		{name: "a start before the end backward", first: bound("a", "-"), last: bound("b", "-"), change: backward, code: "OTSParameterInvalid"},
		{name: "a negative limit", first: bound("-", "-"), last: bound("+", "+"), change: limit(-1), code: "OTSParameterInvalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stores(t, func(t *testing.T, o tablestore.Options) {
				s := start(t, o)
				tb := newTable(t, connect(s), "rows")
				neighbour := newTable(t, tb.client, "neighbour")
				neighbour.mustWrite(neighbour.put("a", "0"), neighbour.put("z", "9"))
				for _, k := range []string{"b", "a", "a\x00"} {
					tb.mustWrite(tb.put(k, "1", "x", "1"))
				}
				tb.mustWrite(tb.put("b", "10", "x", "1", "rare", "1"), tb.put("b", "2"), tb.put("b", ""), tb.put("a", "2"))
				for _, hook := range []func(string, int){nil, func(string, int) {}} {
					s.OnRow(hook)
					criteria := tb.criteria(c.first, c.last)
					if c.change != nil {
						c.change(criteria)
					}
					rows, next, err := tb.read(criteria)
					check(t, err, c.code, 400)
					equal(t, "rows", rows, c.rows)
					if next != c.next {
						t.Errorf("next is %q, want %q", next, c.next)
					}
				}
			})
		})
	}
}

func backward(c *sdk.RangeRowQueryCriteria) { c.Direction = sdk.BACKWARD }

func limit(n int32) func(*sdk.RangeRowQueryCriteria) {
	return func(c *sdk.RangeRowQueryCriteria) { c.Limit = n }
}

func TestOnRowLetsCommitsLandInsideAGetRange(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		s := start(t, o)
		tb := newTable(t, connect(s), "rows")
		tb.mustWrite(tb.put("p", "1"), tb.put("p", "3"), tb.put("p", "5"))
		var seen []string
		s.OnRow(func(name string, row int) {
			seen = append(seen, fmt.Sprintf("%s %d", name, row))
			if row == 1 {
				tb.mustWrite(tb.put("p", "0"), tb.put("p", "2"), tb.delete("p", "3"))
			}
			if row == 3 {
				tb.mustWrite(tb.put("p", "6"))
			}
		})
		equal(t, "rows with commits between", tb.rowsOf("p"), []string{"1", "2", "5", "6"})
		equal(t, "calls of the hook", seen, []string{"rows 1", "rows 2", "rows 3", "rows 4"})
		s.OnRow(nil)
		equal(t, "rows afterwards", tb.rowsOf("p"), []string{"0", "1", "2", "5", "6"})
	})
}

func TestKeysAreOrderedByValue(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		client := connect(start(t, o))
		newTable(t, client, "keys", func(r *sdk.CreateTableRequest) {
			r.TableMeta.SchemaEntry = nil
			r.TableMeta.AddPrimaryKeyColumn("n", sdk.PrimaryKeyType_INTEGER)
			r.TableMeta.AddPrimaryKeyColumn("b", sdk.PrimaryKeyType_BINARY)
		})
		numbers := []int64{math.MinInt64, -256, -1, 0, 1, 255, 256, math.MaxInt64}
		binaries := [][]byte{{}, {0}, {0, 0}, {0, 1}, {0, 255}, {1}, {255}, {255, 0}, {255, 255}}
		var want []string
		batch := &sdk.BatchWriteRowRequest{}
		for _, n := range numbers {
			for _, b := range binaries {
				want = append(want, fmt.Sprintf("%d %x", n, b))
				change := &sdk.PutRowChange{TableName: "keys", PrimaryKey: new(sdk.PrimaryKey)}
				change.PrimaryKey.AddPrimaryKeyColumn("n", n)
				change.PrimaryKey.AddPrimaryKeyColumn("b", b)
				change.SetCondition(sdk.RowExistenceExpectation_IGNORE)
				batch.AddRowChange(change)
			}
		}
		rand.Shuffle(len(want), func(i, j int) {
			rows := batch.RowChangesGroupByTable["keys"]
			rows[i], rows[j] = rows[j], rows[i]
		})
		if _, err := client.BatchWriteRow(batch); err != nil {
			t.Fatal(err)
		}
		low, high := new(sdk.PrimaryKey), new(sdk.PrimaryKey)
		for _, name := range []string{"n", "b"} {
			low.AddPrimaryKeyColumnWithMinValue(name)
			high.AddPrimaryKeyColumnWithMaxValue(name)
		}
		for _, direction := range []sdk.Direction{sdk.FORWARD, sdk.BACKWARD} {
			criteria := &sdk.RangeRowQueryCriteria{TableName: "keys", StartPrimaryKey: low, EndPrimaryKey: high, Direction: direction, MaxVersion: 1}
			var rows []string
			for criteria.StartPrimaryKey != nil {
				criteria.Limit = 7 // several pages
				got, err := client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: criteria})
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range got.Rows {
					rows = append(rows, fmt.Sprintf("%d %x", row.PrimaryKey.PrimaryKeys[0].Value, row.PrimaryKey.PrimaryKeys[1].Value))
				}
				criteria.StartPrimaryKey = got.NextStartPrimaryKey
			}
			equal(t, "keys", rows, want)
			low, high = high, low
			slices.Reverse(want)
		}
	})
}
