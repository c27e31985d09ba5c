package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/engine"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
)

// Whatever a sweep has no time for is not always the same.
func TestAnyShardOfWakeUpsCanComeFirst(t *testing.T) {
	_, server, _ := open(t)
	first, shards := 0, 0
	l, err := ledger.Open(t.Context(), ledger.Config{
		Endpoint: server.Endpoint(), Instance: "ledger", Transport: transport.NewPool(time.Now), PerTry: 30 * time.Second,
		First: func(n int) int { shards = n; return first },
	}, transport.NewCredentials(key.ID, key.Secret, key.Token))
	if err != nil {
		t.Fatal(err)
	}
	const many = 60
	for i := range many {
		if err := l.Arm(t.Context(), engine.Wakeup{InstanceID: fmt.Sprint("i-", i), Due: start}); err != nil {
			t.Fatal(err)
		}
	}
	firsts := map[string]bool{}
	for shards == 0 || first < shards {
		var order []string
		err := l.Due(t.Context(), start, func(page []engine.Wakeup) bool {
			for _, w := range page {
				order = append(order, w.InstanceID)
			}
			return true
		})
		if err != nil || len(order) != many {
			t.Fatalf("beginning with shard %d: %d wake-ups, %v, want all %d", first, len(order), err, many)
		}
		firsts[order[0]] = true
		first++
	}
	if len(firsts) != shards {
		t.Errorf("%d different wake-ups came first, want one of each of %d shards", len(firsts), shards)
	}
}
