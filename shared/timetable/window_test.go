package timetable_test

import (
	"testing"
	"time"

	"aftercare/shared/timetable"

	"pgregory.net/rapid"
)

// weekdays are the words for days, in the order of time.Weekday.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func windows(zone string, open ...timetable.Window) *timetable.Windows {
	return &timetable.Windows{TimeZone: zone, Outside: timetable.OutsideWait, Open: open}
}

func TestOpenUntilIsTheLastEndOfWhatIsOpen(t *testing.T) {
	w := windows("UTC", timetable.Window{From: "22:00", To: "06:00"}, timetable.Window{From: "21:00", To: "23:00"}, timetable.Window{From: "06:00", To: "07:00"})
	for now, want := range map[string]string{
		"2026-03-02T20:59:59Z": "", "2026-03-02T21:30:00Z": "2026-03-02T23:00:00Z", "2026-03-02T22:30:00Z": "2026-03-03T06:00:00Z",
		"2026-03-02T05:59:59Z": "2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z": "2026-03-02T07:00:00Z", "2026-03-02T07:00:00Z": "",
	} {
		at, _ := time.Parse(time.RFC3339, now)
		got, err := w.OpenUntil(at)
		if err != nil {
			t.Fatal(err)
		}
		if text := got.Format(time.RFC3339); !got.IsZero() && text != want || got.IsZero() && want != "" {
			t.Errorf("at %s it is open until %s, want %q", now, text, want)
		}
	}
	if _, err := windows("Nowhere").OpenUntil(time.Time{}); err == nil {
		t.Error("a time zone that is not known is no error")
	}
}

