package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/ledger/ledgertest"
	"aftercare/shared/transport"
)

// (ledger rule 3)
func TestALiveRowThatIsNotReadableIsAnError(t *testing.T) {
	for name, row := range map[string]string{"of a kind that is unknown": "live/new/x", "that is no JSON": "live/task/x"} {
		t.Run(name, func(t *testing.T) {
			l, server, _ := open(t)
			if err := l.Commit(t.Context(), creation("c1", full())); err != nil {
				t.Fatal(err)
			}
			putter(t, server, "aftercare_instances", "pk")(partition(), row, map[string]any{"data": "{"})
			if _, err := l.Load(t.Context(), instanceID); !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), row) {
				t.Errorf("Load = %v, want ErrInvalid that names the row", err)
			}
		})
	}
}

// (ledger rule 42) Each of 40 instances has a wake-up: the shards are read in a
// circle, and each can be the first.
// (ledger rule 42)
func TestEachShardOfWakeUpsCanBeTheFirst(t *testing.T) {
	_, server, _ := open(t)
	first, shards := 0, 0
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: server.Endpoint(), Instance: "ledger", Transport: transport.NewPool(time.Now),
		First: func(n int) int { shards = n; return first },
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := l.Arm(t.Context(), engine.Wakeup{InstanceID: fmt.Sprint("i-", i), Due: start}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (pages [][]engine.Wakeup) {
		err := l.Due(t.Context(), start, func(page []engine.Wakeup) bool { pages = append(pages, page); return true })
		if err != nil {
			t.Fatal(err)
		}
		return pages
	}
	want := read()
	if len(want) != shards || shards < 2 {
		t.Fatalf("%d pages of %d shards, want one of each", len(want), shards)
	}
	for first = 1; first < shards; first++ {
		if got := read(); fmt.Sprint(got) != fmt.Sprint(slices.Concat(want[first:], want[:first])) {
			t.Errorf("from shard %d on, read %v", first, got)
		}
	}
}

// (ledger rule 6)
func TestATasksCommandIsInOneRowWhileTheTaskLives(t *testing.T) {
	l, server, _ := open(t)
	if err := l.Commit(t.Context(), creation("c1", full())); err != nil {
		t.Fatal(err)
	}
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
	before, err := l.Whole(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	after := full()
	after.Instance = before.Instance
	delete(after.Tasks, "t1")
	if err := l.Commit(t.Context(), ledgertest.Between("c2", before, after)); err != nil {
		t.Fatal(err)
	}
	if got := holders(); len(got) != 0 {
		t.Errorf("rows %v hold the command of a task that has ended", got)
	}
}

// (ledger rule 4)
func TestARowThatMovesIsRemovedWhereItWas(t *testing.T) {
	l, server, _ := open(t)
	if err := l.Commit(t.Context(), creation("c1", full())); err != nil {
		t.Fatal(err)
	}
	before, err := l.Whole(t.Context(), instanceID)
	if err != nil {
		t.Fatal(err)
	}
	after := full()
	after.Instance = before.Instance
	if err := l.Commit(t.Context(), ledgertest.Between("c2", before, rewritten(after))); err != nil {
		t.Fatal(err)
	}
	for row := range rawRows(t, server) {
		if strings.Contains(row, "queue") {
			t.Errorf("row %s is left, and its task runs", row)
		}
	}
}
