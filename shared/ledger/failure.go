package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/flow"
)

const (
	scopeFailures = "failures/" // and the flow
	// maxCounted is the most rows that are counted: one page of a GetRange, and
	// the largest maxFailures of a flow.
	maxCounted = 1000
	// maxStamp is the last time with 13 digits of milliseconds, in 2286.
	maxStamp = 9_999_999_999_999
)

// stamp is a time in milliseconds since 1970, so that texts sort as times do.
func stamp(t time.Time) string {
	return fmt.Sprintf("%013d", max(0, min(t.UnixMilli(), maxStamp)))
}

// CountFailure records the failure of a run in a row of its own, and then
// counts the runs with rows from since on, in whole milliseconds and with no
// end. A run that was recorded with several times counts once. The count stops
// at 1,000 rows.
func (l *Ledger) CountFailure(ctx context.Context, f decide.FleetFailure, since time.Time) (int, error) {
	if !flow.ValidName(f.Flow) || f.InstanceID == "" || f.RunID == "" || f.At.IsZero() {
		return 0, fmt.Errorf("count a failure: flow, instance id, run id or time is missing or malformed: %w", engine.ErrInvalid)
	}
	scope := scopeFailures + f.Flow
	// The time again for people, and because a row without columns would never
	// expire.
	err := l.putShared(ctx, idempotent, "record a failure",
		sharedKey(scope, stamp(f.At)+"/"+f.InstanceID+"/"+f.RunID), anyway(),
		column{"at", f.At.UTC().Format(time.RFC3339)})
	if err != nil {
		return 0, err
	}
	runs, rows := map[string]bool{}, 0
	s := span{table: tableShared, from: sharedKey(scope, stamp(since)), to: sharedEnd(scope)}
	for s.from != nil && rows < maxCounted {
		s.limit = int32(maxCounted - rows)
		page, err := l.page(ctx, "count failures", &s)
		if err != nil {
			return 0, err
		}
		for _, row := range page {
			_, run, _ := strings.Cut(keyText(row, 1), "/")
			runs[run] = true
		}
		rows += len(page)
	}
	return len(runs), nil
}