// [53]
func TestWindowsOpenAndClose(t *testing.T) {
	every := func(from, to string, days ...string) timetable.Window {
		return timetable.Window{Days: days, From: from, To: to}
	}
	const (
		berlin = "Europe/Berlin"
		sao    = "America/Sao_Paulo"
		beirut = "Asia/Beirut"
		cairo  = "Africa/Cairo"
		nuuk   = "America/Nuuk"
		apia   = "Pacific/Apia"
	)
	tests := []struct {
		name    string
		windows *timetable.Windows
		now     string
		next    string // empty if open
	}{
		{"within", windows("UTC", every("09:00", "17:00")), "2026-03-02T12:00:00Z", ""},
		{"at the moment that it opens", windows("UTC", every("09:00", "17:00")), "2026-03-02T09:00:00Z", ""},
		{"just before", windows("UTC", every("09:00", "17:00")), "2026-03-02T08:59:59.999Z", "2026-03-02T09:00:00Z"},
		{"at the moment that it closes", windows("UTC", every("09:00", "17:00")), "2026-03-02T17:00:00Z", "2026-03-03T09:00:00Z"},
		{"in its own zone", windows("Asia/Shanghai", every("09:00", "17:00")), "2026-03-02T01:00:00Z", ""},
		{"the nearest of several", windows("UTC", every("20:00", "21:00"), every("18:00", "19:00")), "2026-03-02T17:00:00Z", "2026-03-02T18:00:00Z"},
		{"only on its days", windows("UTC", every("09:00", "17:00", "sat", "sun")), "2026-03-02T12:00:00Z", "2026-03-07T09:00:00Z"},
		{"a week away", windows("UTC", every("09:00", "17:00", "mon")), "2026-03-02T17:00:00Z", "2026-03-09T09:00:00Z"},
		{"over midnight, before it", windows("UTC", every("22:00", "02:00", "sun")), "2026-03-01T23:00:00Z", ""},
		{"over midnight, and the end of the week", windows("UTC", every("22:00", "02:00", "sun")), "2026-03-02T01:59:59Z", ""},
		{"over midnight, after its end", windows("UTC", every("22:00", "02:00", "sun")), "2026-03-02T02:00:00Z", "2026-03-08T22:00:00Z"},
		{"over midnight, not from the day before", windows("UTC", every("22:00", "02:00", "mon")), "2026-03-02T01:00:00Z", "2026-03-02T22:00:00Z"},
		{"a whole day", windows("UTC", every("08:00", "08:00", "mon")), "2026-03-03T07:59:59Z", ""},
		{"a whole day's end", windows("UTC", every("08:00", "08:00", "mon")), "2026-03-03T08:00:00Z", "2026-03-09T08:00:00Z"},

		// Berlin: 02:00 to 03:00 is skipped on 2026-03-29, and there twice on 2026-10-25.
		{"a skipped beginning is as much later", windows(berlin, every("02:30", "05:00")), "2026-03-29T00:59:59Z", "2026-03-29T01:30:00Z"},
		{"a skipped end is as much later", windows(berlin, every("01:00", "02:30")), "2026-03-29T01:29:59Z", ""},
		{"a skipped end has come", windows(berlin, every("01:00", "02:30")), "2026-03-29T01:30:00Z", "2026-03-29T23:00:00Z"},
		{"left without time, it does not open that day", windows(berlin, every("02:30", "03:10")), "2026-03-29T00:00:00Z", "2026-03-30T00:30:00Z"},
		{"left without time, it opens two weeks later", windows(berlin, every("02:30", "03:10", "sun")), "2026-03-22T02:10:00Z", "2026-04-05T00:30:00Z"},
		{"a beginning that appears twice is the first", windows(berlin, every("02:30", "05:00")), "2026-10-25T00:30:00Z", ""},
		{"an end that appears twice is the first", windows(berlin, every("01:00", "02:30")), "2026-10-25T00:30:00Z", "2026-10-26T00:00:00Z"},

		// Sao Paulo: 00:00 to 01:00 was skipped on 2018-11-04, and 23:00 to 24:00 was there twice on 2018-02-17.
		{"a day without midnight", windows(sao, every("00:00", "01:30", "sun")), "2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z"},
		{"a day before one without midnight", windows(sao, every("22:00", "00:00", "sat")), "2018-11-04T02:59:59Z", ""},
		{"the end of a day before one without midnight", windows(sao, every("22:00", "00:00", "sat")), "2018-11-04T03:00:00Z", "2018-11-11T00:00:00Z"},
		{"the second last hour of a day", windows(sao, every("22:00", "00:00", "sat")), "2018-02-18T02:59:59Z", ""},
		{"the end after the second last hour", windows(sao, every("22:00", "00:00", "sat")), "2018-02-18T03:00:00Z", "2018-02-25T01:00:00Z"},

		// Beirut: 00:00 to 01:00 is skipped on 2026-03-29. Cairo: on 2026-04-24; 23:00 to 24:00 appears twice on 2026-10-29.
		{"Beirut's day without midnight", windows(beirut, every("00:15", "03:00")), "2026-03-28T22:00:00Z", "2026-03-28T22:15:00Z"},
		{"Cairo's day without midnight", windows(cairo, every("23:30", "00:30")), "2026-04-23T22:29:59Z", ""},
		{"Cairo's end on a day without midnight", windows(cairo, every("23:30", "00:30")), "2026-04-23T22:30:00Z", "2026-04-24T20:30:00Z"},
		{"Cairo's first last hour", windows(cairo, every("23:30", "00:30")), "2026-10-29T20:30:00Z", ""},
		{"Cairo's second last hour", windows(cairo, every("22:00", "23:30")), "2026-10-29T21:00:00Z", "2026-10-30T20:00:00Z"},

		// Nuuk: 23:00 to 24:00 was skipped on 2025-03-29.
		{"an end that is moved over midnight", windows(nuuk, every("23:30", "23:30", "fri")), "2025-03-30T01:15:00Z", ""},
		{"an end that was moved over midnight", windows(nuuk, every("23:30", "23:30", "fri")), "2025-03-30T01:30:00Z", "2025-04-05T00:30:00Z"},

		// Apia had no 2011-12-30.
		{"a day that was skipped is the next", windows(apia, every("12:00", "13:00")), "2011-12-29T23:00:00Z", "2011-12-30T22:00:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			open, next, err := test.windows.IsOpen(instant(t, test.now))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if !next.IsZero() {
				got = next.Format(time.RFC3339)
			}
			if open != (test.next == "") || got != test.next {
				t.Errorf("open is %t, next is %q, want %q", open, got, test.next)
			}
		})
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// [53]
func TestWindowsThatNeverOpenOrAreWrong(t *testing.T) {
	if open, next, err := (*timetable.Windows)(nil).IsOpen(time.Unix(0, 0)); !open || !next.IsZero() || err != nil {
		t.Errorf("without windows: %t, %v, %v", open, next, err)
	}
	if open, next, err := windows("UTC").IsOpen(time.Unix(0, 0)); open || !next.IsZero() || err != nil {
		t.Errorf("windows that never open: %t, %v, %v", open, next, err)
	}
	if open, _, err := windows("Mars/Olympus", timetable.Window{From: "00:00", To: "00:00"}).IsOpen(time.Unix(0, 0)); open || err == nil {
		t.Errorf("a zone that is not known: %t, %v", open, err)
	}
	if open, next, err := windows("UTC", timetable.Window{From: "soon", To: "24:00"}).IsOpen(time.Unix(0, 0)); open || !next.IsZero() || err != nil {
		t.Errorf("times that cannot be read: %t, %v, %v", open, next, err)
	}
}

