package dispatch

import (
	"time"

	"aftercare/shared/decide"
)

// MaxSample is the most alerts that a notice carries in full.
const MaxSample = 10

// Notice is what a group of alerts tells its channels at once: what is new in the
// group since its last flush.
type Notice struct {
	// ID is the same in every try, and for every channel. It has no dot.
	ID string
	// Group is the group's key, the same in all of its flushes. It has no dot.
	Group string
	// Route is the name of the group's route.
	Route string
	// By is what the group's alerts have in common: the names of groupBy, with
	// their values.
	By map[string]string
	// Severity is the most urgent of its alerts.
	Severity decide.Severity
	// Firing and Recovered count the alerts of this notice exactly.
	Firing, Recovered int
	// Open counts the group's alerts that have not recovered, those of earlier
	// flushes too. At 0, the incident is over.
	Open int
	// Repeat: nothing is new; what is still open is told again.
	Repeat bool
	// Alerts are a sample, at most MaxSample of them, the most urgent first.
	Alerts []decide.Alert
	// At is when it was made, in UTC.
	At time.Time
}
