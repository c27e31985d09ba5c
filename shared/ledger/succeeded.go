package ledger

import (
	"context"
	"strings"

	"aftercare/shared/decide"
	"aftercare/shared/event"
)

// mostLooked is how many of an instance's newest records Succeeded looks at: a
// BatchGetRow reads 100 rows.
const mostLooked = 100

// Succeeded reports whether one of the instance's newest 100 records is a success
// like this. It reads the timeline, and the executions in it if there are any. [66]
func (l *Ledger) Succeeded(ctx context.Context, instanceID string, s decide.Success) (bool, error) {
	of := column{colPartition, partition(instanceID)}
	rows, err := l.page(ctx, "read the timeline", &span{
		table: indexTimeline, backward: true, limit: mostLooked,
		from: keyOf(of, column{colAt, last}, column{colRow, last}), to: keyOf(of, column{colAt, millis(s.After)}, column{colRow, last}),
	})
	if IsMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var executions []string
	for _, row := range rows {
		if key := keyText(row, 2); strings.HasPrefix(key, logExec) {
			executions = append(executions, key)
		}
	}
	if len(executions) == 0 {
		return false, nil
	}
	read, err := l.rows(ctx, "look for a success", instanceID, executions, "status", "command_name", "step")
	for _, v := range read {
		if v.text("status") == string(event.StatusSuccess) && v.text("command_name") == s.Name && (s.Step == "" || v.text("step") == s.Step) {
			return true, nil
		}
	}
	return false, err
}