// [53]
func TestTheNextOpeningIsTheFirst(t *testing.T) {
	clock := rapid.Custom(func(r *rapid.T) string {
		return time.Unix(60*rapid.Int64Range(0, 1439).Draw(r, "minute"), 0).UTC().Format("15:04")
	})
	zones := []string{
		"Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "America/Nuuk", "Australia/Lord_Howe",
		"Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "America/St_Johns",
	}
	rapid.Check(t, func(r *rapid.T) {
		w := windows(rapid.SampledFrom(zones).Draw(r, "zone"))
		for range rapid.IntRange(1, 3).Draw(r, "windows") {
			w.Open = append(w.Open, timetable.Window{
				Days: rapid.SliceOfNDistinct(rapid.SampledFrom(weekdays), 0, 3, rapid.ID).Draw(r, "days"),
				From: clock.Draw(r, "from"), To: clock.Draw(r, "to"),
			})
		}
		now := time.Unix(rapid.Int64Range(1.2e9, 1.9e9).Draw(r, "now"), 0)
		zone, err := time.LoadLocation(w.TimeZone)
		if err != nil {
			r.Fatal(err)
		}
		open, next, err := w.IsOpen(now)
		if err != nil {
			r.Fatal(err)
		}
		if regular(now.In(zone)) && open != byTheClock(w, now.In(zone)) {
			r.Fatalf("open is %t at %v", open, now.In(zone))
		}
		if open {
			return
		}
		if !next.After(now) || next.Sub(now) > 15*24*time.Hour {
			r.Fatalf("the next opening after %v is %v", now, next)
		}
		if again, _, _ := w.IsOpen(next); !again {
			r.Fatalf("it is not open at %v, although it said so", next)
		}
		between := now.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(now)-1)).Draw(r, "between")))
		if again, other, _ := w.IsOpen(between); again || !other.Equal(next) {
			r.Fatalf("at %v open is %t and next is %v, but at %v next is %v", between, again, other, now, next)
		}
	})
}

// regular reports whether the clock did not change within two days of a time.
func regular(t time.Time) bool {
	_, offset := t.Zone()
	for hours := -48; hours <= 48; hours++ {
		if _, other := t.Add(time.Duration(hours) * time.Hour).Zone(); other != offset {
			return false
		}
	}
	return true
}

// byTheClock reports what a clock on the wall says.
func byTheClock(w *timetable.Windows, t time.Time) bool {
	now := t.Format("15:04")
	day := func(window timetable.Window, d time.Time) bool {
		for _, name := range window.Days {
			if weekdays[d.Weekday()] == name {
				return true
			}
		}
		return len(window.Days) == 0
	}
	for _, o := range w.Open {
		switch {
		case o.From < o.To && o.From <= now && now < o.To && day(o, t),
			o.From >= o.To && o.From <= now && day(o, t),
			o.From >= o.To && now < o.To && day(o, t.AddDate(0, 0, -1)):
			return true
		}
	}
	return false
}
