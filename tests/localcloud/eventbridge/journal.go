package eventbridge

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"

	"aftercare/tests/localcloud/datafile"
)

// journal keeps unfinished deliveries, what calls made, and the traces of events
// in a file.
type journal struct{ db *bbolt.DB }

var deliveries = []byte("deliveries")

// openJournal opens a file; without a name, one that ends with the process.
func openJournal(path string) (*journal, error) {
	if path == "" {
		file, err := os.CreateTemp("", "eventbridge-*.db")
		if err != nil {
			return nil, fmt.Errorf("make a file for deliveries: %w", err)
		}
		path = file.Name()
		defer os.Remove(path)
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("make a file for deliveries: %w", err)
		}
	}
	// Without syncing, the kernel has a write when it returns, and that
	// survives the process.
	db, err := datafile.Open(path, bbolt.Options{NoSync: true},
		string(deliveries), string(keptBuses), string(keptRules), string(traces), string(traceEvents), string(traceIDs), string(traceSteps))
	if err != nil {
		return nil, err
	}
	return &journal{db}, nil
}

// accept writes an event's trace and its deliveries, all or none.
func (j *journal) accept(t trace, steps []step, tasks []*task) error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		number, err := addTrace(tx, t)
		if err != nil {
			return err
		}
		for _, st := range steps {
			err = errors.Join(err, addStep(tx, number, st))
		}
		for _, task := range tasks {
			task.Trace = number
			err = errors.Join(err, putTask(tx, task))
		}
		return err
	})
}

func putTask(tx *bbolt.Tx, t *task) error {
	value, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return tx.Bucket(deliveries).Put(key(t), value)
}

// tried writes how far a delivery is after an attempt, and its trace.
func (j *journal) tried(t *task, st step) error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(putTask(tx, t), addStep(tx, t.Trace, st))
	})
}

// delivered writes the trace of the attempt that ended a delivery, and forgets
// the delivery.
func (j *journal) delivered(t *task, st step) error {
	return j.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.Bucket(deliveries).Delete(key(t)), addStep(tx, t.Trace, st))
	})
}

func (j *journal) remove(t *task) error {
	return j.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(deliveries).Delete(key(t)) })
}

// load reads every task, in the order in which they were accepted.
func (j *journal) load() ([]*task, error) {
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
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close deliveries: %w", err)
	}
	return nil
}

func key(t *task) []byte { return number(t.seq) }

// number encodes a number so that its order is that of the bytes.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
