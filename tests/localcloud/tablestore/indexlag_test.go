package tablestore_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"pgregory.net/rapid"

	"aftercare/tests/localcloud/tablestore"
)

func TestGlobalIndexesLag(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		c := &clock{time.Unix(1_800_000_000, 0)}
		o.Now, o.IndexLag = c.time, 10*time.Millisecond
		s := start(t, o)
		tb := newTable(t, connect(s), "rows", withIndexes("cities: city", "local: pk city"))
		expect := func(when string, want ...string) {
			t.Helper()
			equal(t, when, tb.scan(rangeOf("cities", "city", "pk", "row")), want)
		}
		pass := func(d time.Duration) { c.now = c.now.Add(d) }

		tb.mustWrite(tb.put("p", "1", "city", "rome"))
		expect("at once")
		equal(t, "the local index at once", tb.scan(rangeOf("local", "pk", "city", "row")), []string{"p rome 1"})
		pass(9 * time.Millisecond)
		tb.mustWrite(tb.put("p", "1", "city", "oslo"))
		expect("before the lag")
		pass(time.Millisecond)
		expect("after the lag", "rome p 1")
		tb.mustWrite(tb.delete("p", "1"), tb.put("p", "1", "city", "rome"))
		pass(9 * time.Millisecond)
		expect("when the second write shows", "oslo p 1")
		pass(time.Millisecond)
		expect("when the last write shows", "rome p 1")

		s.SetIndexLag(time.Hour)
		tb.mustWrite(tb.put("p", "2", "city", "bern"), tb.delete("p", "1"))
		expect("with a longer lag", "rome p 1")
		s.SetIndexLag(0)
		expect("with no lag", "bern p 2")
		s.SetIndexLag(time.Hour)
		tb.mustWrite(tb.delete("p", "2"))
		s.SetIndexLag(0)
		tb.mustWrite(tb.put("p", "2", "city", "bern"))
		s.SetIndexLag(time.Hour)
		pass(2 * time.Hour)
		expect("after a change that did not show was overtaken", "bern p 2")

		s.SetIndexLag(0)
		tb.mustWrite(tb.put("p", "3", "city", "rome"))
		pass(-time.Minute)
		expect("with a clock that was set back", "bern p 2", "rome p 3")
	})
}

func TestABuildingIndexIsNotReady(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := start(t, tablestore.Options{Now: c.time})
	tb := newTable(t, connect(s), "rows", withIndexes())
	tb.mustWrite(tb.put("p", "1", "city", "rome"), tb.put("p", "2", "city", "oslo"))
	s.SetIndexLag(time.Second)
	for _, meta := range []string{"cities: city", "local: pk city"} {
		if _, err := tb.client.CreateIndex(&sdk.CreateIndexRequest{MainTableName: "rows", IndexMeta: indexMeta(meta), IncludeBaseData: true}); err != nil {
			t.Fatal(err)
		}
	}
	phase := func(want sdk.SyncPhase) {
		t.Helper()
		d, err := tb.client.DescribeTable(&sdk.DescribeTableRequest{TableName: "rows"})
		if err != nil || *d.IndexMetas[0].IndexSyncPhase != want || *d.IndexMetas[1].IndexSyncPhase != sdk.SyncPhase_INCR {
			t.Errorf("got %+v, %v, want phase %v", d.IndexMetas, err, want)
		}
	}
	phase(sdk.SyncPhase_FULL)
	_, err := tb.client.GetRange(&sdk.GetRangeRequest{RangeRowQueryCriteria: rangeOf("cities", "city", "pk", "row")})
	check(t, err, "OTSTableNotReady", 404)
	key := new(sdk.PrimaryKey)
	for _, column := range [][2]string{{"city", "rome"}, {"pk", "p"}, {"row", "1"}} {
		key.AddPrimaryKeyColumn(column[0], column[1])
	}
	_, err = tb.client.GetRow(&sdk.GetRowRequest{SingleRowQueryCriteria: &sdk.SingleRowQueryCriteria{TableName: "cities", PrimaryKey: key, MaxVersion: 1}})
	check(t, err, "OTSTableNotReady", 404)
	batch, err := tb.client.BatchGetRow(&sdk.BatchGetRowRequest{MultiRowQueryCriteria: []*sdk.MultiRowQueryCriteria{
		{TableName: "cities", PrimaryKey: []*sdk.PrimaryKey{key}, MaxVersion: 1},
	}})
	if err != nil || batch.TableToRowsResult["cities"][0].Error.Code != "OTSTableNotReady" {
		t.Errorf("BatchGetRow: got %+v, %v", batch, err)
	}
	equal(t, "the local index", tb.scan(rangeOf("local", "pk", "city", "row")), []string{"p oslo 2", "p rome 1"})
	c.now = c.now.Add(time.Millisecond)
	tb.mustWrite(tb.put("p", "2", "city", "bern"))
	c.now = c.now.Add(999 * time.Millisecond)
	phase(sdk.SyncPhase_INCR)
	equal(t, "the built index", tb.scan(rangeOf("cities", "city", "pk", "row")), []string{"oslo p 2", "rome p 1"})
	c.now = c.now.Add(time.Millisecond)
	equal(t, "a later change", tb.scan(rangeOf("cities", "city", "pk", "row")), []string{"bern p 2", "rome p 1"})
}

// Whatever is written, and however long it lags, an index that has caught up
// holds the rows of its table.
func TestAnIndexThatCaughtUpIsItsTable(t *testing.T) {
	stores(t, func(t *testing.T, o tablestore.Options) {
		c := &clock{time.Unix(1_800_000_000, 0)}
		o.Now = c.time
		s := start(t, o)
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			n++
			tb := newTable(t, connect(s), "rows", rowsThatExpire, withIndexes(fmt.Sprintf("cities%d: city pk; note", n)))
			defer tb.client.DeleteTable(&sdk.DeleteTableRequest{TableName: "rows"})
			type row struct {
				text    string
				expires time.Time
			}
			want := map[string]row{}
			for range rapid.IntRange(1, 30).Draw(r, "steps") {
				name := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(r, "row")
				city := rapid.SampledFrom([]string{"rome", "oslo", ""}).Draw(r, "city")
				switch rapid.SampledFrom([]string{"put", "delete", "wait", "day", "lag"}).Draw(r, "step") {
				case "put":
					change := tb.put("p", name, "note", name)
					delete(want, name)
					if city != "" {
						change.AddColumn("city", city)
						want[name] = row{city + " p " + name + " note=" + name, c.now.Add(24 * time.Hour)}
					}
					tb.mustWrite(change)
				case "delete":
					delete(want, name)
					tb.mustWrite(tb.delete("p", name))
				case "wait":
					c.now = c.now.Add(time.Millisecond)
				case "day":
					c.now = c.now.Add(20 * time.Hour)
				case "lag":
					s.SetIndexLag(time.Duration(rapid.IntRange(0, 3).Draw(r, "lag")) * time.Millisecond)
				}
			}
			c.now = c.now.Add(3 * time.Millisecond)
			maps.DeleteFunc(want, func(_ string, w row) bool { return !c.now.Before(w.expires) })
			var rows []string
			for _, w := range want {
				rows = append(rows, w.text)
			}
			slices.Sort(rows)
			if got := tb.scan(rangeOf(fmt.Sprintf("cities%d", n), "city", "pk", "row")); !slices.Equal(got, rows) {
				r.Fatalf("got %q, want %q", got, rows)
			}
		})
	})
}
