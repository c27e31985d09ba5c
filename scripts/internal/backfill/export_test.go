package backfill

import "time"

// Lacking is a search that found these events.
func Lacking(missing ...*Finding) *Found { return &Found{Missing: missing} }

// The limits of an array.
const BatchEvents, BatchBytes = batchEvents, batchBytes

// With returns the finding with a payload, at a second.
func (f Finding) With(payload string, second int) *Finding {
	f.payload, f.At = []byte(payload), time.Unix(int64(second), 0).UTC()
	return &f
}

// After is an instance after an event.
var After = after
