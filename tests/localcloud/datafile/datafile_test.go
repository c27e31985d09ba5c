package datafile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"aftercare/tests/localcloud/datafile"
)

func TestAFileKeepsItsBuckets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	for range 2 {
		db, err := datafile.Open(path, bbolt.Options{}, "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		_ = db.View(func(tx *bbolt.Tx) error {
			if tx.Bucket([]byte("a")) == nil || tx.Bucket([]byte("b")) == nil {
				t.Error("a bucket is missing")
			}
			return nil
		})
		if _, err := datafile.Open(path, bbolt.Options{}); err == nil || err.Error() != "another process uses "+path {
			t.Errorf("opened twice: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhyAFileCannotBeOpenedIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	garbage := func(size int, cause string) (path, want string) {
		path = filepath.Join(dir, fmt.Sprint(size))
		if err := os.WriteFile(path, bytes.Repeat([]byte("garbage "), size/8), 0o600); err != nil {
			t.Fatal(err)
		}
		return path, path + " is not a data file of the local cloud, or is damaged (" + cause + "): name another file, or remove this one"
	}
	small, tooSmall := garbage(5000, "file size too small 5000")
	large, invalid := garbage(1<<20, "invalid database")
	missing := filepath.Join(dir, "missing", "data.db")
	for _, c := range []struct{ path, want string }{
		{missing, "open " + missing + ": no such file or directory"},
		{dir, "open " + dir + ": is a directory"},
		{small, tooSmall},
		{large, invalid},
	} {
		db, err := datafile.Open(c.path, bbolt.Options{})
		if err == nil {
			db.Close()
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
