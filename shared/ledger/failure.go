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

// prefixReset begins the row of a reset and sorts behind the rows of failures. The
// time of the reset follows, so that no reset replaces a later one.
const prefixReset = "~"

// resetFailures makes the failures of a flow up to a time count no more.
func (l *Ledger) resetFailures(ctx context.Context, name string, at time.Time) error {
	return l.putShared(ctx, idempotent, "reset the count of failures",
		sharedKey(scopeFailures+name, prefixReset+stamp(at)), anyway(),
		column{"at", at.UTC().Format(time.RFC3339)})
}

// CountFailure records the failure of a run in a row of its own, and then
// counts the runs with rows from since on, in whole milliseconds and with no
// end, but only those after the last reset. A run that was recorded with several
// times counts once. The count stops at 1,000 rows.
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
	// The newest rows come first: the last reset, then the failures.
	runs, rows, reset := map[string]bool{}, 0, ""
	s := span{table: tableShared, from: sharedEnd(scope), to: sharedKey(scope, stamp(since)), backward: true}
	for s.from != nil && rows < maxCounted {
		s.limit = int32(maxCounted - rows)
		page, err := l.page(ctx, "count failures", &s)
		if err != nil {
			return 0, err
		}
		for _, row := range page {
			at, run, failure := strings.Cut(keyText(row, 1), "/")
			switch {
			case !failure:
				reset = max(reset, strings.TrimPrefix(at, prefixReset))
			case at <= reset:
				return len(runs), nil
			default:
				runs[run] = true
			}
		}
		rows += len(page)
	}
	return len(runs), nil
}
