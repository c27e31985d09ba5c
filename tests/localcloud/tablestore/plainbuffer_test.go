package tablestore_test

import (
	"bytes"
	"testing"

	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/tablestore"
)

// sdkRows are rows as the SDK encodes them, with every kind of value, cell
// and key.
func sdkRows() [][]byte {
	tb := table{name: "rows"}
	put := tb.put("p", "1", "i", int64(-1), "d", -2.5, "t", true, "f", false, "s", "grüße", "b", []byte{0, 255}, "e", "")
	put.AddColumnWithTimestamp("v", "1", 1_800_000_000_000)
	update := tb.update("p", "1")
	update.PutColumn("x", "1")
	update.PutColumnWithTimestamp("y", int64(1), 5)
	update.DeleteColumn("a")
	update.DeleteColumnWithTimestamp("b", 7)
	update.IncrementColumn("n", -3)
	auto := tb.put("p", "1")
	auto.PrimaryKey = new(sdk.PrimaryKey)
	auto.PrimaryKey.AddPrimaryKeyColumn("pk", []byte("bin"))
	auto.PrimaryKey.AddPrimaryKeyColumn("n", int64(1)<<62)
	auto.PrimaryKey.AddPrimaryKeyColumnWithAutoIncrement("id")
	return [][]byte{
		put.Serialize(), update.Serialize(), tb.delete("p", "1").Serialize(), auto.Serialize(),
		bound("-", "+").Build(false), key("p", "1").Build(false),
	}
}

func TestRowsOfTheSDKAreDecodedAndEncodedToTheSameBytes(t *testing.T) {
	for i, b := range sdkRows() {
		got, err := tablestore.Recode(b)
		if err != nil {
			t.Errorf("row %d: %v", i, err)
		} else if !bytes.Equal(got, b) {
			t.Errorf("row %d: got %x, want %x", i, got, b)
		}
	}
}

func TestZerosBehindARowAreIgnored(t *testing.T) {
	b := key("p", "1").Build(false)
	got, err := tablestore.Recode(append(bytes.Clone(b), 0, 0))
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("got %x and %v, want %x", got, err, b)
	}
	if _, err := tablestore.Recode(append(bytes.Clone(b), 0, 1)); err == nil {
		t.Error("another byte behind a row is accepted")
	}
}

func TestEveryCutOrChangedRowIsRefused(t *testing.T) {
	for i, b := range sdkRows() {
		for n := range b {
			if _, err := tablestore.Recode(b[:n]); err == nil {
				t.Errorf("row %d cut to %d bytes is accepted", i, n)
			}
			changed := bytes.Clone(b)
			changed[n] ^= 0x10
			if got, err := tablestore.Recode(changed); err == nil {
				t.Errorf("row %d with a changed byte %d is accepted as %x", i, n, got)
			}
		}
	}
}

func FuzzRow(f *testing.F) {
	for _, b := range sdkRows() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := tablestore.Recode(b)
		if err != nil {
			return
		}
		twice, err := tablestore.Recode(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x became %x, then %x (%v)", b, once, twice, err)
		}
	})
}

func FuzzFilter(f *testing.F) {
	nested := combined(sdk.LO_AND, single("a", sdk.CT_EQUAL, int64(1)), combined(sdk.LO_NOT, single("b", sdk.CT_LESS_THAN, "x")))
	f.Add(nested.Serialize())
	f.Add((&sdk.PaginationFilter{Offset: 1, Limit: 2}).Serialize())
	b, err := proto.Marshal(&otsprotocol.Filter{Type: otsprotocol.FilterType_FT_COMPOSITE_COLUMN_VALUE.Enum(), Filter: []byte{8, 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		tablestore.ParseFilter(b)
	})
}
