package timetable_test

import (
	"testing"
	"time"

	"aftercare/shared/timetable"
)

// [46] [47]
func TestWindowsOpenOnlyOnTheDaysOfTheirCalendar(t *testing.T) {
	with := func(w *timetable.Windows, c timetable.Calendar) *timetable.Windows { w.Days = &c; return w }
	holidays := timetable.Calendar{
		TimeZone: "Asia/Shanghai", Days: []string{"mon", "tue", "wed", "thu", "fri"},
		Closed: []string{"2026-12-31..2027-01-03", "2027-02-05"}, Open: []string{"2027-01-02", "2027-02-27..2027-02-28"},
	}
	morning, night := timetable.Window{From: "09:00", To: "10:00"}, timetable.Window{From: "22:00", To: "02:00"}
	weekend := timetable.Window{Days: []string{"sun"}, From: "09:00", To: "10:00"}
	tests := []struct {
		name    string
		windows *timetable.Windows
		now     string
		next    string // empty if open; never if none opens
	}{
		{"on an open day", with(windows("Asia/Shanghai", morning), holidays), "2027-01-05T01:30:00Z", ""},
		{"on a closed day", with(windows("Asia/Shanghai", morning), holidays), "2027-02-05T01:30:00Z", "2027-02-08T01:00:00Z"},
		{"on a closed day of the week", with(windows("Asia/Shanghai", morning), holidays), "2027-01-09T01:30:00Z", "2027-01-11T01:00:00Z"},
		{"over the end of the year, up to an exception", with(windows("Asia/Shanghai", morning), holidays), "2026-12-31T01:30:00Z", "2027-01-02T01:00:00Z"},
		{"behind the exception", with(windows("Asia/Shanghai", morning), holidays), "2027-01-03T01:30:00Z", "2027-01-04T01:00:00Z"},
		{"an exception in a range, on a day of the week that is closed", with(windows("Asia/Shanghai", weekend), holidays), "2027-01-20T01:30:00Z", "2027-02-28T01:00:00Z"},
		{"days of the week of both", with(windows("Asia/Shanghai", weekend), holidays), "2027-03-01T00:00:00Z", "never"},
		{"a window that opened before its day ended stays open", with(windows("Asia/Shanghai", night), holidays), "2026-12-30T17:00:00Z", ""},
		{"a window that would have opened on a closed day does not", with(windows("Asia/Shanghai", night), holidays), "2027-01-03T16:30:00Z", "2027-01-04T14:00:00Z"},
		{"the day is the calendar's, not the windows'", with(windows("UTC", night), holidays), "2027-02-03T22:30:00Z", ""},
		{"which is another one there", with(windows("UTC", night), holidays), "2027-02-04T22:30:00Z", "2027-02-07T22:00:00Z"},
		{"the day on which the clock skips the opening", with(windows("Europe/Berlin", timetable.Window{From: "02:30", To: "04:00"}),
			timetable.Calendar{TimeZone: "Europe/Berlin", Days: []string{"mon"}, Open: []string{"2027-03-28"}}), "2027-03-27T12:00:00Z", "2027-03-28T01:30:00Z"},
		{"the day on which the clock goes back", with(windows("Europe/Berlin", timetable.Window{From: "02:30", To: "04:00"}),
			timetable.Calendar{TimeZone: "Europe/Berlin", Closed: []string{"2027-10-31"}}), "2027-10-31T00:45:00Z", "2027-11-01T01:30:00Z"},
		{"a day that only leap years have", with(windows("UTC", morning), timetable.Calendar{TimeZone: "UTC", Closed: []string{"2028-02-29"}}), "2028-02-28T10:00:00Z", "2028-03-01T09:00:00Z"},
		{"most of a year later", with(windows("UTC", morning), timetable.Calendar{TimeZone: "UTC", Closed: []string{"2027-01-01..2027-12-31"}}), "2027-01-01T09:30:00Z", "2028-01-01T09:00:00Z"},
		{"never within 400 days", with(windows("UTC", morning), timetable.Calendar{TimeZone: "UTC", Closed: []string{"2027-01-01..2029-12-31"}}), "2027-01-01T09:30:00Z", "never"},
	}
	for _, test := range tests {
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		open, next, err := test.windows.IsOpen(now)
		got := next.Format(time.RFC3339)
		switch {
		case open:
			got = ""
		case next.IsZero():
			got = "never"
		}
		if err != nil || got != test.next {
			t.Errorf("%s: at %s got %q, want %q, %v", test.name, test.now, got, test.next, err)
		}
	}
	if _, _, err := with(windows("UTC", morning), timetable.Calendar{TimeZone: "Nowhere"}).IsOpen(time.Unix(0, 0)); err == nil {
		t.Error("a time zone that is not known is no error")
	}
}
