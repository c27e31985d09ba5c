package ledger

import (
	"context"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
)

// scopeConcern is the scope of concerns. It sorts before that of stops and breakers,
// with nothing in between, so that one call reads both.
const scopeConcern = "concern"

// addConcern adds a row to what was read. One that cannot be read is left out: it
// must not hold commands as an unread stop would.
func addConcern(c *decide.Control, row string, v values) {
	concern, err := decode[decide.Concern](v)
	if err != nil {
		return
	}
	if c.Concerns == nil {
		c.Concerns = map[string]decide.Concern{}
	}
	c.Concerns[row] = concern
}

// Concerns reads all of them, by key.
func (l *Ledger) Concerns(ctx context.Context) (map[string]decide.Concern, error) {
	var c decide.Control
	err := l.scan(ctx, "read concerns", tableShared, sharedKey(scopeConcern, ""), sharedEnd(scopeConcern), nil, func(row *tablestore.Row) error {
		if v := valuesOf(row.Columns); keyText(row, 1) == rowSchema {
			l.noticed(v)
		} else {
			addConcern(&c, keyText(row, 1), v)
		}
		return nil
	})
	return c.Concerns, err
}

// Concern changes a concern, and then puts what people are to be told into the
// inbox, unless that is there. It returns the alert that it put there, if it did. It
// may be repeated, and several may do so at once: each state is told once.
func (l *Ledger) Concern(ctx context.Context, key string, next func(decide.Concern) decide.Concern) (told *decide.Alert, err error) {
	const what = "change a concern"
	pk := sharedKey(scopeConcern, key)
	for range writeTries {
		v, err := l.get(ctx, what, tableShared, pk)
		if err != nil {
			return nil, err
		}
		var was decide.Concern
		condition, token := absent(), v.text(colKey)
		if v != nil {
			condition = hasKey(token)
			if was, err = decode[decide.Concern](v); err != nil {
				was, condition = decide.Concern{}, anyway() // the next one replaces it
			}
		}
		to := next(was)
		switch {
		case to.Rev == 0 && v == nil:
			return nil, nil
		case to.Rev == 0:
			err = l.remove(ctx, once, what, tableShared, pk, condition)
		case !to.Same(was):
			token = newKey()
			err = l.putConcern(ctx, pk, condition, to, token)
		}
		if readAgain(err) {
			continue
		}
		if err != nil || to.Rev == 0 || to.Told {
			return nil, err
		}
		if err := l.Post(ctx, key, to.Rev, to.Alert); err != nil {
			return nil, err
		}
		to.Told = true
		if err := l.putConcern(ctx, pk, hasKey(token), to, newKey()); err != nil && !readAgain(err) {
			return nil, err
		}
		return &to.Alert, nil
	}
	return nil, contended(what, false)
}

func (l *Ledger) putConcern(ctx context.Context, pk *tablestore.PrimaryKey, c *tablestore.RowCondition, to decide.Concern, token string) error {
	const what = "change a concern"
	data, err := encoded(what, &to)
	if err != nil {
		return err
	}
	return l.putShared(ctx, once, what, pk, c, append(beside(&to), data, column{colKey, token})...)
}
