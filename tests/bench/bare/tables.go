package main

import (
	"errors"
	"fmt"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/bench/plan"
)

// table makes one call of Tablestore. A failed condition is not an error.
func (v *invocation) table(c plan.Call) error {
	var err error
	switch c.Name {
	case "GetRange":
		_, err = v.tables.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: rangeOf(c)})
	case "GetRow":
		_, err = v.tables.GetRow(&tablestore.GetRowRequest{SingleRowQueryCriteria: &tablestore.SingleRowQueryCriteria{
			TableName: "aftercare_" + c.Table, PrimaryKey: c.Changes[0].PrimaryKey(),
			ColumnsToGet: []string{"commit_id", "answer"}, MaxVersion: 1,
		}})
	case "BatchGetRow":
		list := &tablestore.MultiRowQueryCriteria{TableName: "aftercare_" + c.Table, MaxVersion: 1}
		for _, row := range c.Changes {
			list.AddRow(row.PrimaryKey())
		}
		_, err = v.tables.BatchGetRow(&tablestore.BatchGetRowRequest{MultiRowQueryCriteria: []*tablestore.MultiRowQueryCriteria{list}})
	case "PutRow":
		_, err = v.tables.PutRow(&tablestore.PutRowRequest{PutRowChange: c.Changes[0].Put(c.Table)})
	case "DeleteRow":
		_, err = v.tables.DeleteRow(&tablestore.DeleteRowRequest{DeleteRowChange: c.Changes[0].Remove(c.Table)})
	case "BatchWriteRow":
		request := &tablestore.BatchWriteRowRequest{IsAtomic: true}
		for _, change := range c.Changes {
			if change.Delete {
				request.AddRowChange(change.Remove(c.Table))
			} else {
				request.AddRowChange(change.Put(c.Table))
			}
		}
		_, err = v.tables.BatchWriteRow(request)
	default:
		err = fmt.Errorf("a plan cannot have the call %s", c.Name)
	}
	var refused *tablestore.OtsError
	if errors.As(err, &refused) && refused.Code == "OTSConditionCheckFail" {
		return nil
	}
	return err
}

// rangeOf returns the range of an instance's live rows or queue, of a shard's due
// wake-ups, or of the rows that control flows.
func rangeOf(c plan.Call) *tablestore.RangeRowQueryCriteria {
	from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
	limit := int32(0)
	switch c.Table {
	case "wakeups":
		from.AddPrimaryKeyColumn("shard", "2000")
		from.AddPrimaryKeyColumnWithMinValue("due_ms")
		from.AddPrimaryKeyColumnWithMinValue("instance_id")
		to.AddPrimaryKeyColumn("shard", "2000")
		to.AddPrimaryKeyColumn("due_ms", int64(1700000000000))
		to.AddPrimaryKeyColumnWithMaxValue("instance_id")
		limit = 100
	case "shared":
		from.AddPrimaryKeyColumn("scope", "control")
		from.AddPrimaryKeyColumnWithMinValue("row")
		to.AddPrimaryKeyColumn("scope", "control")
		to.AddPrimaryKeyColumnWithMaxValue("row")
	default:
		first, end := "live/", "live/~queue/"
		if c.Queue {
			first, end = end, "live/~queue0"
		}
		from.AddPrimaryKeyColumn("pk", "2000:i-bp67acfmxazb4ph00001")
		from.AddPrimaryKeyColumn("row", first)
		to.AddPrimaryKeyColumn("pk", "2000:i-bp67acfmxazb4ph00001")
		to.AddPrimaryKeyColumn("row", end)
	}
	return &tablestore.RangeRowQueryCriteria{
		TableName: "aftercare_" + c.Table, StartPrimaryKey: from, EndPrimaryKey: to,
		Direction: tablestore.FORWARD, MaxVersion: 1, Limit: limit,
	}
}
