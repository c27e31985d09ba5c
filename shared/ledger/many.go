package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// scopeMany is the scope of submissions for several instances, a row for each.
const scopeMany = "many"

// Keep stores a submission for several instances, unless one with its key is
// there, and returns the one that is there then.
func (l *Ledger) Keep(ctx context.Context, m decide.Many) (decide.Many, error) {
	const what = "keep a submission"
	row, err := manyRow(m)
	if err != nil {
		return m, err
	}
	for range writeTries {
		err := l.putShared(ctx, once, what, sharedKey(scopeMany, m.Key), absent(), row...)
		if !readAgain(err) {
			return m, err
		}
		switch kept, err := l.Kept(ctx, m.Key); {
		case err != nil:
			return m, err
		case kept != nil:
			return *kept, nil
		}
	}
	return m, contended(what, true)
}

// Kept returns the submission for several instances with this key; nil if none is
// kept.
func (l *Ledger) Kept(ctx context.Context, key string) (*decide.Many, error) {
	v, err := l.get(ctx, "read a submission", tableShared, sharedKey(scopeMany, key))
	if err != nil || v == nil {
		return nil, err
	}
	m, err := manyIn(key, v)
	return &m, err
}

// EachKept calls each with the submissions that are kept.
func (l *Ledger) EachKept(ctx context.Context, each func(decide.Many) error) error {
	return l.scan(ctx, "read submissions", tableShared, sharedKey(scopeMany, ""), sharedEnd(scopeMany), nil, func(row *tablestore.Row) error {
		m, err := manyIn(keyText(row, 1), valuesOf(row.Columns))
		if err != nil {
			return err
		}
		return each(m)
	})
}

// Answer notes what became of instances of a submission that is kept. With the last
// answer, the submission is recorded as an act, and its row removed.
func (l *Ledger) Answer(ctx context.Context, key string, answers map[string]decide.Answer) error {
	const what = "note the answers of a submission"
	pk := sharedKey(scopeMany, key)
	for range writeTries {
		v, err := l.get(ctx, what, tableShared, pk)
		if err != nil || v == nil {
			return err
		}
		m, err := manyIn(key, v)
		if err != nil {
			return err
		}
		left := len(m.Left())
		switch m = m.Answered(answers); len(m.Left()) {
		case left:
			return nil
		case 0:
			if err = l.recordAct(ctx, "", m.Act()); err == nil {
				err = l.remove(ctx, once, what, tableShared, pk, hasKey(v.text(colKey)))
			}
		default:
			var row []column
			if row, err = manyRow(m); err == nil {
				err = l.putShared(ctx, once, what, pk, hasKey(v.text(colKey)), row...)
			}
		}
		if !readAgain(err) {
			return err
		}
	}
	return contended(what, false)
}

// readAgain reports whether a row shows what became of a write that failed.
func readAgain(err error) bool {
	return errors.Is(err, engine.ErrConflict) || errors.Is(err, engine.ErrUnknownOutcome)
}

// manyRow is a submission's row. Its key differs with the number of its answers,
// which only rises.
func manyRow(m decide.Many) ([]column, error) {
	data, err := encoded("keep a submission", m)
	return []column{data, {colKey, fmt.Sprintf("%d/%d", m.At.UnixNano(), len(m.Left()))}}, err
}

func manyIn(key string, v values) (m decide.Many, err error) {
	if json.Unmarshal([]byte(v.text(colData)), &m) != nil || m.Key != key || m.At.IsZero() {
		return m, unreadable(key)
	}
	return m, nil
}
