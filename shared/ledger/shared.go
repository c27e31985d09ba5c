package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/remediation"
)

// Column names of the table of what no single instance owns, beside "row" and
// "data". A row that is written under a condition has in "key" what tells it
// from the rows that may stand in its place before and after it.
const (
	colScope = "scope"
	colKey   = "key"
)

func sharedKey(scope, row string) *tablestore.PrimaryKey {
	pk := new(tablestore.PrimaryKey)
	pk.AddPrimaryKeyColumn(colScope, scope)
	pk.AddPrimaryKeyColumn(colRow, row)
	return pk
}

// sharedEnd lies behind every row of a scope.
func sharedEnd(scope string) *tablestore.PrimaryKey {
	pk := new(tablestore.PrimaryKey)
	pk.AddPrimaryKeyColumn(colScope, scope)
	pk.AddPrimaryKeyColumnWithMaxValue(colRow)
	return pk
}

// anyway is the condition that always holds, absent holds where there is no
// row, and keyed where there is one with this key.
func anyway() *tablestore.RowCondition {
	return &tablestore.RowCondition{RowExistenceExpectation: tablestore.RowExistenceExpectation_IGNORE}
}

func absent() *tablestore.RowCondition {
	return &tablestore.RowCondition{RowExistenceExpectation: tablestore.RowExistenceExpectation_EXPECT_NOT_EXIST}
}

func keyed(key string) *tablestore.RowCondition {
	guard := tablestore.NewSingleColumnCondition(colKey, tablestore.CT_EQUAL, key)
	guard.FilterIfMissing = true
	guard.LatestVersionOnly = true
	return &tablestore.RowCondition{
		RowExistenceExpectation: tablestore.RowExistenceExpectation_EXPECT_EXIST, ColumnCondition: guard,
	}
}

// putShared writes a row whole.
func (l *Ledger) putShared(ctx context.Context, k kind, what string, pk *tablestore.PrimaryKey, c *tablestore.RowCondition, columns ...column) error {
	request := putOf(pk, c, columns...)
	return l.attempt(ctx, k, tableShared, what, func() error {
		_, err := l.client.PutRow(request)
		return err
	})
}

func putOf(pk *tablestore.PrimaryKey, c *tablestore.RowCondition, columns ...column) *tablestore.PutRowRequest {
	change := &tablestore.PutRowChange{TableName: tableShared, PrimaryKey: pk, Condition: c}
	for _, c := range columns {
		change.AddColumn(c.name, c.value)
	}
	return &tablestore.PutRowRequest{PutRowChange: change}
}

// readShared reads a row; nil if there is none.
func (l *Ledger) readShared(ctx context.Context, what string, pk *tablestore.PrimaryKey) (values, error) {
	request := &tablestore.GetRowRequest{SingleRowQueryCriteria: &tablestore.SingleRowQueryCriteria{
		TableName: tableShared, PrimaryKey: pk, MaxVersion: 1,
	}}
	var row *tablestore.GetRowResponse
	err := l.attempt(ctx, read, tableShared, what, func() (err error) {
		row, err = l.client.GetRow(request)
		return err
	})
	if err != nil || len(row.PrimaryKey.PrimaryKeys) == 0 {
		return nil, err
	}
	return valuesOf(row.Columns), nil
}

// writeTries bounds how often a write whose condition failed, or whose outcome
// is unknown, is made again on what a new read of its row tells.
const writeTries = 8

// takeShared removes a row if it is wanted, and returns what it held; nil if
// there is none, or if another call removed it. It removes exactly what it
// read: a try that lands late removes no newer row.
func (l *Ledger) takeShared(ctx context.Context, what string, pk *tablestore.PrimaryKey, wanted func(values) bool) (values, error) {
	var taken values // by a try of unknown outcome
	for range writeTries {
		v, err := l.readShared(ctx, what, pk)
		switch {
		case err != nil:
			return nil, doubtful(err, taken != nil)
		case v == nil || !wanted(v):
			return taken, nil
		}
		change := &tablestore.DeleteRowChange{TableName: tableShared, PrimaryKey: pk, Condition: anyway()}
		if key := v.text(colKey); key != "" {
			change.Condition = keyed(key)
		}
		err = l.attempt(ctx, once, tableShared, what, func() error {
			_, err := l.client.DeleteRow(&tablestore.DeleteRowRequest{DeleteRowChange: change})
			return err
		})
		switch {
		case err == nil:
			return v, nil
		case errors.Is(err, remediation.ErrUnknownOutcome):
			taken = v
		case !errors.Is(err, remediation.ErrConflict):
			return nil, doubtful(err, taken != nil)
		}
	}
	return nil, contended(what, taken != nil)
}

// doubtful is an error of a call of which an earlier try, in doubt, may have
// taken effect.
func doubtful(err error, doubt bool) error {
	if doubt && !errors.Is(err, remediation.ErrUnknownOutcome) {
		return fmt.Errorf("%v: %w", err, remediation.ErrUnknownOutcome)
	}
	return err
}

// contended says that the row was another one at each try.
func contended(what string, doubt bool) error {
	err := fmt.Errorf("%s: no try of %d found its row unchanged: %w", what, writeTries, remediation.ErrUnavailable)
	return doubtful(err, doubt)
}

// encoded is a value as a row holds it.
func encoded(what string, v any) (column, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return column{}, fmt.Errorf("%s: %w: %w", what, err, remediation.ErrInvalid)
	}
	return column{colData, string(data)}, nil
}

// instant is a time as it comes back from a row.
func instant(t time.Time) time.Time { return t.UTC().Round(0) }
