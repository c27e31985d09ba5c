package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/event"
)

// Records is what is kept about one instance for people to read.
type Records struct {
	Executions []decide.Execution
	Tasks      []decide.Task    // ended ones
	Runs       []decide.FlowRun // ended ones
	Boots      []decide.Boot
	Acts       []decide.Act
	Lost       []decide.Message // given up
}

// Records reads all records of an instance, in the order of their keys.
func (l *Ledger) Records(ctx context.Context, instanceID string) (Records, error) {
	var r Records
	err := l.scan(ctx, "read records", tableInstances,
		primaryKey(instanceID, logFirst), primaryKey(instanceID, logEnd), nil,
		func(row *tablestore.Row) error { return r.add(keyText(row, 1), valuesOf(row.Columns)) })
	return r, err
}

func (r *Records) add(row string, v values) error {
	if strings.HasPrefix(row, logExec) {
		r.Executions = append(r.Executions, executionOf(v))
	}
	for _, k := range logKinds {
		if strings.HasPrefix(row, k.prefix) && k.read(r, v) != nil {
			return unreadable(row)
		}
	}
	return nil
}

// RecordAct records an act on no single instance, unless it is recorded.
func (l *Ledger) RecordAct(ctx context.Context, a decide.Act) error {
	return l.recordAct(ctx, "", a, absent())
}

// recordAct records an act on an instance, or on none. If the condition fails, it is
// recorded.
func (l *Ledger) recordAct(ctx context.Context, instanceID string, a decide.Act, c *tablestore.RowCondition) error {
	b := rowsOf(engine.Commit{
		ID: a.Key, InstanceID: cmp.Or(instanceID, decide.ActsID), At: a.At, Changes: decide.Changes{Acts: []decide.Act{a}},
	})
	for _, row := range b.rows {
		row.(*tablestore.PutRowChange).Condition = c
	}
	err := l.write(ctx, idempotent, "record an act", b)
	if errors.Is(err, engine.ErrConflict) {
		return nil
	}
	return err
}

// recordPage is how many records are read at once: each can hold a long text or
// a whole flow.
const recordPage = 20

// Recent reads an instance's records from a time on, the newest first and at most
// this many unless that is 0. More says that there are older ones. Without the
// index, it reads all records.
func (l *Ledger) Recent(ctx context.Context, instanceID string, since time.Time, most int) (r Records, more bool, err error) {
	of := column{colPartition, partition(instanceID)}
	s := span{
		table: indexTimeline, backward: true,
		from: keyOf(of, column{colAt, last}, column{colRow, last}), to: keyOf(of, column{colAt, since.UnixMilli()}, column{colRow, first}),
	}
	if most > 0 {
		s.limit = int32(most + 1)
	}
	var keys []string
	for s.from != nil && (most == 0 || len(keys) <= most) {
		rows, err := l.page(ctx, "read the timeline", &s)
		switch {
		case IsMissing(err):
			r, err = l.Records(ctx, instanceID)
			return r, false, err
		case err != nil:
			return r, false, err
		}
		for _, row := range rows {
			keys = append(keys, keyText(row, 2))
		}
	}
	if more = most > 0 && len(keys) > most; more {
		keys = keys[:most]
	}
	for page := range slices.Chunk(keys, recordPage) {
		rows, err := l.rows(ctx, "read records", instanceID, page)
		if err != nil {
			return r, more, err
		}
		for i, v := range rows {
			if v == nil {
				continue // it has expired
			}
			if err := r.add(page[i], v); err != nil {
				return r, more, err
			}
		}
	}
	return r, more, nil
}

// Details reads the records of entries of the history, which may be of many instances,
// and returns each in the order of the entries; one that has expired is empty.
func (l *Ledger) Details(ctx context.Context, entries []Entry) ([]Records, error) {
	out, pages := make([]Records, len(entries)), slices.Collect(slices.Chunk(entries, recordPage))
	errs := make([]error, len(pages))
	engine.SideBySide(len(pages), func(n int) {
		var keys []*tablestore.PrimaryKey
		for _, e := range pages[n] {
			keys = append(keys, primaryKey(e.InstanceID, e.row))
		}
		rows, err := l.rowsAt(ctx, "read records", tableInstances, keys)
		for i, v := range rows {
			if v != nil && err == nil {
				err = out[n*recordPage+i].add(pages[n][i].row, v)
			}
		}
		errs[n] = err
	})
	return out, cmp.Or(errs...)
}

// mostFound is how many records of a kind Find returns.
const mostFound = 10

// Find reads the ended tasks, the ended flow runs and the executions of an instance
// whose ids begin with a text, at most 10 of each.
func (l *Ledger) Find(ctx context.Context, instanceID, id string) (r Records, err error) {
	for _, prefix := range []string{logTask, logRun, logExec} {
		s := span{
			table: tableInstances, from: primaryKey(instanceID, prefix+id), to: primaryKey(instanceID, prefix+id+"~"), limit: mostFound,
		}
		rows, err := l.page(ctx, "look for a record", &s)
		if err != nil {
			return r, err
		}
		for _, row := range rows {
			if err := r.add(keyText(row, 1), valuesOf(row.Columns)); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// MaxKnown is how many ends Known takes: a BatchGetRow reads 100 rows.
const MaxKnown = 100

// Known returns the keys of an instance's ends that are recorded: handling them
// again would change nothing. It makes one call.
func (l *Ledger) Known(ctx context.Context, instanceID string, ends []event.TaskCompleted) (map[string]bool, error) {
	var keys, rows []string
	for _, end := range ends[:min(len(ends), MaxKnown)] {
		if key := end.Key(); !slices.Contains(keys, key) {
			keys, rows = append(keys, key), append(rows, logExec+end.InvokeID+"/"+end.Suffix())
		}
	}
	read, err := l.rows(ctx, "ask which ends are recorded", instanceID, rows, colCommit)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for i, v := range read {
		if v != nil {
			known[keys[i]] = true
		}
	}
	return known, nil
}
