package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/bench/budget"
	"aftercare/tests/bench/plan"
	"aftercare/tests/bench/wire"
)

// realEnds is how many of the executions come from events. The rows of these
// are copied for the others, under other invoke ids.
const realEnds = 100

// measureView times `aftercare instance` on an instance with a long history.
func (r *results) measureView() (err error) {
	s, err := r.newSite(0, newCloud(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.fill(instanceOf(0), r.executions); err != nil {
		return err
	}
	s.latency = r.latency
	var took []time.Duration
	var read int64
	for range r.rounds {
		s.beginCount()
		begun := time.Now()
		if _, err := s.operate("instance", instanceOf(0), "--timeout", "10m"); err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		if _, _, read = s.calls(); took[0] > 10*time.Second {
			break
		}
	}
	name := fmt.Sprintf("aftercare instance on %d executions", r.executions)
	r.note(name, "took", median(took).Seconds(), "%.2f s", atMost(2), "44.7 s")
	r.note(name, "read", float64(read)/1e6, "%.1f MB", goal{}, "195 MB")
	return nil
}

// fill records n executions of an instance.
func (s *site) fill(instance string, n int) error {
	var ends []budget.Ended
	for i := range realEnds {
		ends = append(ends, budget.Ended{
			Instance: instance, Invoke: copied(i), Name: "check", Status: "Success", Exit: "0", Ago: time.Duration(i) * time.Minute,
		})
	}
	var writes []wire.Call
	s.onTable = func(c wire.Call) { writes = append(writes, c) }
	completed, err := s.pool(budget.TaskCompleted, 1, time.Minute)
	if err != nil {
		return err
	}
	if err := completed.mustAll([][]byte{budget.End(ends...)}); err != nil {
		return err
	}
	s.onTable = nil
	client := tablestore.NewClientWithConfig(s.tables.Endpoint(), "bench", benchKey.ID, benchKey.Secret, benchKey.Token, nil)
	for _, c := range writes {
		if !strings.Contains(c.Name, "Write") && !strings.HasPrefix(c.Name, "Put") {
			continue
		}
		changes, err := changesOf(c)
		if err != nil {
			return err
		}
		for _, change := range changes {
			if err := copyRow(client, c.Table, change, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// copied is the invoke id of the n-th execution.
func copied(n int) string { return fmt.Sprintf("t-copied%07d", n) }

// copyRow writes a row again for each of n executions that the row's execution
// stands for, if its key has an invoke id.
func copyRow(client *tablestore.TableStoreClient, table string, row plan.Change, n int) error {
	var number int
	if !idOf(row.Key, &number) {
		return nil
	}
	batch := new(tablestore.BatchWriteRowRequest)
	for i := number + realEnds; i < n; i += realEnds {
		as := strings.NewReplacer(copied(number), copied(i))
		batch.AddRowChange(plan.Change{Key: renamed(row.Key, as), Columns: renamed(row.Columns, as)}.Put(table))
		if len(batch.RowChangesGroupByTable["aftercare_"+table]) < 200 && i+realEnds < n {
			continue
		}
		answer, err := client.BatchWriteRow(batch)
		if err != nil {
			return err
		}
		for _, results := range answer.TableToRowsResult {
			for _, result := range results {
				if !result.IsSucceed {
					return fmt.Errorf("copy a row of %s: %s", table, result.Error.Message)
				}
			}
		}
		batch = new(tablestore.BatchWriteRowRequest)
	}
	return nil
}

// idOf finds the number of the invoke id in a key.
func idOf(key []plan.Column, number *int) bool {
	for _, c := range key {
		if _, after, ok := strings.Cut(c.Text, "t-copied"); ok {
			_, err := fmt.Sscanf(after, "%7d", number)
			return err == nil
		}
	}
	return false
}

func renamed(columns []plan.Column, as *strings.Replacer) []plan.Column {
	out := make([]plan.Column, len(columns))
	for i, c := range columns {
		c.Text = as.Replace(c.Text)
		out[i] = c
	}
	return out
}
