package tablestore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"aftercare/tests/localcloud/tablestore"
)

// Both stores must behave as a sorted map whose failed updates never were.
func TestStoresBehaveAsASortedMap(t *testing.T) {
	folder := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		file, err := tablestore.OpenFile(filepath.Join(folder, fmt.Sprint(files)))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		compareStores(t, tablestore.OpenMemory(), file)
	})
}

func compareStores(t *rapid.T, memory, file tablestore.Store) {
	model := make(map[string]string)
	// Keys of three letters meet each other often.
	keys := rapid.StringMatching(`[abc]{1,3}`)
	for range rapid.IntRange(1, 20).Draw(t, "steps") {
		changes := make(map[string][]byte)
		for _, k := range rapid.SliceOfN(keys, 1, 4).Draw(t, "keys") {
			changes[k] = nil
			if rapid.Bool().Draw(t, "write") {
				changes[k] = []byte(rapid.StringMatching(`[0-9]{1,2}`).Draw(t, "value"))
			}
		}
		var end error
		if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
			end = errors.New("rolled back")
		} else {
			for k, v := range changes {
				if v == nil {
					delete(model, k)
				} else {
					model[k] = string(v)
				}
			}
		}
		for name, store := range map[string]tablestore.Store{"memory": memory, "file": file} {
			if err := store.Update(changes, end); !errors.Is(err, end) {
				t.Fatalf("%s: update ended with %v, want %v", name, err, end)
			}
		}
		first, last := keys.Draw(t, "first"), keys.Draw(t, "last")
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		want := scan(model, first, last, limit)
		for name, store := range map[string]tablestore.Store{"memory": memory, "file": file} {
			if got := store.Scan(first, last, limit); !slices.Equal(got, want) {
				t.Fatalf("%s: scan from %q to %q: got %q, want %q", name, first, last, got, want)
			}
			if got := store.Lookup(first); got != model[first] {
				t.Fatalf("%s: %q is %q, want %q", name, first, got, model[first])
			}
		}
	}
}

func scan(model map[string]string, first, last string, limit int) []string {
	var keys []string
	for k := range model {
		if first <= last && first <= k && k < last || first > last && last < k && k <= first {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if first > last {
		slices.Reverse(keys)
	}
	var out []string
	for _, k := range keys[:min(limit, len(keys))] {
		out = append(out, k+"="+model[k])
	}
	return out
}
