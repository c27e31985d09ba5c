package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Rows of the scope of submissions for several instances: one for each, which stays
// as long as its key is remembered, and beside it one that only says that instances
// are left. Those sort behind all others.
const (
	scopeMany  = "many"
	prefixOpen = "~open/"
)

// Keep stores a submission for several instances, and returns what is stored then.
// If one with its key is there, that one stands, and its instances with it. Once all
// of them are answered, the same one is opened again for those that were refused, and
// another takes its place: it may name other instances, and each refuses another body.
func (l *Ledger) Keep(ctx context.Context, m decide.Many) (decide.Many, error) {
	const what = "keep a submission"
	next, condition := m, absent()
	for range writeTries {
		err := l.putMany(ctx, what, next, condition)
		if !readAgain(err) {
			return next, err
		}
		v, err := l.get(ctx, what, tableShared, sharedKey(scopeMany, m.Key))
		if err != nil {
			return m, err
		}
		if next, condition = m, absent(); v == nil {
			continue
		}
		there, err := manyIn(m.Key, v)
		if err != nil {
			return m, err
		}
		if condition = hasKey(v.text(colKey)); there.Hash == m.Hash {
			next = there.Again(m)
		}
		if len(there.Left()) > 0 || len(next.Left()) == 0 {
			return there, nil
		}
	}
	return m, contended(what, true)
}

// Kept returns the submission for several instances with this key; nil if the key
// is not remembered.
func (l *Ledger) Kept(ctx context.Context, key string) (*decide.Many, error) {
	v, err := l.get(ctx, "read a submission", tableShared, sharedKey(scopeMany, key))
	if err != nil || v == nil {
		return nil, err
	}
	m, err := manyIn(key, v)
	return &m, err
}

// EachLeft calls each with the submissions that have instances left.
func (l *Ledger) EachLeft(ctx context.Context, each func(decide.Many) error) error {
	return l.scan(ctx, "read submissions", tableShared, sharedKey(scopeMany, prefixOpen), sharedEnd(scopeMany), nil, func(row *tablestore.Row) error {
		m, err := l.Kept(ctx, strings.TrimPrefix(keyText(row, 1), prefixOpen))
		if err != nil || m == nil {
			return err
		}
		return each(*m)
	})
}

// Answer notes what became of instances of a submission. With the last answer, the
// submission is recorded as an act.
func (l *Ledger) Answer(ctx context.Context, key string, answers map[string]decide.Answer) error {
	const what = "note the answers of a submission"
	for range writeTries {
		v, err := l.get(ctx, what, tableShared, sharedKey(scopeMany, key))
		if err != nil || v == nil {
			return err
		}
		m, err := manyIn(key, v)
		if err != nil {
			return err
		}
		left := len(m.Left())
		if m = m.Answered(answers); len(m.Left()) == left {
			return nil
		}
		if len(m.Left()) == 0 {
			err = l.recordAct(ctx, "", m.Act(), anyway()) // the counts may have grown
		}
		if err == nil {
			err = l.putMany(ctx, what, m, hasKey(v.text(colKey)))
		}
		if !readAgain(err) {
			return err
		}
	}
	return contended(what, false)
}

// putMany writes a submission's row, and beside it whether instances are left. The
// row's key differs with its time and the number of its answers, which only rises.
func (l *Ledger) putMany(ctx context.Context, what string, m decide.Many, c *tablestore.RowCondition) error {
	data, err := encoded(what, &m)
	if err != nil {
		return err
	}
	left, open := len(m.Left()), sharedKey(scopeMany, prefixOpen+m.Key)
	rows := []tablestore.RowChange{
		putOf(tableShared, sharedKey(scopeMany, m.Key), c, append(beside(&m), data, column{colKey, fmt.Sprintf("%d/%d", m.At.UnixNano(), left)})...).PutRowChange,
		putOf(tableShared, open, anyway(), column{colKey, m.Key}).PutRowChange,
	}
	if left == 0 {
		rows[1] = &tablestore.DeleteRowChange{TableName: tableShared, PrimaryKey: open, Condition: anyway()}
	}
	return l.writeRows(ctx, once, what, tableShared, rows)
}

// readAgain reports whether a row shows what became of a write that failed.
func readAgain(err error) bool {
	return errors.Is(err, engine.ErrConflict) || errors.Is(err, engine.ErrUnknownOutcome)
}

func manyIn(key string, v values) (decide.Many, error) {
	m, err := decode[decide.Many](v)
	if err != nil || m.Key != key || m.At.IsZero() {
		return m, unreadable(key)
	}
	return m, nil
}
