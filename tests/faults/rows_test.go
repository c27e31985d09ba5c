package faults_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/rig"
)

// row is a row as Tablestore has it, which the ledger need not understand.
type row struct {
	key     []any
	columns map[string]any
}

// keys are the names of the primary key columns of the tables and the lists.
var keys = map[string][]string{
	"aftercare_instances":  {"pk", "row"},
	"aftercare_fleet":      {"fleet", "pk", "row"},
	"aftercare_history":    {"hist", "at", "pk", "row"},
	"aftercare_timeline":   {"pk", "at", "row"},
	"aftercare_wakeups":    {"shard", "due_ms", "instance_id"},
	"aftercare_shared":     {"scope", "row"},
	"aftercare_alerts":     {"scope", "row"},
	"aftercare_quarantine": {"sha256", "part"},
}

// reading is the transport of all reads. It hides that it is an http.Transport,
// whose settings the SDK would change.
var reading = struct{ http.RoundTripper }{http.DefaultTransport}

// sdkClient returns the SDK's own client over this transport.
func sdkClient(r *rig.Rig) *tablestore.TableStoreClient {
	config := tablestore.NewDefaultTableStoreConfig()
	config.Transport = reading
	return tablestore.NewClientWithConfig(r.Settings.Ledger.Endpoint, r.Settings.Ledger.Instance, r.Key.ID, r.Key.Secret, r.Key.Token, config)
}

// rows reads a whole table or list through the SDK.
func rows(t *testing.T, r *rig.Rig, table string) []row {
	t.Helper()
	client := sdkClient(r)
	from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	for _, name := range keys[table] {
		from.AddPrimaryKeyColumnWithMinValue(name)
		to.AddPrimaryKeyColumnWithMaxValue(name)
	}
	var out []row
	for from != nil {
		page, err := client.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: &tablestore.RangeRowQueryCriteria{
			TableName: table, StartPrimaryKey: from, EndPrimaryKey: to, Direction: tablestore.FORWARD, MaxVersion: 1,
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range page.Rows {
			r := row{columns: map[string]any{}}
			for _, column := range got.PrimaryKey.PrimaryKeys {
				r.key = append(r.key, column.Value)
			}
			for _, column := range got.Columns {
				r.columns[column.ColumnName] = column.Value
			}
			out = append(out, r)
		}
		from = page.NextStartPrimaryKey
	}
	return out
}

func (r row) String() string {
	return fmt.Sprint(r.key, r.columns)
}
