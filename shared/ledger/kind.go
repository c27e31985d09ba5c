package ledger

import (
	"fmt"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// liveKind is a kind of live rows beside the instance's own: how a state is read
// from them, and how a commit writes them.
type liveKind struct {
	prefix string
	read   func(*decide.State, values) error
	write  func(*batch, *decide.Changes)
}

// liveKinds are all of them. A task has two, and is written with the first.
var liveKinds = []liveKind{
	{prefixTask, readTask, func(b *batch, c *decide.Changes) { replace(b, c.Tasks, taskRow) }},
	{prefixQueue, readTask, func(*batch, *decide.Changes) {}},
	{prefixSend, func(s *decide.State, v values) error {
		return addTo(s.Sends, v, func(s decide.Send) string { return s.Key })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Sends, func(s decide.Send) string { return prefixSend + s.Key })
	}},
	{prefixMessage, func(s *decide.State, v values) error { return addTo(s.Messages, v, decide.Message.Row) },
		func(b *batch, c *decide.Changes) {
			replace(b, c.Messages, func(m decide.Message) string { return prefixMessage + m.Row() })
		}},
	{prefixRun, func(s *decide.State, v values) error {
		return addTo(s.Runs, v, func(r decide.FlowRun) string { return r.ID })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Runs, func(r decide.FlowRun) string { return prefixRun + r.ID })
	}},
	{prefixLate, func(s *decide.State, v values) error {
		return addTo(s.Unmatched, v, func(u decide.Unmatched) string { return u.Event.InvokeID })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Unmatched, func(u decide.Unmatched) string { return prefixLate + u.Event.InvokeID })
	}},
	{prefixLimit, func(s *decide.State, v values) error {
		return addTo(s.Limits, v, func(l decide.Limit) string { return l.Flow })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Limits, func(l decide.Limit) string { return prefixLimit + l.Flow })
	}},
	{prefixBad, func(s *decide.State, v values) error {
		return addTo(s.Failing, v, func(f decide.Failing) string { return f.Name })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Failing, func(f decide.Failing) string { return prefixBad + decide.Key(f.Name) })
	}},
	{prefixRepair, func(s *decide.State, v values) error {
		return addTo(s.Repairs, v, func(r decide.Repairs) string { return string(r.Kind) })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Repairs, func(r decide.Repairs) string { return prefixRepair + string(r.Kind) })
	}},
	{prefixAlerted, func(s *decide.State, v values) error {
		return addTo(s.Alerted, v, func(a decide.Alerted) string { return a.Alert.Fingerprint })
	}, func(b *batch, c *decide.Changes) {
		replace(b, c.Alerted, func(a decide.Alerted) string { return prefixAlerted + a.Alert.Fingerprint })
	}},
}

func readTask(s *decide.State, v values) error {
	return addTo(s.Tasks, v, func(t decide.Task) string { return t.ID })
}

// logKind is a kind of records with JSON, for people.
type logKind struct {
	prefix string
	read   func(*Records, values) error
	write  func(b *batch, c engine.Commit, by column)
}

