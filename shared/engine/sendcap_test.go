package engine

import (
	"testing"
	"time"
)

// A command that the quota refused, and one beside it that the rate did: nothing is
// sent until the later of both times. (decide rule 39)
func TestAnEarlierTimeOpensNothing(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	c := SendCap{PerMinute: 1}
	c.close(now.Add(time.Hour))
	c.close(now.Add(time.Minute))
	if !c.isClosed(now.Add(30 * time.Minute)) {
		t.Error("the rate's minute has opened what the quota closed")
	}
}
