package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
)

// quarantineTTL is how long payloads stay in quarantine.
const quarantineTTL = 30 * 24 * time.Hour

// MinTTL is the shortest time to live of the tables: a task may wait for half
// of it, and Cloud Assistant keeps records for 30 days.
const MinTTL = 35 * 24 * time.Hour

type keyColumn struct {
	name string
	kind tablestore.PrimaryKeyType
}

type table struct {
	name string
	key  []keyColumn
	ttl  time.Duration
	// whole: rows are only put and deleted. An index beside a time to live needs
	// that.
	whole   bool
	indexes []index
}

// tables lists every table with its primary key and its indexes.
func tables(ttl time.Duration) []table {
	const text, number = tablestore.PrimaryKeyType_STRING, tablestore.PrimaryKeyType_INTEGER
	return []table{
		{tableInstances, []keyColumn{{colPartition, text}, {colRow, text}}, ttl, true, indexes},
		{tableWakeups, []keyColumn{{"shard", text}, {"due_ms", number}, {"instance_id", text}}, ttl, false, nil},
		{tableShared, []keyColumn{{colScope, text}, {colRow, text}}, ttl, false, nil},
		{tableAlerts, []keyColumn{{colScope, text}, {colRow, text}}, ttl, false, nil},
		{tableQuarantine, []keyColumn{{colSHA256, text}, {colPart, number}}, quarantineTTL, false, nil},
	}
}

// CreateTables creates the missing tables, whose rows live for ttl, at least
// MinTTL, and the missing indexes, and returns their names. It makes no index, and
// reports that lists are missing, if the service refuses atomic batches beside
// indexes: no function works without those. A table that exists in another form is
// an error, and so is a later version's schema, with which nothing is made. In the
// end it notes this version's schema.
func (l *Ledger) CreateTables(ctx context.Context, ttl time.Duration) (made []string, lists bool, err error) {
	if ttl < MinTTL {
		return nil, false, fmt.Errorf("create tables: a time to live of %s is too short, at least %s is needed", ttl, MinTTL)
	}
	if s, _, err := l.schema(ctx); err != nil || errors.As(s.check(), new(NewerTables)) {
		return nil, false, errors.Join(err, s.check())
	}
	var errs []error
	lists = true
	for _, t := range tables(ttl) {
		there, lacks, err := l.describe(ctx, t)
		if err == nil && len(lacks) > 0 {
			if lists, err = l.probe(ctx, t); !lists {
				t.indexes, lacks = nil, nil
			}
		}
		if err == nil && !there {
			if err = l.create(ctx, t); err == nil {
				made = append(made, t.name)
			}
			lacks = nil
		}
		for _, x := range lacks {
			if err == nil {
				if err = l.createIndex(ctx, t, x); err == nil {
					made = append(made, x.name)
				}
			}
		}
		errs = append(errs, err)
	}
	if err = errors.Join(errs...); err == nil {
		err = l.upgraded(ctx)
	}
	return made, lists, err
}

// CheckTables compares the tables with what CreateTables makes. Its error joins all
// that differs.
func (l *Ledger) CheckTables(ctx context.Context, ttl time.Duration) error {
	var errs []error
	for _, t := range tables(ttl) {
		there, lacks, err := l.describe(ctx, t)
		if errs = append(errs, err); err == nil && !there {
			errs = append(errs, missing(t.name))
			continue
		}
		for _, x := range lacks {
			errs = append(errs, missing(x.name))
		}
	}
	s, _, err := l.schema(ctx)
	if err == nil && (s.Number > 0 || errors.Join(errs...) == nil) {
		err = s.check()
	}
	return errors.Join(append(errs, err)...)
}

func (l *Ledger) create(ctx context.Context, t table) error {
	meta := &tablestore.TableMeta{TableName: t.name}
	for _, c := range t.key {
		meta.AddPrimaryKeyColumn(c.name, c.kind)
	}
	if t.whole {
		for _, name := range []string{colFleet, colSummary, colHist, colBrief} {
			meta.AddDefinedColumn(name, tablestore.DefinedColumn_STRING)
		}
		meta.AddDefinedColumn(colAt, tablestore.DefinedColumn_INTEGER)
	}
	update := !t.whole
	request := &tablestore.CreateTableRequest{
		TableMeta:          meta,
		TableOption:        tablestore.NewTableOption(int(t.ttl/time.Second), 1),
		ReservedThroughput: &tablestore.ReservedThroughput{},
	}
	request.TableOption.AllowUpdate = &update
	for _, x := range t.indexes {
		request.AddIndexMeta(x.meta())
	}
	return l.ensure(ctx, t, "create table "+t.name, func() error {
		_, err := l.client.CreateTable(request)
		return err
	})
}

