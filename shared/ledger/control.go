package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/flow"
	"aftercare/shared/remediation"
)

// Rows of the scope of pauses and breakers; behind the prefix is the flow.
const (
	scopeControl  = "control"
	prefixPause   = "pause/"
	prefixBreaker = "breaker/"
)

// renewAfter is the age from which a pause is written anew: half of what its
// row lives for at least.
const renewAfter = MinTTL / 2

func newControl() remediation.Control {
	return remediation.Control{Pauses: map[string]remediation.Pause{}, Breakers: map[string]remediation.Breaker{}}
}

// Control reads all pauses and breakers, also those breakers whose time is
// over, with one GetRange. A row that it cannot read is an ErrInvalid, and
// not left out, since it may be a pause.
//
// A pause must not end with its row's time to live. One that was written more
// than 17 days ago is written anew here, so that it lives until it is removed
// if pauses are read at least every 17 days. If nothing reads them, it may end
// after the table's time to live.
func (l *Ledger) Control(ctx context.Context) (remediation.Control, error) {
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
			old = append(old, putOf(sharedKey(scopeControl, name), keyed(v.text(colKey)),
				column{colData, v.text(colData)}, column{colKey, v.text(colKey)}))
		}
		return nil
	})
	if err != nil {
		return remediation.Control{}, err
	}
	for _, request := range old {
		// One try. What it misses, the next reader does: there is time for it.
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

// addControl adds a row to what was said about flows.
func addControl(c *remediation.Control, row string, v values) error {
	data := []byte(v.text(colData))
	if flow, ok := strings.CutPrefix(row, prefixPause); ok {
		var p remediation.Pause
		if json.Unmarshal(data, &p) != nil || p.Flow != flow || v.text(colKey) == "" {
			return unreadable(row)
		}
		c.Pauses[flow] = p
		return nil
	}
	if flow, ok := strings.CutPrefix(row, prefixBreaker); ok {
		var b remediation.Breaker
		if json.Unmarshal(data, &b) != nil || b.Flow != flow || b.Key == "" || v.text(colKey) != b.Key {
			return unreadable(row)
		}
		c.Breakers[flow] = b
		return nil
	}
	return fmt.Errorf("row %s is of no kind that this version knows: %w", row, remediation.ErrInvalid)
}

func unreadable(row string) error {
	return fmt.Errorf("row %s is not readable: %w", row, remediation.ErrInvalid)
}

// Pause stores a pause of p.Flow, a flow's name or remediation.AllFlows, in
// the place of an earlier one. One without By or At is an ErrInvalid. It may
// be repeated. How long a pause lives: see Control.
func (l *Ledger) Pause(ctx context.Context, p remediation.Pause) error {
	const what = "pause flows"
	p.At = instant(p.At)
	if p.Flow != remediation.AllFlows && !flow.ValidName(p.Flow) || p.By == "" || p.At.IsZero() {
		return fmt.Errorf("%s: flow, by or at is missing or malformed: %w", what, remediation.ErrInvalid)
	}
	data, err := encoded(what, p)
	if err != nil {
		return err
	}
	return l.putShared(ctx, idempotent, what, sharedKey(scopeControl, prefixPause+p.Flow), anyway(),
		data, column{colKey, p.At.Format(time.RFC3339Nano)})
}

// Resume removes the pause of a flow and its breaker, and returns those that
// it removed. With remediation.AllFlows it removes the pause of all flows and
// nothing else: single pauses and breakers stay. Of a row that is not
// readable, which is removed too, only the flow is returned. Together with an
// error it returns what was removed before that.
func (l *Ledger) Resume(ctx context.Context, name string) (remediation.Control, error) {
	const what = "resume flows"
	gone := newControl()
	rows := []string{prefixPause + name}
	switch {
	case name == remediation.AllFlows:
	case flow.ValidName(name):
		rows = append(rows, prefixBreaker+name)
	default:
		return gone, fmt.Errorf("%s: flow is missing or malformed: %w", what, remediation.ErrInvalid)
	}
	for _, row := range rows {
		v, err := l.takeShared(ctx, what, sharedKey(scopeControl, row), func(values) bool { return true })
		switch {
		case err != nil:
			return gone, err
		case v == nil || addControl(&gone, row, v) == nil:
		case strings.HasPrefix(row, prefixPause):
			gone.Pauses[name] = remediation.Pause{Flow: name}
		default:
			gone.Breakers[name] = remediation.Breaker{Flow: name}
		}
	}
	return gone, nil
}
