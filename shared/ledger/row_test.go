package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
)

// TestEachShardOfWakeUpsCanBeTheFirst: they are read in a circle, until the reader
// has enough. Each of 40 instances has a wake-up.
// (ledger rules 41, 42)
func TestEachShardOfWakeUpsCanBeTheFirst(t *testing.T) {
	_, server, _ := open(t)
	first, shards := 0, 0
	l := dial(t, ledger.Config{Endpoint: server.Endpoint(), First: func(n int) int { shards = n; return first }})
	for i := range 40 {
		arm(t, l, fmt.Sprint("i-", i), start)
	}
	read := func(all bool) (pages [][]engine.Wakeup) {
		err := l.Due(t.Context(), start, func(page []engine.Wakeup) bool { pages = append(pages, page); return all })
		must(t, err)
		return pages
	}
	want := read(true)
	if len(want) != shards || shards < 2 {
		t.Fatalf("%d pages of %d shards, want one of each", len(want), shards)
	}
	for first = 1; first < shards; first++ {
		if got := read(true); fmt.Sprint(got) != fmt.Sprint(slices.Concat(want[first:], want[:first])) {
			t.Errorf("from shard %d on, read %v", first, got)
		}
	}
	if got := read(false); len(got) != 1 {
		t.Errorf("a reader who wanted no more got %d pages", len(got))
	}
}

// (ledger rule 6)
func TestATasksCommandIsInOneRowWhileTheTaskLives(t *testing.T) {
	l, server, _ := open(t)
	mustCommit(t, l, creation("c1", full()))
	holders := func() (rows []string) {
		for row, columns := range rawRows(t, server) {
			if text, _ := columns["data"].(string); strings.Contains(text, `"content"`) && !strings.HasPrefix(row, "live/flow/") {
				rows = append(rows, row)
			}
		}
		return rows
	}
	if got := holders(); len(got) != 1 || got[0] != "text/t1" {
		t.Errorf("rows %v hold the command, want text/t1", got)
	}
	after := whole(t, l)
	delete(after.Tasks, "t1")
	mustCommit(t, l, ledgertest.Between("c2", whole(t, l), after))
	if got := holders(); len(got) != 0 {
		t.Errorf("rows %v hold the command of a task that has ended", got)
	}
}
