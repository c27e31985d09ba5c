package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// Fleet calls each with every instance that an event or ECS has reported, in no
// order. The list is milliseconds behind the instances' rows.
func (l *Ledger) Fleet(ctx context.Context, each func(instanceID string, s Summary) error) error {
	for n := range listShards {
		key := func(end any) *tablestore.PrimaryKey {
			return keyOf(column{colFleet, fmt.Sprintf("%x", n)}, column{colPartition, end}, column{colRow, end})
		}
		err := l.scan(ctx, "read the fleet", indexFleet, key(first), key(last), nil, func(row *tablestore.Row) error {
			_, instanceID, _ := strings.Cut(keyText(row, 1), ":")
			var s Summary
			_ = json.Unmarshal([]byte(valuesOf(row.Columns).text(colSummary)), &s) // only people read it
			return each(instanceID, s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
