package ledger

import (
	"context"
	"errors"
	"fmt"
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
}

// tables lists every table with its primary key.
func tables(ttl time.Duration) []table {
	const text, number = tablestore.PrimaryKeyType_STRING, tablestore.PrimaryKeyType_INTEGER
	return []table{
		{tableInstances, []keyColumn{{colPartition, text}, {colRow, text}}, ttl},
		{tableHistory, []keyColumn{{"day_shard", text}, {"finish_time_ms", number}, {"instance_id", text}, {"execution", text}}, ttl},
		{tableWakeups, []keyColumn{{"shard", text}, {"due_ms", number}, {"instance_id", text}}, ttl},
		{tableShared, []keyColumn{{colScope, text}, {colRow, text}}, ttl},
		{tableQuarantine, []keyColumn{{colSHA256, text}, {colPart, number}}, quarantineTTL},
	}
}

// CreateTables creates the missing tables, whose rows live for ttl, at least
// MinTTL, and returns their names. A table that exists with another primary key
// or another time to live is an error.
func (l *Ledger) CreateTables(ctx context.Context, ttl time.Duration) (made []string, err error) {
	if ttl < MinTTL {
		return nil, fmt.Errorf("create tables: a time to live of %s is too short, at least %s is needed", ttl, MinTTL)
	}
	var errs []error
	for _, t := range tables(ttl) {
		there, err := l.describe(ctx, t)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !there:
			if err := l.create(ctx, t); err != nil {
				errs = append(errs, err)
				continue
			}
			made = append(made, t.name)
		}
	}
	return made, errors.Join(errs...)
}

func (l *Ledger) create(ctx context.Context, t table) error {
	meta := &tablestore.TableMeta{TableName: t.name}
	for _, c := range t.key {
		meta.AddPrimaryKeyColumn(c.name, c.kind)
	}
	request := &tablestore.CreateTableRequest{
		TableMeta:          meta,
		TableOption:        tablestore.NewTableOption(int(t.ttl/time.Second), 1),
		ReservedThroughput: &tablestore.ReservedThroughput{},
	}
	err := l.attempt(ctx, once, t.name, "create table "+t.name, func() error {
		_, err := l.client.CreateTable(request)
		return err
	})
	if err != nil && !errors.Is(err, engine.ErrUnknownOutcome) && !isExisting(err) {
		return err
	}
	// Even a good answer of CreateTable is empty and proves nothing.
	there, again := l.describe(ctx, t)
	switch {
	case there || again != nil:
		return again
	case err == nil:
		return fmt.Errorf("create table %s: answered, but there is no such table: %w", t.name, engine.ErrUnknownOutcome)
	}
	return err
}

// describe reports whether the table exists. It is an error if it exists with
// another key or another time to live.
func (l *Ledger) describe(ctx context.Context, t table) (bool, error) {
	var d *tablestore.DescribeTableResponse
	err := l.attempt(ctx, read, t.name, "describe table "+t.name, func() (err error) {
		d, err = l.client.DescribeTable(&tablestore.DescribeTableRequest{TableName: t.name})
		var ots *tablestore.OtsError
		if errors.As(err, &ots) && ots.Code == "OTSObjectNotExist" {
			d, err = nil, nil
		}
		return err
	})
	if err != nil || d == nil {
		return false, err
	}
	same := len(d.TableMeta.SchemaEntry) == len(t.key)
	for i := 0; same && i < len(t.key); i++ {
		have := d.TableMeta.SchemaEntry[i]
		same = *have.Name == t.key[i].name && *have.Type == t.key[i].kind
	}
	if !same {
		return true, fmt.Errorf("table %s exists with another primary key: use another Tablestore instance, or delete the table", t.name)
	}
	if d.TableOption == nil || d.TableOption.TimeToAlive != int(t.ttl/time.Second) {
		return true, fmt.Errorf("table %s exists with another time to live than %s: change either the table or the setting", t.name, t.ttl)
	}
	return true, nil
}

func isExisting(err error) bool {
	var code codeError
	return errors.As(err, &code) && code == "OTSObjectAlreadyExist"
}
