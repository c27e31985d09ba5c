package decide_test

import (
	"testing"
	"time"

	"aftercare/shared/decide"
)

func TestSweepsAreMissedAfterFiveMinutes(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return at.Add(-d) }
	for name, c := range map[string]struct {
		sweeps          decide.Sweeps
		missing, behind bool
	}{
		"none has ended":             {decide.Sweeps{}, true, false},
		"one ended 5 minutes ago":    {decide.Sweeps{LastEnd: ago(5 * time.Minute)}, false, false},
		"one ended longer ago":       {decide.Sweeps{LastEnd: ago(5*time.Minute + 1)}, true, false},
		"due for 5 minutes":          {decide.Sweeps{LastEnd: at, OldestDue: ago(5 * time.Minute)}, false, false},
		"due for longer":             {decide.Sweeps{LastEnd: at, OldestDue: ago(5*time.Minute + 1)}, false, true},
		"due for longer, none ended": {decide.Sweeps{OldestDue: ago(time.Hour)}, true, true},
	} {
		if missing, behind := c.sweeps.Missing(at), c.sweeps.Behind(at); missing != c.missing || behind != c.behind {
			t.Errorf("%s: missing %t, behind %t", name, missing, behind)
		}
	}
}
