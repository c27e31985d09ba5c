package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/access"
	local "aftercare/tests/localcloud/tablestore"
)

// operation is the time of one operation of the local Tablestore through the
// SDK, with each kind of store.
type operation struct {
	name                   string
	memory, noSync, synced time.Duration
}

const localTable = "bench"

// measureTablestore measures the local Tablestore itself, without added time.
func (r *results) measureTablestore() error {
	dir, err := os.MkdirTemp("", "aftercare-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	names := []string{"PutRow", "GetRow", "GetRange of 10 rows", "BatchWriteRow of 5 rows, atomic"}
	r.tablestore = make([]operation, len(names))
	for i, name := range names {
		r.tablestore[i].name = name
	}
	stores := []struct {
		options local.Options
		took    func(*operation) *time.Duration
	}{
		{local.Options{}, func(o *operation) *time.Duration { return &o.memory }},
		{local.Options{Path: filepath.Join(dir, "nosync"), NoSync: true}, func(o *operation) *time.Duration { return &o.noSync }},
		{local.Options{Path: filepath.Join(dir, "synced")}, func(o *operation) *time.Duration { return &o.synced }},
	}
	for _, s := range stores {
		took, err := r.operate(s.options)
		if err != nil {
			return err
		}
		for i := range names {
			*s.took(&r.tablestore[i]) = took[i]
		}
	}
	return nil
}

// operate times each operation many times, and returns the medians.
func (r *results) operate(o local.Options) ([]time.Duration, error) {
	key := access.Key{ID: "bench", Secret: "bench-secret"}
	o.Keys = access.NewKeys(key)
	server, err := local.Start(o)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	client := tablestore.NewClient(server.Endpoint(), "bench", key.ID, key.Secret)
	if err := createTable(client, localTable); err != nil {
		return nil, err
	}
	var out []time.Duration
	for _, do := range []func(i int) error{
		func(i int) error {
			_, err := client.PutRow(&tablestore.PutRowRequest{PutRowChange: localRow(i%10, i)})
			return err
		},
		func(i int) error {
			_, err := client.GetRow(&tablestore.GetRowRequest{SingleRowQueryCriteria: &tablestore.SingleRowQueryCriteria{
				TableName: localTable, PrimaryKey: localRow(i%10, i).PrimaryKey, MaxVersion: 1,
			}})
			return err
		},
		func(int) error {
			from, to := new(tablestore.PrimaryKey), new(tablestore.PrimaryKey)
			for _, pk := range []*tablestore.PrimaryKey{from, to} {
				pk.AddPrimaryKeyColumn("pk", "part")
			}
			from.AddPrimaryKeyColumnWithMinValue("row")
			to.AddPrimaryKeyColumnWithMaxValue("row")
			got, err := client.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: &tablestore.RangeRowQueryCriteria{
				TableName: localTable, StartPrimaryKey: from, EndPrimaryKey: to, Direction: tablestore.FORWARD, MaxVersion: 1,
			}})
			if err == nil && len(got.Rows) != 10 {
				err = fmt.Errorf("read %d rows, want 10", len(got.Rows))
			}
			return err
		},
		func(i int) error {
			request := &tablestore.BatchWriteRowRequest{IsAtomic: true}
			for n := range 5 {
				request.AddRowChange(localRow(n, i))
			}
			_, err := client.BatchWriteRow(request)
			return err
		},
	} {
		var took []time.Duration
		for i := range max(r.rounds*r.events, 20) {
			begun := time.Now()
			if err := do(i); err != nil {
				return nil, err
			}
			took = append(took, time.Since(begun))
		}
		out = append(out, median(took))
	}
	return out, nil
}

func createTable(client *tablestore.TableStoreClient, name string) error {
	meta := &tablestore.TableMeta{TableName: name}
	meta.AddPrimaryKeyColumn("pk", tablestore.PrimaryKeyType_STRING)
	meta.AddPrimaryKeyColumn("row", tablestore.PrimaryKeyType_STRING)
	_, err := client.CreateTable(&tablestore.CreateTableRequest{
		TableMeta: meta, TableOption: &tablestore.TableOption{TimeToAlive: -1, MaxVersion: 1},
		ReservedThroughput: &tablestore.ReservedThroughput{},
	})
	return err
}

// localRow is a row of about half a kilobyte.
func localRow(n, i int) *tablestore.PutRowChange {
	row := new(tablestore.PutRowChange)
	row.TableName = localTable
	row.PrimaryKey = new(tablestore.PrimaryKey)
	row.PrimaryKey.AddPrimaryKeyColumn("pk", "part")
	row.PrimaryKey.AddPrimaryKeyColumn("row", fmt.Sprintf("live/task/%032d", n))
	row.AddColumn("rev", int64(i))
	row.AddColumn("data", fmt.Sprintf("%0500d", i))
	row.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
	return row
}
