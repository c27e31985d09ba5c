package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// (ledger rule 51)
func TestTheCountStopsAtAThousand(t *testing.T) {
	l, server, faults := open(t)
	put := putter(t, server, "aftercare_shared", "failures/clean-up")
	for i := range 1005 {
		put(fmt.Sprintf("%013d/i-%d/r", start.UnixMilli()+int64(i), i), map[string]any{"at": "x"})
	}
	faults.ResetCalls()
	last := failureOf("i-9999", "r", start.Add(time.Hour))
	wantCount(t, l, last, start, 1000)
	if diff := cmp.Diff(map[string]int{"GetRange": 1, "PutRow": 1}, faults.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	wantCount(t, l, last, start.Add(6*time.Millisecond), 1000)
	wantCount(t, l, last, start.Add(7*time.Millisecond), 999)
}
