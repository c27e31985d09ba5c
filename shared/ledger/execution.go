package ledger

import (
	"encoding/json"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// executionFields are the columns of an execution's record, and what they hold.
// Times are in milliseconds since 1970, 0 if unknown.
func executionFields(e *decide.Execution) []column {
	ev := &e.Event
	return []column{
		{"event_id", &ev.ID},
		{"event_source", &ev.Envelope.Source},
		{"account", &ev.Account},
		{"region", &ev.Region},
		{"event_time_ms", &ev.Time},
		{"instance_id", &ev.InstanceID},
		{"invoke_id", &ev.InvokeID},
		{"command_id", &ev.CommandID},
		{"command_name", &e.Name},
		{"status", (*string)(&ev.Status)},
		{"error_code", &ev.ErrorCode},
		{"error_desc", &ev.ErrorDesc},
		{"repeat_mode", &ev.RepeatMode},
		{"repeats", &ev.Repeats},
		{"start_time_ms", &ev.StartTime},
		{"finish_time_ms", &ev.FinishTime},
		{"owner_uid", &ev.OwnerUID},
		{"player_uid", &ev.PlayerUID},
		{"task_id", &e.TaskID},
		{"run_id", &e.RunID},
		{"step", &e.Step},
		{"source", &e.Source},
		{"received_ms", &e.Received},
	}
}

func executionColumns(e decide.Execution) []column {
	columns := executionFields(&e)
	for i, c := range columns {
		switch field := c.value.(type) {
		case *string:
			columns[i].value = *field
		case *int64:
			columns[i].value = *field
		case *time.Time:
			columns[i].value = millis(*field)
		}
	}
	if code := e.Event.ExitCode; code != nil {
		columns = append(columns, column{"exit_code", *code})
	}
	return columns
}

// executionOf returns the execution in these columns.
func executionOf(v values) (e decide.Execution) {
	for _, c := range executionFields(&e) {
		switch field := c.value.(type) {
		case *string:
			*field = v.text(c.name)
		case *int64:
			*field = v.int(c.name)
		case *time.Time:
			*field = fromMillis(v.int(c.name))
		}
	}
	e.Event.Kind, e.Event.CommandName = event.KindTaskCompleted, e.Name
	// Only people read this: leave out what cannot be read.
	if json.Unmarshal([]byte(v.text(colDecided)), &e.Decided) != nil {
		e.Decided = decide.Decided{}
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
