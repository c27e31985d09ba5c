package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/engine"
)

// Load reads an instance's live rows, in key order, but for the queued tasks.
func (l *Ledger) Load(ctx context.Context, instanceID string) (decide.State, error) {
	s := decide.NewState(instanceID)
	err := l.scan(ctx, "load live rows", tableInstances,
		primaryKey(instanceID, liveFirst), primaryKey(instanceID, prefixQueue), nil,
		func(row *tablestore.Row) error { return addRow(&s, keyText(row, 1), valuesOf(row.Columns)) })
	s.Unread = s.Instance.Waiting
	return s, err
}

// Queue reads an instance's queued tasks.
func (l *Ledger) Queue(ctx context.Context, instanceID string) (tasks []decide.Task, err error) {
	err = l.scan(ctx, "load queued tasks", tableInstances,
		primaryKey(instanceID, prefixQueue), primaryKey(instanceID, liveEnd), nil,
		func(row *tablestore.Row) error {
			if appendTo(&tasks, valuesOf(row.Columns)) != nil {
				return unreadable(keyText(row, 1))
			}
			return nil
		})
	return tasks, err
}

// Whole reads an instance's live rows, the queued tasks included.
func (l *Ledger) Whole(ctx context.Context, instanceID string) (decide.State, error) {
	s, err := l.Load(ctx, instanceID)
	if err != nil {
		return s, err
	}
	queue, err := l.Queue(ctx, instanceID)
	s.AddQueue(queue)
	return s, err
}

// Texts reads the commands of tasks.
func (l *Ledger) Texts(ctx context.Context, instanceID string, taskIDs []string) (map[string]command.Command, error) {
	var keys []string
	for _, id := range taskIDs {
		keys = append(keys, prefixText+id)
	}
	rows, err := l.rows(ctx, "read commands", instanceID, keys)
	if err != nil {
		return nil, err
	}
	texts := map[string]command.Command{}
	for i, v := range rows {
		if v == nil {
			continue
		}
		if texts[taskIDs[i]], err = decode[command.Command](v); err != nil {
			return nil, fmt.Errorf("read commands: %w", unreadable(keys[i]))
		}
	}
	return texts, nil
}

// Ended reads the record of an input and those of ended tasks.
func (l *Ledger) Ended(ctx context.Context, instanceID, once string, taskIDs []string) (*engine.Recorded, map[string]*decide.Task, error) {
	keys := []string{logFirst + once}
	for _, id := range taskIDs {
		keys = append(keys, logTask+id)
	}
	rows, err := l.rows(ctx, "read ended tasks", instanceID, keys)
	if err != nil {
		return nil, nil, err
	}
	tasks := map[string]*decide.Task{}
	for i, v := range rows[1:] {
		tasks[taskIDs[i]] = nil
		if v == nil {
			continue
		}
		t, err := decode[decide.Task](v)
		if err != nil {
			return nil, nil, fmt.Errorf("read ended tasks: %w", unreadable(keys[i+1]))
		}
		tasks[taskIDs[i]] = &t
	}
	return recordedIn(rows[0]), tasks, nil
}

// EndedRun reads the record of a flow run, and returns nil without one.
func (l *Ledger) EndedRun(ctx context.Context, instanceID, runID string) (*decide.FlowRun, error) {
	const what = "read a flow run"
	key := logRun + runID
	rows, err := l.rows(ctx, what, instanceID, []string{key})
	if err != nil || rows[0] == nil {
		return nil, err
	}
	r, err := decode[decide.FlowRun](rows[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, unreadable(key))
	}
	return &r, nil
}

// rows is rowsAt of an instance.
func (l *Ledger) rows(ctx context.Context, what, instanceID string, keys []string, columns ...string) ([]values, error) {
	var whole []*tablestore.PrimaryKey
	for _, key := range keys {
		whole = append(whole, primaryKey(instanceID, key))
	}
	return l.rowsAt(ctx, what, tableInstances, whole, columns...)
}

