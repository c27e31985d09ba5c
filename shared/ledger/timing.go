package ledger

import (
	"context"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
)

// scopeTiming is the scope of what is known of flows on schedule, with a row for
// each.
const scopeTiming = "timing"

// Timings are those of all flows that were ever on schedule, by name.
func (l *Ledger) Timings(ctx context.Context) (map[string]decide.Timing, error) {
	all := map[string]decide.Timing{}
	err := l.scan(ctx, "read schedules", tableShared, sharedKey(scopeTiming, ""), sharedEnd(scopeTiming), nil, func(row *tablestore.Row) error {
		name := keyText(row, 1)
		t, err := decode[decide.Timing](valuesOf(row.Columns))
		if err != nil || t.Flow != name || t.Since.IsZero() {
			return unreadable(name)
		}
		all[name] = t
		return nil
	})
	return all, err
}

// NoteTiming notes what is known of a flow on schedule.
func (l *Ledger) NoteTiming(ctx context.Context, t decide.Timing) error {
	const what = "note a schedule"
	data, err := encoded(what, &t)
	if err != nil {
		return err
	}
	return l.putShared(ctx, idempotent, what, sharedKey(scopeTiming, t.Flow), anyway(), append(beside(&t), data)...)
}
