package ledger

import (
	"context"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// The scope of what sweeps note, and the row of the end of the last one.
const (
	scopeSweep = "sweep"
	rowEnd     = "end"
	rowAwaited = "awaited" // since when somebody waits for the first
	colEnd     = "end_ms"
)

// Swept notes that a sweep ended at a time.
func (l *Ledger) Swept(ctx context.Context, at time.Time) error {
	return l.putShared(ctx, idempotent, "note the end of a sweep", sharedKey(scopeSweep, rowEnd), anyway(), column{colEnd, at.UnixMilli()})
}

// LastSwept is when the last sweep ended; zero if none has.
func (l *Ledger) LastSwept(ctx context.Context) (at time.Time, err error) {
	at, _, err = l.swept(ctx)
	return at, err
}

// SweptOrAwaited is when the last sweep ended; if none has, it is since when somebody
// asks for that, which may be now.
func (l *Ledger) SweptOrAwaited(ctx context.Context, now time.Time) (time.Time, error) {
	end, awaited, err := l.swept(ctx)
	switch {
	case err != nil || !end.IsZero():
		return end, err
	case !awaited.IsZero():
		return awaited, nil
	}
	err = l.putShared(ctx, idempotent, "note that a sweep is awaited", sharedKey(scopeSweep, rowAwaited), anyway(), column{colEnd, now.UnixMilli()})
	return now, err
}

func (l *Ledger) swept(ctx context.Context) (end, awaited time.Time, err error) {
	err = l.scan(ctx, "read the end of the last sweep", tableShared, sharedKey(scopeSweep, ""), sharedEnd(scopeSweep), nil, func(row *tablestore.Row) error {
		if ms := valuesOf(row.Columns).int(colEnd); ms > 0 {
			at := time.UnixMilli(ms).UTC()
			switch keyText(row, 1) {
			case rowEnd:
				end = at
			case rowAwaited:
				awaited = at
			}
		}
		return nil
	})
	return end, awaited, err
}