var logKinds = []logKind{
	logged(logTask, func(r *Records) *[]decide.Task { return &r.Tasks }, func(c decide.Changes) []decide.Task { return c.EndedTasks },
		func(t decide.Task) (string, time.Time, Brief) {
			return t.ID, t.EndedAt, Brief{
				Name: t.Name, Result: string(t.State), ExitCode: t.ExitCode, Code: t.ErrorCode, Why: t.Reason, InvokeID: endedBy(t),
			}
		}),
	logged(logRun, func(r *Records) *[]decide.FlowRun { return &r.Runs }, func(c decide.Changes) []decide.FlowRun { return c.EndedRuns },
		func(r decide.FlowRun) (string, time.Time, Brief) {
			b := Brief{Name: r.Flow, Result: r.Result, Why: r.Reason, StartMS: millis(r.StartedAt)}
			if r.Asked() {
				b.AskedMS = millis(r.CreatedAt)
			}
			return r.ID, r.EndedAt, b
		}),
	logged(logBoot, func(r *Records) *[]decide.Boot { return &r.Boots }, func(c decide.Changes) []decide.Boot { return c.Boots },
		func(b decide.Boot) (string, time.Time, Brief) {
			return fmt.Sprintf("%010d", b.Seq), b.EventTime, Brief{Why: b.AgentVersion, EventID: b.EventID}
		}),
	logged(logAct, func(r *Records) *[]decide.Act { return &r.Acts }, func(c decide.Changes) []decide.Act { return c.Acts },
		func(a decide.Act) (string, time.Time, Brief) {
			return stamp(a.At) + "/" + a.Key, a.At, Brief{Name: string(a.Kind) + " " + a.What, Result: a.Outcome, Why: a.Reason, By: a.By}
		}),
	logged(logMessage, func(r *Records) *[]decide.Message { return &r.Lost }, func(c decide.Changes) []decide.Message { return c.Lost },
		func(m decide.Message) (string, time.Time, Brief) {
			b := Brief{Name: string(m.Kind), Result: GivenUp}
			if m.Alert != nil {
				b.Why = m.Alert.Summary
			}
			return m.Row(), time.Time{}, b
		}),
}

// GivenUp is the result of a message that nobody got.
const GivenUp = "given up"

// endedBy is the execution that ended a task; empty if it ended without.
func endedBy(t decide.Task) string {
	if t.Status == "" {
		return ""
	}
	return t.InvokeID
}

// logged is a kind of records: where they are in Records and in a commit, and
// each one's id, when it happened, and what the history says of it.
func logged[T any](prefix string, in func(*Records) *[]T, from func(decide.Changes) []T, line func(T) (string, time.Time, Brief)) logKind {
	return logKind{
		prefix: prefix,
		read:   func(r *Records, v values) error { return appendTo(in(r), v) },
		write: func(b *batch, c engine.Commit, by column) {
			for _, row := range from(c.Changes) {
				id, at, what := line(row)
				b.put(prefix+id, &row, append(listed(b, prefix, what, c.At, at), by)...)
			}
		},
	}
}

// addRow adds one live row to the state.
func addRow(s *decide.State, row string, v values) error {
	if row == rowInstance {
		i, err := decode[decide.Instance](v)
		if err != nil {
			return unreadable(row)
		}
		i.ID, i.Rev = s.Instance.ID, v.int(colRev)
		s.Instance = i
		return nil
	}
	for _, k := range liveKinds {
		if strings.HasPrefix(row, k.prefix) {
			if k.read(s, v) != nil {
				return unreadable(row)
			}
			return nil
		}
	}
	return fmt.Errorf("this version does not know the kind of row %s: %w", row, engine.ErrInvalid)
}

func addTo[T any](rows map[string]T, v values, key func(T) string) error {
	row, err := decode[T](v)
	if err == nil {
		rows[key(row)] = row
	}
	return err
}

func appendTo[T any](list *[]T, v values) error {
	row, err := decode[T](v)
	if err == nil {
		*list = append(*list, row)
	}
	return err
}

// replace writes live rows, and drops those that are gone or have a new key.
func replace[T any](b *batch, changes []decide.Change[T], key func(T) string) {
	for _, c := range changes {
		if c.Before != nil && (c.After == nil || key(*c.After) != key(*c.Before)) {
			b.drop(key(*c.Before))
		}
		if c.After != nil {
			b.put(key(*c.After), c.After)
		}
	}
}

// writeTexts puts the command of each new task in a row of its own, and drops it
// when the task ends.
func writeTexts(b *batch, changes []decide.Change[decide.Task]) {
	for _, c := range changes {
		switch {
		case c.Before == nil:
			b.put(prefixText+c.After.ID, c.After.Command)
		case c.After == nil:
			b.drop(prefixText + c.Before.ID)
		}
	}
}
