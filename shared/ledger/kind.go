package ledger

import (
	"fmt"
	"strings"

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
	}, func(b *batch, c *decide.Changes) { replace(b, c.Sends, sendRow) }},
	{prefixMessage, func(s *decide.State, v values) error { return addTo(s.Messages, v, decide.Message.Row) },
		func(b *batch, c *decide.Changes) { replace(b, c.Messages, messageRow) }},
	{prefixRun, func(s *decide.State, v values) error {
		return addTo(s.Runs, v, func(r decide.FlowRun) string { return r.ID })
	}, func(b *batch, c *decide.Changes) { replace(b, c.Runs, runRow) }},
	{prefixLate, func(s *decide.State, v values) error {
		return addTo(s.Unmatched, v, func(u decide.Unmatched) string { return u.Event.InvokeID })
	}, func(b *batch, c *decide.Changes) { replace(b, c.Unmatched, lateRow) }},
	{prefixLimit, func(s *decide.State, v values) error {
		return addTo(s.Limits, v, func(l decide.Limit) string { return l.Flow })
	}, func(b *batch, c *decide.Changes) { replace(b, c.Limits, limitRow) }},
	{prefixBad, func(s *decide.State, v values) error {
		return addTo(s.Failing, v, func(f decide.Failing) string { return f.Name })
	}, func(b *batch, c *decide.Changes) { replace(b, c.Failing, failingRow) }},
}

func readTask(s *decide.State, v values) error {
	return addTo(s.Tasks, v, func(t decide.Task) string { return t.ID })
}

// logKind is a kind of records with JSON, for people.
type logKind struct {
	prefix string
	read   func(*Records, values) error
	write  func(b *batch, c *decide.Changes, by column)
}

var logKinds = []logKind{
	{logTask, func(r *Records, v values) error { return appendTo(&r.Tasks, v) }, func(b *batch, c *decide.Changes, by column) {
		record(b, c.EndedTasks, func(t decide.Task) string { return logTask + t.ID }, by)
	}},
	{logRun, func(r *Records, v values) error { return appendTo(&r.Runs, v) }, func(b *batch, c *decide.Changes, by column) {
		record(b, c.EndedRuns, func(r decide.FlowRun) string { return logRun + r.ID }, by)
	}},
	{logBoot, func(r *Records, v values) error { return appendTo(&r.Boots, v) }, func(b *batch, c *decide.Changes, by column) {
		record(b, c.Boots, func(boot decide.Boot) string { return bootRow(boot.Seq) }, by)
	}},
	{logMessage, func(r *Records, v values) error { return appendTo(&r.Lost, v) }, func(b *batch, c *decide.Changes, by column) {
		record(b, c.Lost, func(m decide.Message) string { return logMessage + m.Row() }, by)
	}},
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

// record writes records for people.
func record[T any](b *batch, rows []T, key func(T) string, by column) {
	for _, row := range rows {
		b.put(key(row), &row, by)
	}
}
