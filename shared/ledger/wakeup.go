package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
)

// wakeupShards spreads the wake-ups over the key space; a sweep reads all shards.
const wakeupShards = 8

func wakeupKey(w engine.Wakeup) *tablestore.PrimaryKey {
	pk := new(tablestore.PrimaryKey)
	pk.AddPrimaryKeyColumn("shard", shardName(shard(w.InstanceID, wakeupShards)))
	pk.AddPrimaryKeyColumn("due_ms", w.Due.UnixMilli())
	pk.AddPrimaryKeyColumn("instance_id", w.InstanceID)
	return pk
}

func shardName(n int) string { return fmt.Sprintf("%04x", n*0x10000/wakeupShards) }

// Arm stores a wake-up.
func (l *Ledger) Arm(ctx context.Context, w engine.Wakeup) error {
	change := new(tablestore.PutRowChange)
	change.TableName = tableWakeups
	change.PrimaryKey = wakeupKey(w)
	// For people, and because a row without columns would never expire.
	change.AddColumn("due", w.Due.UTC().Format(time.RFC3339))
	change.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
	return l.attempt(ctx, idempotent, tableWakeups, "arm a wake-up", func() error {
		_, err := l.client.PutRow(&tablestore.PutRowRequest{PutRowChange: change})
		return err
	})
}

// Disarm removes a wake-up.
func (l *Ledger) Disarm(ctx context.Context, w engine.Wakeup) error {
	change := new(tablestore.DeleteRowChange)
	change.TableName = tableWakeups
	change.PrimaryKey = wakeupKey(w)
	change.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
	return l.attempt(ctx, idempotent, tableWakeups, "remove a wake-up", func() error {
		_, err := l.client.DeleteRow(&tablestore.DeleteRowRequest{DeleteRowChange: change})
		return err
	})
}

// duePage is how many wake-ups are read at once.
const duePage = 100

// Due reads the wake-ups that are due, the oldest of each shard first. It begins
// with a random shard, so that no shard always comes last.
func (l *Ledger) Due(ctx context.Context, now time.Time, page func([]engine.Wakeup) bool) error {
	first := l.first(wakeupShards)
	for i := range wakeupShards {
		s := (first + i) % wakeupShards
		from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
		for _, pk := range []*tablestore.PrimaryKey{from, to} {
			pk.AddPrimaryKeyColumn("shard", shardName(s))
		}
		from.AddPrimaryKeyColumnWithMinValue("due_ms")
		from.AddPrimaryKeyColumnWithMinValue("instance_id")
		to.AddPrimaryKeyColumn("due_ms", now.UnixMilli())
		to.AddPrimaryKeyColumnWithMaxValue("instance_id")
		for r := (span{table: tableWakeups, from: from, to: to, limit: duePage}); r.from != nil; {
			rows, err := l.page(ctx, "read due wake-ups", &r)
			if err != nil {
				return err
			}
			var due []engine.Wakeup
			for _, row := range rows {
				due = append(due, engine.Wakeup{
					InstanceID: keyText(row, 2), Due: time.UnixMilli(keyInt(row, 1)).UTC(),
				})
			}
			if len(due) > 0 && !page(due) {
				return nil
			}
		}
	}
	return nil
}
