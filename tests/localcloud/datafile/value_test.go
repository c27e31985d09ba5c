package datafile_test

import (
	"path/filepath"
	"testing"

	"aftercare/tests/localcloud/datafile"
)

func TestAValueIsThereAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "value.db")
	for n, want := range []int{0, 1, 2} {
		got := 0
		v, err := datafile.OpenValue(path, &got)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("opened for the %d. time: got %d, want %d", n+1, got, want)
		}
		if err := v.Save(got + 1); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var other string
	if _, err := datafile.OpenValue(path, &other); err == nil {
		t.Error("a value of another type was read")
	}
	if _, err := datafile.OpenValue(path, new(int)); err != nil {
		t.Errorf("after an error the file stays locked: %v", err)
	}
}