// createIndex adds an index to a table, with the rows that are there.
func (l *Ledger) createIndex(ctx context.Context, t table, x index) error {
	t.indexes = []index{x}
	request := &tablestore.CreateIndexRequest{MainTableName: t.name, IndexMeta: x.meta(), IncludeBaseData: true}
	return l.ensure(ctx, t, "create list "+x.name, func() error {
		_, err := l.client.CreateIndex(request)
		return err
	})
}

func (x index) meta() *tablestore.IndexMeta {
	return &tablestore.IndexMeta{IndexName: x.name, Primarykey: x.key, DefinedColumns: x.columns, IndexType: tablestore.IT_GLOBAL_INDEX}
}

// ensure makes a table or an index. Even a good answer is empty and proves nothing.
func (l *Ledger) ensure(ctx context.Context, t table, what string, call func() error) error {
	err := l.attempt(ctx, once, "", t.name, what, call)
	if err != nil && !errors.Is(err, engine.ErrUnknownOutcome) && !isExisting(err) {
		return err
	}
	there, lacks, again := l.describe(ctx, t)
	switch {
	case there && len(lacks) == 0 || again != nil:
		return again
	case err == nil:
		return fmt.Errorf("%s: answered, but it is not there: %w", what, engine.ErrUnknownOutcome)
	}
	return err
}

// describe reports whether the table exists, and which indexes it lacks. It is an
// error if it exists in another form.
func (l *Ledger) describe(ctx context.Context, t table) (there bool, lacks []index, err error) {
	var d *tablestore.DescribeTableResponse
	err = l.attempt(ctx, read, "DescribeTable", t.name, "describe table "+t.name, func() (err error) {
		d, err = l.client.DescribeTable(&tablestore.DescribeTableRequest{TableName: t.name})
		return err
	})
	switch {
	case IsMissing(err):
		return false, t.indexes, nil
	case err != nil:
		return false, nil, err
	}
	same := len(d.TableMeta.SchemaEntry) == len(t.key)
	for i := 0; same && i < len(t.key); i++ {
		have := d.TableMeta.SchemaEntry[i]
		same = *have.Name == t.key[i].name && *have.Type == t.key[i].kind
	}
	o := d.TableOption
	switch {
	case !same:
		err = fmt.Errorf("table %s exists with another primary key: use another Tablestore instance, or delete the table", t.name)
	case o == nil || o.TimeToAlive != int(t.ttl/time.Second):
		err = fmt.Errorf("table %s exists with another time to live than %s: change either the table or the setting", t.name, t.ttl)
	case t.whole && (o.AllowUpdate == nil || *o.AllowUpdate):
		err = fmt.Errorf("table %s allows updates, so it can have no lists: set its option AllowUpdate to false", t.name)
	}
	for _, x := range t.indexes {
		i := slices.IndexFunc(d.IndexMetas, func(m *tablestore.IndexMeta) bool { return m.IndexName == x.name })
		if i < 0 {
			lacks = append(lacks, x)
		} else if !x.is(d.IndexMetas[i]) {
			err = errors.Join(err, fmt.Errorf("the list %s exists with other columns: delete it, and run 'aftercare tables create'", x.name))
		}
	}
	return true, lacks, err
}

// is compares an index with a description of it, which may have its key completed.
func (x index) is(m *tablestore.IndexMeta) bool {
	n := len(x.key)
	return len(m.Primarykey) >= n && slices.Equal(m.Primarykey[:n], x.key) && slices.Equal(m.DefinedColumns, x.columns) &&
		m.IndexType == tablestore.IT_GLOBAL_INDEX
}

func isExisting(err error) bool {
	var code codeError
	return errors.As(err, &code) && code == "OTSObjectAlreadyExist"
}
