package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
)

// Column names of the shared table, whose rows no single instance owns, beside
// "row" and "data". In a row that is written under a condition, "key" differs
// from that of any earlier or later row with the same primary key.
const (
	colScope = "scope"
	colKey   = "key"
)

func sharedKey(scope, row string) *tablestore.PrimaryKey {
	return keyOf(column{colScope, scope}, column{colRow, row})
}

// sharedEnd lies after every row of a scope.
func sharedEnd(scope string) *tablestore.PrimaryKey {
	return keyOf(column{colScope, scope}, column{colRow, last})
}

// anyway is the condition that always holds, absent holds if there is no row,
// and hasKey if there is one with this value in "key".
func anyway() *tablestore.RowCondition {
	return &tablestore.RowCondition{RowExistenceExpectation: tablestore.RowExistenceExpectation_IGNORE}
}

func absent() *tablestore.RowCondition {
	return &tablestore.RowCondition{RowExistenceExpectation: tablestore.RowExistenceExpectation_EXPECT_NOT_EXIST}
}

func hasKey(key string) *tablestore.RowCondition {
	guard := tablestore.NewSingleColumnCondition(colKey, tablestore.CT_EQUAL, key)
	guard.FilterIfMissing = true
	guard.LatestVersionOnly = true
	return &tablestore.RowCondition{
		RowExistenceExpectation: tablestore.RowExistenceExpectation_EXPECT_EXIST, ColumnCondition: guard,
	}
}

// putShared writes a whole row.
func (l *Ledger) putShared(ctx context.Context, k kind, what string, pk *tablestore.PrimaryKey, c *tablestore.RowCondition, columns ...column) error {
	return l.put(ctx, k, what, putOf(tableShared, pk, c, columns...))
}

func putOf(table string, pk *tablestore.PrimaryKey, c *tablestore.RowCondition, columns ...column) *tablestore.PutRowRequest {
	change := &tablestore.PutRowChange{TableName: table, PrimaryKey: pk, Condition: c}
	for _, c := range columns {
		change.AddColumn(c.name, c.value)
	}
	return &tablestore.PutRowRequest{PutRowChange: change}
}

func (l *Ledger) put(ctx context.Context, k kind, what string, request *tablestore.PutRowRequest) error {
	return l.attempt(ctx, k, "PutRow", request.PutRowChange.TableName, what, func() error {
		_, err := l.client.PutRow(request)
		return err
	})
}

func (l *Ledger) remove(ctx context.Context, k kind, what, table string, pk *tablestore.PrimaryKey, c *tablestore.RowCondition) error {
	change := &tablestore.DeleteRowChange{TableName: table, PrimaryKey: pk, Condition: c}
	return l.attempt(ctx, k, "DeleteRow", table, what, func() error {
		_, err := l.client.DeleteRow(&tablestore.DeleteRowRequest{DeleteRowChange: change})
		return err
	})
}

// get reads columns of a row, or all; nil if it is not there.
func (l *Ledger) get(ctx context.Context, what, table string, pk *tablestore.PrimaryKey, columns ...string) (values, error) {
	request := &tablestore.GetRowRequest{SingleRowQueryCriteria: &tablestore.SingleRowQueryCriteria{
		TableName: table, PrimaryKey: pk, ColumnsToGet: columns, MaxVersion: 1,
	}}
	var row *tablestore.GetRowResponse
	err := l.attempt(ctx, read, "GetRow", table, what, func() (err error) {
		row, err = l.client.GetRow(request)
		return err
	})
	if err != nil || len(row.PrimaryKey.PrimaryKeys) == 0 {
		return nil, err
	}
	return valuesOf(row.Columns), nil
}

// writeTries bounds how often a write is repeated after a new read of its row,
// because its condition failed or its outcome is unknown.
const writeTries = 8

// takeShared removes the row with this key, and returns its content; nil if there
// is no such row, or if another call removed it.
func (l *Ledger) takeShared(ctx context.Context, what string, pk *tablestore.PrimaryKey, key string) (values, error) {
	var taken values // by a try of unknown outcome
	for range writeTries {
		v, err := l.get(ctx, what, tableShared, pk)
		switch {
		case err != nil:
			return nil, doubtful(err, taken != nil)
		case v == nil || v.text(colKey) != key:
			return taken, nil
		}
		err = l.remove(ctx, once, what, tableShared, pk, hasKey(key))
		switch {
		case err == nil:
			return v, nil
		case errors.Is(err, engine.ErrUnknownOutcome):
			taken = v
		case !errors.Is(err, engine.ErrConflict):
			return nil, doubtful(err, taken != nil)
		}
	}
	return nil, contended(what, taken != nil)
}

// doubtful adds ErrUnknownOutcome if an earlier try may have taken effect.
func doubtful(err error, doubt bool) error {
	if doubt && !errors.Is(err, engine.ErrUnknownOutcome) {
		return fmt.Errorf("%v: %w", err, engine.ErrUnknownOutcome)
	}
	return err
}

// contended is the error if the row changed before each try.
func contended(what string, doubt bool) error {
	err := fmt.Errorf("%s: the row changed before each of %d tries: %w", what, writeTries, engine.ErrUnavailable)
	return doubtful(err, doubt)
}

// encoded returns a value as a row holds it.
func encoded(what string, v any) (column, error) {
	data, err := encode(v)
	if err != nil {
		return column{}, fmt.Errorf("%s: %w: %w", what, err, engine.ErrInvalid)
	}
	return column{colData, data}, nil
}

// instant returns a time as it comes back from a row.
func instant(t time.Time) time.Time { return t.UTC().Round(0) }
