package tablestore_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/tablestore"
)

// The cost of an operation through the SDK, client and server in one process.
func BenchmarkRow(b *testing.B) {
	for _, store := range []struct {
		name string
		o    tablestore.Options
	}{
		{"memory", tablestore.Options{}},
		{"file", tablestore.Options{Path: filepath.Join(b.TempDir(), "synced")}},
		{"file-no-sync", tablestore.Options{Path: filepath.Join(b.TempDir(), "unsynced"), NoSync: true}},
	} {
		b.Run(store.name, func(b *testing.B) {
			tb := newTable(b, connect(start(b, store.o)), "rows")
			value := strings.Repeat("x", 200)
			written := 0
			b.Run("PutRow", func(b *testing.B) {
				for b.Loop() {
					tb.mustWrite(tb.put("p", fmt.Sprintf("%08d", written), "x", value))
					written++
				}
			})
			indexed := newTable(b, tb.client, "indexed", withIndexes("cities: city; note", "times: city at; note", "own_times: pk at"))
			b.Run("PutRowInThreeIndexes", func(b *testing.B) {
				for i := int64(0); b.Loop(); i++ {
					indexed.mustWrite(indexed.put("p", fmt.Sprintf("%08d", i), "city", "rome", "at", i, "note", value))
				}
			})
			b.Run("GetRow", func(b *testing.B) {
				for b.Loop() {
					tb.get("p", "00000000")
				}
			})
			b.Run("GetRangeOf20", func(b *testing.B) {
				for i := range 20 {
					tb.mustWrite(tb.put("q", fmt.Sprint(i), "x", value))
				}
				for b.Loop() {
					if rows := tb.rowsOf("q"); len(rows) != 20 {
						b.Fatal(len(rows))
					}
				}
			})
			b.Run("AtomicBatchOf3", func(b *testing.B) {
				for b.Loop() {
					if _, err := tb.batch(true, sdk.RowChange(tb.put("r", "1", "x", value)), tb.put("r", "2", "x", value), tb.put("r", "3", "x", value)); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
