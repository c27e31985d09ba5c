package decide

import "time"

// OverdueAfter is how long after its time work counts as overdue: a sweep comes
// each minute.
const OverdueAfter = 5 * time.Minute

// Sweeps shows whether sweeps come and do what is due.
type Sweeps struct {
	// LastEnd is when the last sweep ended; zero if none has.
	LastEnd time.Time `json:"lastEnd,omitzero"`
	// OldestDue is since when the oldest wake-up is due; zero if none is.
	OldestDue time.Time `json:"oldestDue,omitzero"`
}

// Missing reports whether no sweep comes.
func (s Sweeps) Missing(now time.Time) bool { return now.Sub(s.LastEnd) > OverdueAfter }

// Behind reports whether sweeps should have answered what is due.
func (s Sweeps) Behind(now time.Time) bool {
	return !s.OldestDue.IsZero() && now.Sub(s.OldestDue) > OverdueAfter
}
