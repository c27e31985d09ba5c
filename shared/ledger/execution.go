package ledger

import (
	"encoding/json"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// executionColumns are the columns of an execution's record. Times are in
// milliseconds since 1970, 0 if unknown.
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
