package ledger

import (
	"context"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/event"
)

// MaxKnown is how many ends Known takes: a BatchGetRow reads 100 rows, and
// each end has two.
const MaxKnown = 50

// Known returns the keys of an instance's ends that are already recorded, in its
// log and in the history: handling them again would change nothing. It makes one
// call. An end that it leaves out may still be recorded.
func (l *Ledger) Known(ctx context.Context, instanceID string, ends []event.TaskCompleted) (map[string]bool, error) {
	log := &tablestore.MultiRowQueryCriteria{TableName: tableInstances, ColumnsToGet: []string{colCommit}, MaxVersion: 1}
	history := &tablestore.MultiRowQueryCriteria{TableName: tableHistory, ColumnsToGet: []string{"invoke_id"}, MaxVersion: 1}
	var keys []string
	asked := map[string]bool{}
	for _, end := range ends[:min(len(ends), MaxKnown)] {
		if key := end.Key(); !asked[key] {
			asked[key] = true
			keys = append(keys, key)
			log.AddRow(primaryKey(instanceID, logExec+end.InvokeID+"/"+end.Suffix()))
			history.AddRow(historyKey(instanceID, end))
		}
	}
	request := &tablestore.BatchGetRowRequest{MultiRowQueryCriteria: []*tablestore.MultiRowQueryCriteria{log, history}}
	var response *tablestore.BatchGetRowResponse
	err := l.attempt(ctx, read, tableInstances+" or "+tableHistory, "ask which ends are recorded", func() (err error) {
		if response, err = l.client.BatchGetRow(request); err != nil {
			return err
		}
		return answered(response.TableToRowsResult, map[string]int{tableInstances: len(keys), tableHistory: len(keys)})
	})
	if err != nil {
		return nil, err
	}
	logged, kept := response.TableToRowsResult[tableInstances], response.TableToRowsResult[tableHistory]
	known := map[string]bool{}
	for i, key := range keys {
		if found(logged[i]) && found(kept[i]) {
			known[key] = true
		}
	}
	return known, nil
}

func found(r tablestore.RowResult) bool { return r.IsSucceed && len(r.Columns) > 0 }
