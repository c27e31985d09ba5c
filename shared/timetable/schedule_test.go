package timetable_test

import (
	"strings"
	"testing"
	"time"

	"aftercare/shared/timetable"
)

// ticks are those of a schedule in a time, which is not too long, as times of its
// time zone. They are found by a sweep each minute, as in life.
func ticks(t *testing.T, cron, zone, from, until string) string {
	t.Helper()
	s := timetable.Schedule{Cron: cron, TimeZone: zone}
	place, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	const layout = "2006-01-02 15:04"
	now, errA := time.Parse(layout, from)
	end, errB := time.Parse(layout, until)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	var found []string
	for ; now.Before(end); now = now.Add(time.Minute) {
		due, _, err := s.Ticks(now, now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		for _, tick := range due {
			found = append(found, tick.In(place).Format("02 15:04"))
		}
	}
	return strings.Join(found, ", ")
}

// [63]
func TestASchedulesTicksAreThoseOfItsCron(t *testing.T) {
	const shanghai, berlin, utc = "Asia/Shanghai", "Europe/Berlin", "UTC"
	for _, test := range []struct{ cron, zone, from, until, want string }{
		{"30 3 * * *", shanghai, "2026-03-01 00:00", "2026-03-03 00:00", "02 03:30, 03 03:30"},
		{"*/20 22-23 * * *", utc, "2026-03-01 00:00", "2026-03-02 00:00", "01 22:00, 01 22:20, 01 22:40, 01 23:00, 01 23:20, 01 23:40"},
		{"5,10-11,50/5 0 * * *", utc, "2026-03-01 00:00", "2026-03-02 00:00", "01 00:05, 01 00:10, 01 00:11, 01 00:50, 01 00:55"},
		{"0 0 * * mon-fri", utc, "2026-03-06 12:00", "2026-03-10 12:00", "09 00:00, 10 00:00"},
		{"0 0 * * sat-sun", utc, "2026-03-06 12:00", "2026-03-10 12:00", "07 00:00, 08 00:00"},
		{"0 0 * * 7", utc, "2026-03-06 12:00", "2026-03-10 12:00", "08 00:00"},
		{"0 0 9 mar *", utc, "2026-03-06 12:00", "2026-03-10 12:00", "09 00:00"},
		{"0 0 7 * mon", utc, "2026-03-06 12:00", "2026-03-10 12:00", "07 00:00, 09 00:00"}, // either day
		{"0 0 29 2 *", utc, "2028-02-28 12:00", "2028-03-01 12:00", "29 00:00"},
		// 02:30 does not exist on that day, and 02:30 comes twice on the other.
		{"30 2 * * *", berlin, "2026-03-28 00:00", "2026-03-30 12:00", "28 02:30, 29 03:30, 30 02:30"},
		{"30 2 * * *", berlin, "2026-10-24 12:00", "2026-10-25 12:00", "25 02:30"},
		{"30 1-3 * * *", berlin, "2026-03-29 00:00", "2026-03-29 12:00", "29 01:30, 29 03:30"},
		{"30 * * * *", berlin, "2026-03-28 23:00", "2026-03-29 03:00", "29 00:30, 29 01:30, 29 03:30, 29 04:30"},
		{"30 * * * *", berlin, "2026-10-25 00:00", "2026-10-25 03:00", "25 02:30, 25 02:30, 25 03:30"},
	} {
		if got := ticks(t, test.cron, test.zone, test.from, test.until); got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.cron, test.zone, got, test.want)
		}
	}
}

// [64]
func TestATickThatIsFoundLateIsMissed(t *testing.T) {
	s := timetable.Schedule{Cron: "0,5,30 * * * *", TimeZone: "UTC"}
	at := func(text string) time.Time {
		at, err := time.Parse("15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return at.AddDate(2026, 0, 0)
	}
	for _, test := range []struct{ since, now, due, missed string }{
		{"05:05:01", "05:29:59", "", ""},
		{"05:05:00", "05:29:59", "", ""}, // since itself does not count
		{"05:05:01", "05:30:00", "05:30", ""},
		{"05:05:01", "05:40:00", "05:30", ""},
		{"05:05:01", "05:40:01", "", "05:30"},
		{"05:31:00", "06:08:00", "06:00 06:05", ""},
		{"05:06:00", "06:08:00", "06:00 06:05", "05:30"},
		{"01:00:00", "05:29:00", "", "05:05"},
		{"06:00:00", "05:30:00", "", ""}, // another clock
	} {
		due, missed, err := s.Ticks(at(test.since), at(test.now))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tick := range due {
			got = append(got, tick.Format("15:04"))
		}
		late := ""
		if !missed.IsZero() {
			late = missed.Format("15:04")
		}
		if strings.Join(got, " ") != test.due || late != test.missed {
			t.Errorf("from %s to %s: %q are due and %q is missed, want %q and %q", test.since, test.now, got, late, test.due, test.missed)
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("30 3 * * mon-fri")
	f.Add("*/5 0-23/2 1,15 jan *")
	f.Fuzz(func(t *testing.T, text string) {
		if timetable.WrongCron(text) == "" {
			if _, _, err := (timetable.Schedule{Cron: text, TimeZone: "UTC"}).Ticks(time.Unix(0, 0), time.Unix(86400, 0)); err != nil {
				t.Error(err)
			}
		}
	})
}
