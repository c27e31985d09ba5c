package ledger

import (
	"context"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
)

// Records is what is kept about one instance for people to read.
type Records struct {
	Executions []decide.Execution
	Tasks      []decide.Task    // ended ones
	Runs       []decide.FlowRun // ended ones
	Boots      []decide.Boot
	Lost       []decide.Message // given up
}

// Records reads the records of an instance.
func (l *Ledger) Records(ctx context.Context, instanceID string) (Records, error) {
	var r Records
	err := l.scan(ctx, "read records", tableInstances,
		primaryKey(instanceID, logFirst), primaryKey(instanceID, logEnd), nil,
		func(row *tablestore.Row) error { return r.add(keyText(row, 1), valuesOf(row.Columns)) })
	return r, err
}

func (r *Records) add(row string, v values) error {
	if strings.HasPrefix(row, logExec) {
		r.Executions = append(r.Executions, executionOf(v))
	}
	for _, k := range logKinds {
		if strings.HasPrefix(row, k.prefix) && k.read(r, v) != nil {
			return unreadable(row)
		}
	}
	return nil
}
