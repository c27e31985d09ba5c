package datafile

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// bucketValue and keyValue are where a Value is in its file.
const bucketValue, keyValue = "value", "value"

// Value is a file that keeps one value, as JSON. It is for services whose whole
// state is small.
type Value struct{ db *bbolt.DB }

// OpenValue opens a file, or makes it, and decodes what it holds into a pointer,
// which stays as it is if the file is new. Without a path, nothing is kept.
func OpenValue(path string, into any) (*Value, error) {
	if path == "" {
		return &Value{}, nil
	}
	db, err := Open(path, bbolt.Options{NoSync: true}, bucketValue)
	if err != nil {
		return nil, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		text := tx.Bucket([]byte(bucketValue)).Get([]byte(keyValue))
		if text == nil {
			return nil
		}
		return json.Unmarshal(text, into)
	})
	if err != nil {
		_ = db.Close() // nothing was written
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &Value{db}, nil
}

// Save replaces what the file holds. It survives the death of the process, not of
// the machine.
func (v *Value) Save(value any) error {
	if v.db == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	return v.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucketValue)).Put([]byte(keyValue), text) })
}

// Close closes the file.
func (v *Value) Close() error {
	if v.db == nil {
		return nil
	}
	return v.db.Close()
}
