// Package datafile opens the files in which the services of the local cloud keep
// their state. Its errors explain to people why a file cannot be opened.
package datafile

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// patience is how long Open waits for another process to let go of the file.
const patience = time.Second

// Open opens a file, or makes it if it is missing, and adds the buckets that it
// lacks. It sets Options.Timeout itself.
func Open(path string, options bbolt.Options, buckets ...string) (*bbolt.DB, error) {
	options.Timeout = patience
	db, err := bbolt.Open(path, 0o600, &options)
	var system *fs.PathError
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("another process uses %s", path)
	case errors.As(err, &system):
		return nil, fmt.Errorf("open %s: %w", path, system.Err)
	case err != nil:
		return nil, fmt.Errorf("%s is not a data file of the local cloud, or is damaged (%w): name another file, or remove this one", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	return db, nil
}
