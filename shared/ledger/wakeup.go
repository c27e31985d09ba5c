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
	return keyOf(column{"shard", shardName(shard(w.InstanceID, wakeupShards))},
		column{"due_ms", w.Due.UnixMilli()}, column{"instance_id", w.InstanceID})
}

func shardName(n int) string { return fmt.Sprintf("%04x", n*0x10000/wakeupShards) }

// Arm stores a wake-up.
func (l *Ledger) Arm(ctx context.Context, w engine.Wakeup) error {
	// The time for people, and because a row without columns would never expire.
	columns := []column{{"due", w.Due.UTC().Format(time.RFC3339)}}
	if w.Commands > 0 {
		columns = append(columns, column{colCommands, int64(w.Commands)}, column{colElse, w.Else.UnixMilli()})
	}
	return l.put(ctx, idempotent, "arm a wake-up", putOf(tableWakeups, wakeupKey(w), anyway(), columns...))
}

// Columns of a wake-up for commands that wait for room.
const (
	colCommands = "commands"
	colElse     = "else_ms"
)

// Disarm removes a wake-up.
func (l *Ledger) Disarm(ctx context.Context, w engine.Wakeup) error {
	return l.remove(ctx, idempotent, "remove a wake-up", tableWakeups, wakeupKey(w), anyway())
}

// duePage is how many wake-ups are read at once.
const duePage = 100

// Due reads the wake-ups that are due, the oldest of each shard first. It begins
// with a random shard, so that no shard always comes last.
func (l *Ledger) Due(ctx context.Context, now time.Time, page func([]engine.Wakeup) bool) error {
	begin := l.first(wakeupShards)
	for i := range wakeupShards {
		s := column{"shard", shardName((begin + i) % wakeupShards)}
		from := keyOf(s, column{"due_ms", first}, column{"instance_id", first})
		to := keyOf(s, column{"due_ms", now.UnixMilli()}, column{"instance_id", last})
		for r := (span{table: tableWakeups, from: from, to: to, limit: duePage}); r.from != nil; {
			rows, err := l.page(ctx, "read due wake-ups", &r)
			if err != nil {
				return err
			}
			var due []engine.Wakeup
			for _, row := range rows {
				w := engine.Wakeup{InstanceID: keyText(row, 2), Due: time.UnixMilli(keyInt(row, 1)).UTC()}
				if v := valuesOf(row.Columns); v.int(colCommands) > 0 {
					w.Commands, w.Else = int(v.int(colCommands)), time.UnixMilli(v.int(colElse)).UTC()
				}
				due = append(due, w)
			}
			if len(due) > 0 && !page(due) {
				return nil
			}
		}
	}
	return nil
}
