package flowfile

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"

	"aftercare/shared/suggest"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// maxDates is how many days and ranges each list of a calendar may have: every run of
// its flows stores them.
const maxDates = 200

var calendars = format(reflect.TypeFor[timetable.Calendar](), "a calendar", "closed", "Calendar of Aftercare's flows", "The days on which windows of flows open")

// CalendarSchema is Schema for calendars.
func CalendarSchema() []byte { return calendars.Schema() }

// datesPattern are days and ranges of them.
const datesPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?$`

func wrongDates(k yamlfile.Key, text string) string {
	dates := strings.SplitN(text, timetable.DateRange, 2)
	for _, date := range dates {
		if _, err := time.Parse(timetable.DateLayout, date); err != nil {
			return fmt.Sprintf("there is no day %.40q: %s", date, k.Hint)
		}
	}
	if first, last := dates[0], dates[len(dates)-1]; last < first {
		return fmt.Sprintf("%s ends before it begins%s", text, suggest.DidYouMean(last+timetable.DateRange+first))
	}
	return ""
}

func wrongPath(k yamlfile.Key, text string) string {
	if fs.ValidPath(text) && text != "." {
		return ""
	}
	return fmt.Sprintf("%s must be a file in the folder of this file or below it, such as calendars/holidays.yaml; this is %.60q", k.Name, text)
}

// calendar reads the calendar that windows name, once for all flows. [46] [47]
func (r *reader) calendar(w *timetable.Windows, path string) {
	at := path + ".calendar"
	if w == nil || w.Calendar == "" || !r.Sound(at) {
		return
	}
	c, known := r.calendars[w.Calendar]
	if !known {
		c = r.readCalendar(w.Calendar, at)
		r.calendars[w.Calendar] = c
	}
	for i := range w.Open {
		one := *w
		one.Days, one.Open = c, w.Open[i:i+1]
		if c != nil && r.Whole(path) && neverOpens(one) {
			r.Add(r.Place(fmt.Sprintf("%s.open[%d]", path, i)), "this window never opens, or not for more than 400 days: the calendar %s has no such day open", w.Calendar)
		}
	}
	w.Days = c
}

// neverOpens reports whether windows open within 400 days neither of a day like any
// other nor of an exception, or without exceptions not within 400 days of a closing.
func neverOpens(w timetable.Windows) bool {
	opensAfter := func(of string, days int) bool {
		day, _ := time.Parse(timetable.DateLayout, of[:len(timetable.DateLayout)])
		open, next, _ := w.IsOpen(day.AddDate(0, 0, days))
		return open || !next.IsZero()
	}
	if c := w.Days; len(c.Open) > 0 {
		return !opensAfter("2001-01-01", 0) && !slices.ContainsFunc(c.Open, func(of string) bool { return opensAfter(of, -1) })
	}
	return !opensAfter("2001-01-01", 0) || slices.ContainsFunc(w.Days.Closed, func(of string) bool { return !opensAfter(of, 1) })
}

// readCalendar reads a calendar. Its mistakes, with their places there, are mistakes
// of the key that names it.
func (r *reader) readCalendar(name, at string) *timetable.Calendar {
	if r.beside == nil {
		r.Add(r.Place(at), "calendars cannot be read here: write the days into the windows")
		return nil
	}
	src, err := fs.ReadFile(r.beside, name)
	if err != nil {
		r.Add(r.Place(at), "there is no calendar %s that can be read: name a file in the folder of this file or below it", name)
		return nil
	}
	var c timetable.Calendar
	read, found := calendars.Read(name, src, &c)
	if read != nil {
		for key, list := range map[string][]string{"closed": c.Closed, "open": c.Open} {
			if len(list) > maxDates {
				read.Add(read.Place(key), "%s lists %d days and ranges: at most %d are possible", key, len(list), maxDates)
			}
		}
	}
	var mistakes yamlfile.Mistakes
	if !errors.As(found.Err(), &mistakes) {
		last := ""
		for _, dates := range slices.Concat(c.Closed, c.Open) {
			last = max(last, dates[len(dates)-len(timetable.DateLayout):])
		}
		if last != "" && last < r.now.Format(timetable.DateLayout) {
			r.note(r.Place(at), "the last day of the calendar "+name+", "+last+", has passed: since then only its days count; list those to come")
		}
		return &c
	}
	for _, m := range mistakes {
		r.Add(r.Place(at), "%s", m)
	}
	return nil
}
