package engine_test

import (
	"context"
	"testing"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// TestAFailureThatIsReportedLateCountsInItsOwnTime: the invocation that was to
// count it died, and a sweep counts it when the window is long over.
// [55]
// (decide rule 82)
func TestAFailureThatIsReportedLateCountsInItsOwnTime(t *testing.T) {
	for name, c := range map[string]struct {
		before time.Duration // that the other run failed
		opens  bool
	}{
		"the other failure within the window": {59 * time.Second, true},
		"the other failure before the window": {61 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.store(state(decide.BootBootable, func(s *decide.State) {
				m := decide.Message{
					Key: "count", Rev: 1, Kind: decide.MessageCount, Tries: 1, PlannedAt: now,
					Claim: decide.Claim{Commit: "died", Until: now.Add(time.Minute)},
					Fleet: &decide.Fleet{Flow: "fragile", RunID: "run-2", At: now, Limit: flow.FleetLimit{
						MaxFailures: 2, Window: flow.Duration(time.Minute), ResumeAfter: flow.Duration(time.Hour),
					}},
				}
				s.Messages[m.Row()] = m
			}))
			other := decide.FleetFailure{Flow: "fragile", RunID: "run-1", InstanceID: "i-2", At: now.Add(-c.before)}
			if _, err := d.CountFailure(context.Background(), other, now); err != nil {
				t.Fatal(err)
			}
			d.clock = now.Add(10 * time.Minute)
			mustHandle(t, d.engine(policy()), decide.WakeUp{})
			if _, open := d.table.flowControl().Breakers["fragile"]; open != c.opens {
				t.Errorf("the breaker is open: %v, want %v", open, c.opens)
			}
		})
	}
}
