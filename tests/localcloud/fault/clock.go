package fault

import (
	"time"
	"unsafe"
)

// Frozen returns the time that time.Now gives after t if the process is frozen
// for d right at t: the wall clock moves on by d, or back if d is negative, and
// the monotonic clock stands still. T comes from time.Now.
func Frozen(t time.Time, d time.Duration) time.Time {
	after := t.Add(d)
	// No function of package time moves one clock alone. A Time from time.Now
	// has its monotonic clock in its second word, in nanoseconds.
	(*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&after)).ext -= int64(d)
	if after.Sub(t) != 0 || after.Round(0).Sub(t.Round(0)) != d {
		panic("fault: t has no monotonic clock, or this version of Go keeps it elsewhere")
	}
	return after
}
