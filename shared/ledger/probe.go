package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/shared/engine"
)

// tableProbe is a table that exists only while a probe runs.
const tableProbe = "aftercare_probe"

// probe finds out whether the service takes a commit on a table with these
// indexes: no page of it says so. It uses a table of its own, which no function
// knows, and removes it.
func (l *Ledger) probe(ctx context.Context, like table) (allowed bool, err error) {
	t := like
	t.name, t.indexes = tableProbe, nil
	for _, x := range like.indexes {
		x.name = strings.Replace(x.name, "aftercare", tableProbe, 1)
		t.indexes = append(t.indexes, x)
	}
	if there, _, _ := l.describe(ctx, t); there { // another probe did not end
		if err := l.removeTable(ctx, t); err != nil {
			return false, err
		}
	}
	if err := l.create(ctx, t); err != nil {
		return false, err
	}
	allowed, err = l.accepts(ctx, t)
	return allowed, errors.Join(err, l.removeTable(ctx, t))
}

// accepts writes what a commit can write, and waits until each index shows it.
func (l *Ledger) accepts(ctx context.Context, t table) (bool, error) {
	const indexed, gone = prefixTask + "indexed", prefixTask + "gone"
	record := logExec + "probe/once"
	now := l.now()
	fleet := []column{{colFleet, "probe"}, {colSummary, "{}"}}
	before, commit := instanceBatch(t.name, ""), instanceBatch(t.name, "")
	before.change(indexed, nil, anyway(), append(fleet, column{colRev, int64(1)}))
	before.put(gone, nil, fleet...)
	commit.change(rowInstance, nil, guardOf(0), append(fleet, column{colRev, now.UnixMilli()}))
	commit.change(indexed, nil, guardOf(1), []column{{colRev, int64(2)}})
	commit.putOnce(record, nil, listed(commit, logExec, Brief{}, now)...)
	commit.drop(gone)
	for _, b := range []*batch{before, commit} {
		err := l.write(ctx, once, "try a commit", b)
		for n := 1; errors.As(err, new(missing)) && ctx.Err() == nil; n++ { // it is new
			l.pause(ctx, n)
			err = l.write(ctx, once, "try a commit", b)
		}
		if errors.Is(err, engine.ErrInvalid) && !errors.As(err, new(missing)) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	for _, x := range t.indexes {
		want := []string{record}
		if x.key[0] == colFleet {
			want = []string{rowInstance}
		}
		for n := 1; ; n++ {
			rows, err := l.rowsIn(ctx, x)
			if err != nil && !errors.As(err, new(missing)) {
				return false, err
			}
			if slices.Equal(rows, want) {
				break
			}
			if l.pause(ctx, n); ctx.Err() != nil {
				return false, fmt.Errorf("the list %s shows %v, not %v: %w", x.name, rows, want, engine.ErrUnavailable)
			}
		}
	}
	return true, nil
}

// rowsIn returns the keys of the rows in an index.
func (l *Ledger) rowsIn(ctx context.Context, x index) (rows []string, err error) {
	var from, to []column
	for _, name := range append(x.key[:len(x.key):len(x.key)], colPartition, colRow) {
		if !slices.Contains(from, column{name, first}) {
			from, to = append(from, column{name, first}), append(to, column{name, last})
		}
	}
	err = l.scan(ctx, "read the list "+x.name, x.name, keyOf(from...), keyOf(to...), nil, func(row *tablestore.Row) error {
		rows = append(rows, keyText(row, len(row.PrimaryKey.PrimaryKeys)-1))
		return nil
	})
	return rows, err
}

// removeTable deletes a table, if it is there, and first its indexes: the page of
// DeleteTable asks for that.
func (l *Ledger) removeTable(ctx context.Context, t table) error {
	for _, x := range t.indexes {
		err := l.attempt(ctx, idempotent, "DeleteIndex", t.name, "delete list "+x.name, func() error {
			_, err := l.client.DeleteIndex(&tablestore.DeleteIndexRequest{MainTableName: t.name, IndexName: x.name})
			return err
		})
		if err != nil && !errors.As(err, new(missing)) {
			return err
		}
	}
	err := l.attempt(ctx, idempotent, "DeleteTable", t.name, "delete table "+t.name, func() error {
		_, err := l.client.DeleteTable(&tablestore.DeleteTableRequest{TableName: t.name})
		return err
	})
	if errors.As(err, new(missing)) {
		return nil
	}
	return err
}

// Tables returns the names of the tables that exist, in whatever form.
func (l *Ledger) Tables(ctx context.Context) (names []string, err error) {
	for _, t := range tables(MinTTL) {
		there, _, err := l.describe(ctx, t)
		if err != nil && !there {
			return nil, err
		}
		if there {
			names = append(names, t.name)
		}
	}
	return names, nil
}

// RemoveTables removes the tables and lists, with all in them. What is missing is as
// it should be.
func (l *Ledger) RemoveTables(ctx context.Context) error {
	var errs []error
	for _, t := range tables(MinTTL) {
		errs = append(errs, l.removeTable(ctx, t))
	}
	return errors.Join(errs...)
}
