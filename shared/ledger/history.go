package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// historyShards spreads one day's executions over the key space.
const historyShards = 8

// executionColumns are the columns of an execution, in the history and in its
// instance's log. Times are in milliseconds since 1970, 0 if unknown.
func executionColumns(e decide.Execution) []column {
	ev := e.Event
	c := []column{
		{"event_id", ev.ID},
		{"event_source", ev.Envelope.Source},
		{"account", ev.Account},
		{"region", ev.Region},
		{"event_time_ms", millis(ev.Time)},
		{"instance_id", ev.InstanceID},
		{"invoke_id", ev.InvokeID},
		{"command_id", ev.CommandID},
		{"command_name", e.Name},
		{"status", string(ev.Status)},
		{"error_code", ev.ErrorCode},
		{"error_desc", ev.ErrorDesc},
		{"repeat_mode", ev.RepeatMode},
		{"repeats", ev.Repeats},
		{"start_time_ms", millis(ev.StartTime)},
		{"finish_time_ms", millis(ev.FinishTime)},
		{"owner_uid", ev.OwnerUID},
		{"player_uid", ev.PlayerUID},
		{"task_id", e.TaskID},
		{"run_id", e.RunID},
		{"step", e.Step},
		{"source", e.Source},
		{"received_ms", millis(e.Received)},
	}
	if ev.ExitCode != nil {
		c = append(c, column{"exit_code", *ev.ExitCode})
	}
	return c
}

// executionOf returns the execution in these columns.
func executionOf(v values) decide.Execution {
	e := decide.Execution{
		Event: event.TaskCompleted{
			Envelope: event.Envelope{
				ID: v.text("event_id"), Source: v.text("event_source"), Kind: event.KindTaskCompleted,
				Account: v.text("account"), Region: v.text("region"), Time: fromMillis(v.int("event_time_ms")),
			},
			InstanceID: v.text("instance_id"), InvokeID: v.text("invoke_id"),
			CommandID: v.text("command_id"), CommandName: v.text("command_name"),
			Status: event.Status(v.text("status")), ErrorCode: v.text("error_code"), ErrorDesc: v.text("error_desc"),
			RepeatMode: v.text("repeat_mode"), Repeats: v.int("repeats"),
			StartTime: fromMillis(v.int("start_time_ms")), FinishTime: fromMillis(v.int("finish_time_ms")),
			OwnerUID: v.text("owner_uid"), PlayerUID: v.text("player_uid"),
		},
		Name: v.text("command_name"), TaskID: v.text("task_id"), RunID: v.text("run_id"), Step: v.text("step"),
		Source:   v.text("source"),
		Received: fromMillis(v.int("received_ms")),
	}
	// Only people read this: leave out what cannot be read.
	if text := v.text(colDecided); text != "" {
		if err := json.Unmarshal([]byte(text), &e.Decided); err != nil {
			e.Decided = decide.Decided{}
		}
	}
	if code, ok := v["exit_code"].(int64); ok {
		e.Event.ExitCode = &code
	}
	return e
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// happened is when an execution counts in the history: when it finished, or the
// first other time that its event has. It is the same for every delivery.
func happened(ev event.TaskCompleted) time.Time {
	for _, t := range []time.Time{ev.FinishTime, ev.StartTime, ev.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return time.UnixMilli(0).UTC()
}

func historyKey(instanceID string, ev event.TaskCompleted) *tablestore.PrimaryKey {
	at := happened(ev)
	pk := new(tablestore.PrimaryKey)
	pk.AddPrimaryKeyColumn("day_shard", fmt.Sprintf("%s/%02d", at.Format(time.DateOnly), shard(instanceID, historyShards)))
	pk.AddPrimaryKeyColumn("finish_time_ms", at.UnixMilli())
	pk.AddPrimaryKeyColumn("instance_id", instanceID)
	pk.AddPrimaryKeyColumn("execution", ev.InvokeID+"/"+ev.Suffix())
	return pk
}

// PutHistory records an execution once; the first record of it stays.
func (l *Ledger) PutHistory(ctx context.Context, instanceID string, e decide.Execution) error {
	change := new(tablestore.PutRowChange)
	change.TableName = tableHistory
	change.PrimaryKey = historyKey(instanceID, e.Event)
	change.SetCondition(tablestore.RowExistenceExpectation_EXPECT_NOT_EXIST)
	for _, c := range executionColumns(e) {
		if c.name != "finish_time_ms" && c.name != "instance_id" {
			change.AddColumn(c.name, c.value)
		}
	}
	err := l.attempt(ctx, idempotent, tableHistory, "put history", func() error {
		_, err := l.client.PutRow(&tablestore.PutRowRequest{PutRowChange: change})
		return err
	})
	if errors.Is(err, engine.ErrConflict) {
		return nil
	}
	return err
}

// History calls each with the executions that finished on the UTC day of the
// given time, in no particular order.
func (l *Ledger) History(ctx context.Context, day time.Time, each func(decide.Execution) error) error {
	text := day.UTC().Format(time.DateOnly)
	for s := range historyShards {
		from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
		for _, pk := range []*tablestore.PrimaryKey{from, to} {
			pk.AddPrimaryKeyColumn("day_shard", fmt.Sprintf("%s/%02d", text, s))
		}
		for _, name := range []string{"finish_time_ms", "instance_id", "execution"} {
			from.AddPrimaryKeyColumnWithMinValue(name)
			to.AddPrimaryKeyColumnWithMaxValue(name)
		}
		err := l.scan(ctx, "read history", tableHistory, from, to, nil, func(row *tablestore.Row) error {
			v := valuesOf(row.Columns)
			v["finish_time_ms"] = keyInt(row, 1)
			v["instance_id"] = keyText(row, 2)
			return each(executionOf(v))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
