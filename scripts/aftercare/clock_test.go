package main

import (
	"testing"
	"time"
)

// In the night of New Year, an hour ago is no other form of time.
func TestATimeHasItsYearOnlyFarFromNow(t *testing.T) {
	c := clock{zone: time.FixedZone("CST", 8*3600), now: time.Date(2026, 12, 31, 16, 30, 0, 0, time.UTC)}
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, ""},
		{c.now, "01-01 00:30:00 CST"},
		{c.now.Add(-time.Hour), "12-31 23:30:00 CST"},
		{c.now.AddDate(0, 0, -179), "07-06 00:30:00 CST"},
		{c.now.AddDate(0, 0, -181), "2026-07-04 00:30 CST"},
		{c.now.AddDate(0, 0, 181), "2027-07-01 00:30 CST"},
	} {
		if got := c.moment(test.at); got != test.want {
			t.Errorf("%v is %q, want %q", test.at, got, test.want)
		}
	}
}
