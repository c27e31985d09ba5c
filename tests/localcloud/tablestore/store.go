package tablestore

import (
	"bytes"

	"go.etcd.io/bbolt"

	"aftercare/tests/localcloud/datafile"
)

// store keeps keys in order. Updates run one after another, take effect wholly
// or not at all, and are on disk when update returns; a view sees one moment.
type store interface {
	view(func(tx) error) error
	update(func(tx) error) error
	close() error
}

// tx is one transaction. The bytes that get and scan return are valid until it
// ends; the caller must not change them.
type tx interface {
	// get returns nil for a missing key.
	get(key []byte) []byte
	// put and delete may be called in updates only, and not during a scan.
	put(key, value []byte) error
	delete(key []byte) error
	// scan calls f with the keys from first (included) to last (excluded), in
	// falling order if first is greater than last, until f returns false.
	scan(first, last []byte, f func(key, value []byte) bool)
}

var boltBucket = []byte("tablestore")

type boltStore struct {
	db *bbolt.DB
}

func openBolt(path string, noSync bool) (store, error) {
	db, err := datafile.Open(path, bbolt.Options{NoSync: noSync, NoFreelistSync: true}, string(boltBucket))
	if err != nil {
		return nil, err
	}
	return &boltStore{db: db}, nil
}

func (s *boltStore) view(f func(tx) error) error {
	return s.db.View(func(t *bbolt.Tx) error { return f(boltTx{t.Bucket(boltBucket)}) })
}

func (s *boltStore) update(f func(tx) error) error {
	return s.db.Update(func(t *bbolt.Tx) error { return f(boltTx{t.Bucket(boltBucket)}) })
}

func (s *boltStore) close() error { return s.db.Close() }

type boltTx struct {
	bucket *bbolt.Bucket
}

func (t boltTx) get(key []byte) []byte { return t.bucket.Get(key) }

func (t boltTx) put(key, value []byte) error { return t.bucket.Put(key, value) }

func (t boltTx) delete(key []byte) error { return t.bucket.Delete(key) }

func (t boltTx) scan(first, last []byte, f func(key, value []byte) bool) {
	c := t.bucket.Cursor()
	if bytes.Compare(first, last) <= 0 {
		for k, v := c.Seek(first); k != nil && bytes.Compare(k, last) < 0; k, v = c.Next() {
			if !f(k, v) {
				return
			}
		}
		return
	}
	k, v := c.Seek(first)
	switch {
	case k == nil:
		k, v = c.Last()
	case bytes.Compare(k, first) > 0:
		k, v = c.Prev()
	}
	for ; k != nil && bytes.Compare(k, last) > 0; k, v = c.Prev() {
		if !f(k, v) {
			return
		}
	}
}
