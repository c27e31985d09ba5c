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
	colEnd     = "end_ms"
)

// Swept notes that a sweep ended at a time.
func (l *Ledger) Swept(ctx context.Context, at time.Time) error {
	return l.putShared(ctx, idempotent, "note the end of a sweep", sharedKey(scopeSweep, rowEnd), anyway(), column{colEnd, at.UnixMilli()})
}

// LastSwept is when the last sweep ended; zero if none has.
func (l *Ledger) LastSwept(ctx context.Context) (at time.Time, err error) {
	err = l.scan(ctx, "read the end of the last sweep", tableShared, sharedKey(scopeSweep, rowEnd), sharedEnd(scopeSweep), nil, func(row *tablestore.Row) error {
		if v := valuesOf(row.Columns); keyText(row, 1) == rowEnd && v.int(colEnd) > 0 {
			at = time.UnixMilli(v.int(colEnd)).UTC()
		}
		return nil
	})
	return at, err
}
