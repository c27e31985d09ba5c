package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
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
	data := []byte(v.text(colData))
	var err error
	switch {
	case strings.HasPrefix(row, logExec):
		r.Executions = append(r.Executions, executionOf(v))
	case strings.HasPrefix(row, logTask):
		err = appendTo(&r.Tasks, data)
	case strings.HasPrefix(row, logRun):
		err = appendTo(&r.Runs, data)
	case strings.HasPrefix(row, logBoot):
		err = appendTo(&r.Boots, data)
	case strings.HasPrefix(row, logMessage):
		err = appendTo(&r.Lost, data)
	}
	if err != nil {
		return fmt.Errorf("row %s cannot be read: %w", row, engine.ErrInvalid)
	}
	return nil
}

func appendTo[T any](list *[]T, data []byte) error {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*list = append(*list, v)
	return nil
}
