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
	"aftercare/shared/flow"
)

// Rows of the scope of pauses and breakers; the flow follows the prefix.
const (
	scopeControl  = "control"
	prefixPause   = "pause/"
	prefixBreaker = "breaker/"
)

// renewAfter is the age from which a pause is written anew: a quarter of the
// shortest life of its row.
const renewAfter = MinTTL / 4

func newControl() decide.Control {
	return decide.Control{Pauses: map[string]decide.Pause{}, Breakers: map[string]decide.Breaker{}}
}

// Control reads all pauses and breakers, including breakers past their
// ResumeAt, with one GetRange. A row that it cannot read is an ErrInvalid and is
// not left out, since it may be a pause.
//
// A pause must not end with its row's time to live. Control writes a pause anew
// that was written more than 8 days ago. So it lives until it is removed if
// pauses are read at least every 26 days; if nothing reads them, it may end
// after the table's time to live.
func (l *Ledger) Control(ctx context.Context) (decide.Control, error) {
	const what = "read pauses and breakers"
	c := newControl()
	var old []*tablestore.PutRowRequest
	from := sharedKey(scopeControl, "")
	err := l.scan(ctx, what, tableShared, from, sharedEnd(scopeControl), nil, func(row *tablestore.Row) error {
		name, v := keyText(row, 1), valuesOf(row.Columns)
		if err := addControl(&c, name, v); err != nil {
			return err
		}
		if strings.HasPrefix(name, prefixPause) && l.now().Sub(written(row)) > renewAfter {
			old = append(old, putOf(tableShared, sharedKey(scopeControl, name), hasKey(v.text(colKey)),
				column{colData, v.text(colData)}, column{colKey, v.text(colKey)}))
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

// addControl adds a row to the pauses and breakers.
func addControl(c *decide.Control, row string, v values) error {
	data := []byte(v.text(colData))
	if flow, ok := strings.CutPrefix(row, prefixPause); ok {
		var p decide.Pause
		if json.Unmarshal(data, &p) != nil || p.Flow != flow || v.text(colKey) == "" {
			return unreadable(row)
		}
		c.Pauses[flow] = p
		return nil
	}
	if flow, ok := strings.CutPrefix(row, prefixBreaker); ok {
		var b decide.Breaker
		if json.Unmarshal(data, &b) != nil || b.Flow != flow || b.Key == "" || v.text(colKey) != b.Key {
			return unreadable(row)
		}
		c.Breakers[flow] = b
		return nil
	}
	return fmt.Errorf("this version does not know the kind of row %s: %w", row, engine.ErrInvalid)
}

func unreadable(row string) error {
	return fmt.Errorf("row %s cannot be read: %w", row, engine.ErrInvalid)
}

// Pause stores a pause of p.Flow, a flow's name or decide.AllFlows, in
// place of an earlier one. A pause without By or At is an ErrInvalid. It may be
// repeated. How long a pause lives: see Control.
func (l *Ledger) Pause(ctx context.Context, p decide.Pause) error {
	const what = "pause flows"
	p.At = instant(p.At)
	if p.Flow != decide.AllFlows && !flow.ValidName(p.Flow) || p.By == "" || p.At.IsZero() {
		return fmt.Errorf("%s: flow, by or at is missing or malformed: %w", what, engine.ErrInvalid)
	}
	data, err := encoded(what, p)
	if err != nil {
		return err
	}
	return l.putShared(ctx, idempotent, what, sharedKey(scopeControl, prefixPause+p.Flow), anyway(),
		data, column{colKey, p.At.Format(time.RFC3339Nano)})
}

// Resume removes the pause of a flow and its breaker, and returns those that
// it removed. The failures of the flow until now count no more. With
// decide.AllFlows it removes only the pause of all flows: single pauses and
// breakers stay. It also removes an unreadable row, and
// returns only its flow. With an error it returns what it removed before that.
func (l *Ledger) Resume(ctx context.Context, name string) (decide.Control, error) {
	const what = "resume flows"
	gone := newControl()
	rows := []string{prefixPause + name}
	switch {
	case name == decide.AllFlows:
	case flow.ValidName(name):
		rows = append(rows, prefixBreaker+name)
		if err := l.resetFailures(ctx, name, l.now()); err != nil {
			return gone, err
		}
	default:
		return gone, fmt.Errorf("%s: flow is missing or malformed: %w", what, engine.ErrInvalid)
	}
	for _, row := range rows {
		v, err := l.takeShared(ctx, what, sharedKey(scopeControl, row), func(values) bool { return true })
		switch {
		case err != nil:
			return gone, err
		case v == nil || addControl(&gone, row, v) == nil:
		case strings.HasPrefix(row, prefixPause):
			gone.Pauses[name] = decide.Pause{Flow: name}
		default:
			gone.Breakers[name] = decide.Breaker{Flow: name}
		}
	}
	return gone, nil
}
