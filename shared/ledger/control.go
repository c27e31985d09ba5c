package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Rows of the scope of stops and breakers. The rows of orders sort behind all
// that Control reads.
const (
	scopeControl  = "control"
	prefixStop    = "stop/" // and what it holds
	prefixBreaker = "breaker/"
	prefixOrder   = "~order/"
)

// stopRow is the row of a scope's stop: stop/all, stop/flow/<flow>,
// stop/instance/<id> or stop/label/<label>.
func stopRow(s decide.Scope) string {
	switch {
	case s.Flow != "":
		return prefixStop + "flow/" + s.Flow
	case s.Instance != "":
		return prefixStop + "instance/" + s.Instance
	case s.Label != "":
		return prefixStop + "label/" + s.Label
	}
	return prefixStop + "all"
}

// renewAfter is the age from which a stop is written anew: a quarter of the
// shortest life of its row.
const renewAfter = MinTTL / 4

// Control reads all stops and breakers, including breakers past their ResumeAt, and
// the concerns, which sort before them, with one GetRange. A row of theirs that it cannot read is an ErrInvalid and is not left
// out, since it may be a stop.
//
// A stop must not end with its row's time to live. Control writes a stop anew
// that was written more than 8 days ago. So it lives until it is removed if
// stops are read at least every 26 days; if nothing reads them, it may end after
// the table's time to live. It does the same with the schema's row.
func (l *Ledger) Control(ctx context.Context) (decide.Control, error) {
	const what = "read stops and breakers"
	c := decide.NewControl()
	var old []*tablestore.PutRowRequest
	from := sharedKey(scopeConcern, "")
	err := l.scan(ctx, what, tableShared, from, sharedKey(scopeControl, prefixOrder), nil, func(row *tablestore.Row) error {
		name, v := keyText(row, 1), valuesOf(row.Columns)
		switch {
		case keyText(row, 0) != scopeConcern:
			if err := addControl(&c, name, v); err != nil {
				return err
			}
		case name != rowSchema:
			addConcern(&c, name, v)
			return nil
		default:
			l.noticed(v)
		}
		if !strings.HasPrefix(name, prefixBreaker) && l.now().Sub(written(row)) > renewAfter {
			old = append(old, putOf(tableShared, row.PrimaryKey, hasKey(v.text(colKey)), others(v)...))
		}
		return nil
	})
	if err != nil {
		return decide.Control{}, err
	}
	for _, request := range old {
		// One try. If it fails, the next reader does it: there is time.
		_ = try(func() error {
			_, err := l.client.PutRow(request)
			return err
		})
	}
	return c, nil
}

// written is when a row was written, by the service's clock.
func written(row *tablestore.Row) time.Time {
	var at time.Time
	for _, c := range row.Columns {
		if t := time.UnixMilli(c.Timestamp); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// addControl adds a row to the stops and breakers.
func addControl(c *decide.Control, row string, v values) error {
	switch {
	case strings.HasPrefix(row, prefixStop):
		s, err := stopIn(row, v)
		if err == nil {
			c.Stops[s.Scope] = s
		}
		return err
	case strings.HasPrefix(row, prefixBreaker):
		b, err := breakerIn(row, v)
		if err == nil {
			c.Breakers[b.Flow] = b
		}
		return err
	}
	return fmt.Errorf("this version does not know the kind of row %s: %w", row, engine.ErrInvalid)
}

// stopIn reads the stop in a row.
func stopIn(row string, v values) (s decide.Stop, err error) {
	if json.Unmarshal([]byte(v.text(colData)), &s) != nil || stopRow(s.Scope) != row || s.At.IsZero() || v.text(colKey) == "" {
		return decide.Stop{}, unreadable(row)
	}
	return s, nil
}

// breakerIn reads the breaker in a row.
func breakerIn(row string, v values) (b decide.Breaker, err error) {
	if json.Unmarshal([]byte(v.text(colData)), &b) != nil || prefixBreaker+b.Flow != row || b.Key == "" || v.text(colKey) != b.Key {
		return decide.Breaker{}, unreadable(row)
	}
	return b, nil
}

func unreadable(row string) error {
	return fmt.Errorf("row %s cannot be read: %w", row, engine.ErrInvalid)
}
