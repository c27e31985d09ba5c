package ledger

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// Period is a part of the history.
type Period struct {
	// From and Before bound the time, to the millisecond.
	From, Before time.Time
	// InstanceID limits it to one instance, if it is set.
	InstanceID string
}

// History calls each with the executions of a period, the newest first, as they come.
// They have what the list says: no event, and of the error's text the beginning.
func (l *Ledger) History(ctx context.Context, q Period, each func(decide.Execution) error) error {
	if q.Before.UnixMilli() <= q.From.UnixMilli() {
		return nil // the service refuses an empty range
	}
	for month := monthOf(q.Before.Add(-time.Millisecond)); !month.Before(monthOf(q.From)); month = month.AddDate(0, -1, 0) {
		var shards []*cursor
		for n := range listShards {
			if q.InstanceID == "" || n == shard(q.InstanceID, listShards) {
				shards = append(shards, newCursor(histKey(logExec, month, n), q))
			}
		}
		for {
			newest, err := l.newest(ctx, shards)
			if err != nil {
				return err
			}
			if newest == nil {
				break
			}
			row := newest.rows[0]
			newest.rows = newest.rows[1:]
			if q.InstanceID != "" && keyText(row, 2) != partition(q.InstanceID) {
				continue
			}
			if err := each(entryOf(row)); err != nil {
				return err
			}
		}
	}
	return nil
}

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// cursor reads one shard backward.
type cursor struct {
	span
	rows []*tablestore.Row // that are read and not used
}

func newCursor(hist string, q Period) *cursor {
	bound := func(at time.Time) *tablestore.PrimaryKey {
		return keyOf(column{colHist, hist}, column{colAt, at.UnixMilli()}, column{colPartition, first}, column{colRow, first})
	}
	return &cursor{span: span{table: indexHistory, from: bound(q.Before), to: bound(q.From), backward: true, limit: 500}}
}

// newest returns the shard with the newest row; nil if all are read.
func (l *Ledger) newest(ctx context.Context, shards []*cursor) (newest *cursor, err error) {
	for _, c := range shards {
		for len(c.rows) == 0 && c.from != nil {
			if c.rows, err = l.page(ctx, "read the history", &c.span); err != nil {
				return nil, err
			}
		}
		if len(c.rows) > 0 && (newest == nil || keyInt(c.rows[0], 1) > keyInt(newest.rows[0], 1)) {
			newest = c
		}
	}
	return newest, nil
}

// entryOf returns the execution that a row of the history's index stands for.
func entryOf(row *tablestore.Row) decide.Execution {
	_, instanceID, _ := strings.Cut(keyText(row, 2), ":")
	invokeID, _, _ := strings.Cut(strings.TrimPrefix(keyText(row, 3), logExec), "/")
	var b brief
	_ = json.Unmarshal([]byte(valuesOf(row.Columns).text(colBrief)), &b) // only people read it
	return decide.Execution{
		Name: b.Name, TaskID: b.TaskID,
		Event: event.TaskCompleted{
			InstanceID: instanceID, InvokeID: invokeID, Status: event.Status(b.Result), ExitCode: b.ExitCode,
			ErrorCode: b.Code, ErrorDesc: b.Why, StartTime: fromMillis(b.StartMS), FinishTime: fromMillis(keyInt(row, 1)),
		},
	}
}
