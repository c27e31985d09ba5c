package eventbridge

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"aftercare/tests/localcloud/datafile"
)

// journal keeps unfinished deliveries, and what calls made, in a file. Without a
// file it keeps nothing.
type journal struct{ db *bbolt.DB }

var deliveries = []byte("deliveries")

func openJournal(path string) (*journal, error) {
	if path == "" {
		return &journal{}, nil
	}
	// Without syncing, the kernel has a write when it returns, and that
	// survives the process.
	db, err := datafile.Open(path, bbolt.Options{NoSync: true}, string(deliveries), string(keptBuses), string(keptRules))
	if err != nil {
		return nil, err
	}
	return &journal{db}, nil
}

// put writes tasks, all or none.
func (j *journal) put(tasks ...*task) error {
	if j.db == nil || len(tasks) == 0 {
		return nil
	}
	return j.db.Update(func(tx *bbolt.Tx) error {
		for _, t := range tasks {
			value, err := json.Marshal(t)
			if err != nil {
				return err
			}
			if err := tx.Bucket(deliveries).Put(key(t), value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (j *journal) remove(t *task) error {
	if j.db == nil {
		return nil
	}
	return j.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(deliveries).Delete(key(t)) })
}

// load reads every task, in the order in which they were accepted.
func (j *journal) load() ([]*task, error) {
	if j.db == nil {
		return nil, nil
	}
	var tasks []*task
	err := j.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(deliveries).ForEach(func(k, v []byte) error {
			t := &task{seq: binary.BigEndian.Uint64(k)}
			tasks = append(tasks, t)
			return json.Unmarshal(v, t)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load deliveries: %w", err)
	}
	return tasks, nil
}

func (j *journal) close() error {
	if j.db == nil {
		return nil
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close deliveries: %w", err)
	}
	return nil
}

func key(t *task) []byte { return binary.BigEndian.AppendUint64(nil, t.seq) }