// rowsAt reads at most 100 rows with one BatchGetRow; nil for one that is not there.
// It reads all columns if none are named.
func (l *Ledger) rowsAt(ctx context.Context, what, table string, keys []*tablestore.PrimaryKey, columns ...string) ([]values, error) {
	criteria := &tablestore.MultiRowQueryCriteria{TableName: table, ColumnsToGet: columns, MaxVersion: 1}
	for _, key := range keys {
		criteria.AddRow(key)
	}
	request := &tablestore.BatchGetRowRequest{MultiRowQueryCriteria: []*tablestore.MultiRowQueryCriteria{criteria}}
	var out []values
	err := l.attempt(ctx, read, "BatchGetRow", table, what, func() error {
		response, err := l.client.BatchGetRow(request)
		if err != nil {
			return err
		}
		out = nil
		for _, r := range response.TableToRowsResult[table] {
			if len(r.PrimaryKey.PrimaryKeys) == 0 {
				out = append(out, nil)
			} else {
				out = append(out, valuesOf(r.Columns))
			}
		}
		return answered(response.TableToRowsResult, table, len(keys))
	})
	return out, err
}

// span is a range of a table or an index.
type span struct {
	table    string
	from, to *tablestore.PrimaryKey
	columns  []string // all if there are none
	backward bool
	limit    int32 // of a page; the service's own if 0
}

