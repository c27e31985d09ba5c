package engine_test

import (
	"fmt"
	"testing"
	"time"

	"aftercare/shared/decide"
)

// TestWhatHasExpiredIsNotSent, even if there are more such tasks than one
// decision ends.
// (decide rule 69)
func TestWhatHasExpiredIsNotSent(t *testing.T) {
	s := state(decide.BootBootable, task("new", submittedAgo(time.Second)))
	for i := range 50 {
		task(fmt.Sprintf("a%d", i), expired)(&s)
		short := fmt.Sprintf("b%d", i)
		task(short, releasing, expired)(&s)
		effect(short, notBefore(-time.Minute))(&s)
	}
	p := policy()
	p.AlertOn = nil
	d := must(t, s, decide.WakeUp{}, decide.Facts{}, p)
	if len(claims(d)) != 1 || claims(d)[0].TaskID != id("new") || !d.More {
		t.Errorf("claimed %+v, want only the task whose time is not over, and more to do", claims(d))
	}
	next, claimed := settled(t, d, p)
	if claimed != 1 || len(next.Tasks) != 1 || len(next.Sends) != 1 {
		t.Errorf("%d effects were claimed, and %d tasks and %d effects are left, want one of each", claimed, len(next.Tasks), len(next.Sends))
	}
}
