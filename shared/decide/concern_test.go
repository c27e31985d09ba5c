package decide_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
)

// told is a concern whose last alert people have.
func told(c decide.Concern) decide.Concern { c.Told = true; return c }

// (ledger rules 71, 72)
func TestAStateThatHoldsIsToldOnce(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	shown := func(later time.Duration) decide.Concern {
		return decide.InQuarantine("aftercare-sweep", "it is cut off", at.Add(later))
	}
	first := decide.Concern{}.Shown(shown(0))
	if !first.Holds() || first.Told || first.Rev != at.UnixMilli() || !first.Alert.Lasting || first.Alert.Severity != decide.SeverityError {
		t.Errorf("the first: %+v", first)
	}
	for later, noted := range map[time.Duration]bool{time.Second: false, 4 * time.Minute: false, 5 * time.Minute: true} {
		c := told(first).Shown(shown(later))
		if c.Rev != first.Rev || !c.Told || c.Same(told(first)) == noted || noted && !c.Until.Equal(at.Add(later+time.Hour)) {
			t.Errorf("%s later: %+v, noted %t", later, c, noted)
		}
	}
	if other := decide.InQuarantine("aftercare-submit-task", "", at); other.Alert.Fingerprint == first.Alert.Fingerprint {
		t.Error("two functions have one concern")
	}
}

// A clock that is behind must not make a letter old.
// (ledger rule 71)
func TestWhatIsToldOfAStateIsEverNewer(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	c := told(decide.Concern{}.Shown(decide.QuotaUsedUp(at)))
	over := c.Ended("why", at.Add(-time.Minute))
	if over.Holds() || over.Told || over.Rev != c.Rev+1 || over.Alert.Fingerprint != c.Alert.Fingerprint || over.Alert.Summary != "why" || !over.Alert.Recovered {
		t.Errorf("the end: %+v", over)
	}
	if twice := told(over).Ended("again", at); !twice.Same(told(over)) {
		t.Errorf("it ended twice: %+v", twice)
	}
	if c := told(over).Shown(decide.QuotaUsedUp(at.Add(-time.Minute))); !c.Holds() || c.Told || c.Rev != over.Rev+1 {
		t.Errorf("the next one: %+v", c)
	}
}

// (ledger rule 73)
func TestAStateIsOverWhenItDoesNotShowAgainOrACallWorks(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) // 13:06:07 in the quota's zone
	for name, c := range map[string]struct {
		concern decide.Concern
		// lasts is how long it lasts by itself; 0 means for ever. settles is after how
		// long a call that works ends it; negative if none does.
		lasts, settles time.Duration
	}{
		"quarantine":      {decide.InQuarantine("f", "", at), time.Hour, 10 * time.Minute},
		"a refused event": {decide.RefusedEvent("f", "", at), time.Hour, 10 * time.Minute},
		"the quota":       {decide.QuotaUsedUp(at), 16*time.Hour - 5*time.Hour - 6*time.Minute - 7*time.Second, 0},
		"a right":         {decide.RightMissing("f", "r", at), 24 * time.Hour, 10 * time.Minute},
		"no sweep":        {decide.SweepMissing(at, at), 0, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			holding := told(decide.Concern{}.Shown(c.concern))
			ends := c.lasts
			if ends == 0 {
				ends = 1000 * time.Hour
			}
			if still := holding.Tidied(at.Add(ends - time.Millisecond)); !still.Same(holding) {
				t.Errorf("before its end: %+v", still)
			}
			over := holding.Tidied(at.Add(ends))
			if over.Holds() != (c.lasts == 0) || !over.Holds() && over.Alert.Summary == "" {
				t.Errorf("at its end: %+v", over)
			}
			for _, later := range []time.Duration{0, 9 * time.Minute, 10 * time.Minute} {
				if worked := holding.Works(at.Add(later)); worked.Holds() != (later < c.settles) {
					t.Errorf("%s later, a call works: %+v", later, worked)
				}
			}
			closed := told(holding.Ended("", at))
			if kept, gone := closed.Tidied(at.Add(24*time.Hour-1)), closed.Tidied(at.Add(24*time.Hour)); !kept.Same(closed) || gone.Rev != 0 {
				t.Errorf("after less than a day %+v, then %+v", kept, gone)
			}
			if untold := holding.Ended("", at).Tidied(at.Add(48 * time.Hour)); untold.Rev == 0 {
				t.Error("an end is forgotten before it was told")
			}
		})
	}
}