// scan reads the rows of a range page by page, in key order; all columns if
// none are named.
func (l *Ledger) scan(ctx context.Context, what, table string, from, to *tablestore.PrimaryKey, columns []string, each func(*tablestore.Row) error) error {
	for s := (span{table: table, from: from, to: to, columns: columns}); s.from != nil; {
		rows, err := l.page(ctx, what, &s)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	return nil
}

// page reads the first rows of a range, and moves its begin behind them; to nil at
// the end.
func (l *Ledger) page(ctx context.Context, what string, s *span) ([]*tablestore.Row, error) {
	request := &tablestore.GetRangeRequest{RangeRowQueryCriteria: &tablestore.RangeRowQueryCriteria{
		TableName: s.table, StartPrimaryKey: s.from, EndPrimaryKey: s.to, ColumnsToGet: s.columns, Limit: s.limit, MaxVersion: 1,
	}}
	if s.backward {
		request.RangeRowQueryCriteria.Direction = tablestore.BACKWARD
	}
	var page *tablestore.GetRangeResponse
	err := l.attempt(ctx, read, "GetRange", s.table, what, func() (err error) {
		page, err = l.client.GetRange(request)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.from = page.NextStartPrimaryKey
	return page.Rows, nil
}

// Recorded reads the row of an execution or an input.
func (l *Ledger) Recorded(ctx context.Context, instanceID, once string) (*engine.Recorded, error) {
	v, err := l.get(ctx, "read the record of an input", tableInstances, primaryKey(instanceID, logFirst+once), colCommit, colAnswer, colHash)
	return recordedIn(v), err
}

func recordedIn(v values) *engine.Recorded {
	if v == nil {
		return nil
	}
	return &engine.Recorded{CommitID: v.text(colCommit), Answer: v.text(colAnswer), Hash: v.text(colHash)}
}

// Commit writes a commit's rows in one atomic BatchWriteRow. If they do not fit
// into a batch, it returns an ErrInvalid without writing.
func (l *Ledger) Commit(ctx context.Context, c engine.Commit) error {
	b := rowsOf(c)
	if err := l.complete(ctx, b, c.Changes.Matched); err != nil {
		return err
	}
	return l.write(ctx, once, "commit", b)
}

// complete adds what was unknown about executions to their records: each is read,
// and written whole. Only a commit with the instance's guard changes a record.
func (l *Ledger) complete(ctx context.Context, b *batch, matched []decide.Matched) error {
	if len(matched) == 0 {
		return nil
	}
	var keys []string
	for _, m := range matched {
		keys = append(keys, logFirst+m.Execution)
	}
	rows, err := l.rows(ctx, "read records to complete", b.instanceID, keys)
	if err != nil {
		return err
	}
	for i, m := range matched {
		v := rows[i]
		if v == nil {
			continue // it has expired
		}
		if m.TaskID != "" {
			v["task_id"], v["run_id"], v["step"] = m.TaskID, m.RunID, m.Step
		}
		if len(m.Decided.Flows) > 0 {
			v[colDecided] = b.encode(m.Decided)
		}
		for _, c := range listedExecution(b, executionOf(v)) {
			v[c.name] = c.value
		}
		b.putWhole(keys[i], v)
	}
	return nil
}

// write writes a batch's rows, all of them or none.
func (l *Ledger) write(ctx context.Context, k kind, what string, b *batch) error {
	if err := b.check(); err != nil {
		return fmt.Errorf("%s: %w: %w", what, err, engine.ErrInvalid)
	}
	return l.writeRows(ctx, k, what, b.table, b.rows)
}

// writeRows writes rows of one partition, all of them or none.
func (l *Ledger) writeRows(ctx context.Context, k kind, what, table string, rows []tablestore.RowChange) error {
	return l.attempt(ctx, k, "BatchWriteRow", table, what, func() error { return l.writeOnce(table, rows, true) })
}

// writeOnce writes rows of one table with one call.
func (l *Ledger) writeOnce(table string, rows []tablestore.RowChange, atomic bool) error {
	response, err := l.client.BatchWriteRow(&tablestore.BatchWriteRowRequest{
		RowChangesGroupByTable: map[string][]tablestore.RowChange{table: rows}, IsAtomic: atomic,
	})
	if err != nil {
		return err
	}
	return answered(response.TableToRowsResult, table, len(rows))
}

// removeEach removes those of some rows whose condition holds.
func (l *Ledger) removeEach(ctx context.Context, what string, rows []tablestore.RowChange) error {
	return l.attempt(ctx, idempotent, "BatchWriteRow", tableAlerts, what, func() error {
		err := l.writeOnce(tableAlerts, rows, false)
		if failed := (rowErrors)(nil); errors.As(err, &failed) {
			failed = slices.DeleteFunc(failed, func(e tablestore.Error) bool { return e.Code == "OTSConditionCheckFail" })
			if len(failed) == 0 {
				return nil
			}
			return failed
		}
		return err
	})
}

// guardOf is the condition that the instance's rev is still the one that was
// read. If there was no row, it holds without a rev, whether or not a row
// exists: one that has expired may be there until the service removes it.
func guardOf(rev int64) *tablestore.RowCondition {
	guard := tablestore.NewSingleColumnCondition(colRev, tablestore.CT_EQUAL, rev)
	guard.LatestVersionOnly = true
	guard.FilterIfMissing = rev != 0
	expect := tablestore.RowExistenceExpectation_EXPECT_EXIST
	if rev == 0 {
		expect = tablestore.RowExistenceExpectation_IGNORE
	}
	return &tablestore.RowCondition{RowExistenceExpectation: expect, ColumnCondition: guard}
}

// rowsOf returns the rows of a commit, but for the records that it completes. The
// instance's rev guards it if any live row changes; the rows of the execution and
// the input make a duplicate fail.
func rowsOf(c engine.Commit) *batch {
	b := instanceBatch(tableInstances, c.InstanceID)
	ch := c.Changes
	if i := ch.Instance; i != nil {
		b.change(rowInstance, i, guardOf(i.Rev), append(fleetColumns(b, c), column{colRev, i.NextRev(c.At)}))
	}
	for _, k := range liveKinds {
		k.write(b, &ch)
	}
	writeTexts(b, ch.Tasks)
	by := column{colCommit, c.ID}
	if e := ch.Execution; e != nil {
		columns := append(executionColumns(*e), listedExecution(b, *e)...)
		if len(e.Decided.Flows) > 0 {
			columns = append(columns, column{colDecided, b.encode(e.Decided)})
		}
		b.putOnce(logExec+e.Event.InvokeID+"/"+e.Event.Suffix(), nil, append(columns, by)...)
	}
	if in := ch.Input; in != nil {
		b.putOnce(logInput+in.Key, nil, by, column{colAnswer, in.Answer},
			column{"dedupe_key", in.DedupeKey}, column{colHash, in.Hash}, column{"at_ms", c.At.UnixMilli()})
	}
	for _, k := range logKinds {
		k.write(b, c, by)
	}
	return b
}
