package flowfile

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"

	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

const (
	// maxDates is how many days and ranges each list of a calendar may have: every run
	// of its flows stores them.
	maxDates = 200
	// maxClosed is how many days in a row a calendar may be closed.
	maxClosed = 366

	datePattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.\.[0-9]{4}-[0-9]{2}-[0-9]{2})?$`
)

var calendars = format(reflect.TypeFor[flow.Calendar](), "a calendar", "closed", "Calendar of Aftercare's flows", "The days on which windows of flows open")

// CalendarSchema is Schema for calendars.
func CalendarSchema() []byte { return calendars.Schema() }

func wrongDates(k yamlfile.Key, text string) string {
	first, last := ends(text)
	for _, date := range []string{first, last} {
		if _, err := time.Parse(flow.DateLayout, date); err != nil {
			var broken *time.ParseError
			if errors.As(err, &broken) && strings.Contains(broken.Message, "out of range") {
				return fmt.Sprintf("there is no day %.20s", date)
			}
			return fmt.Sprintf("%s has days such as 2027-01-01, and ranges such as 2027-01-01..2027-01-03; this is %.40q", k.Name, text)
		}
	}
	if last < first {
		return fmt.Sprintf("%s ends before it begins%s", text, flow.DidYouMean(last+flow.DateRange+first))
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
func (r *reader) calendar(w *flow.Windows, path string) {
	at := path + ".calendar"
	if w == nil || w.Calendar == "" || !r.Sound(at) {
		return
	}
	c, known := r.calendars[w.Calendar]
	if !known {
		c = r.readCalendar(w.Calendar, at)
		r.calendars[w.Calendar] = c
	}
	if w.Days = c; c == nil {
		return
	}
	for i, open := range w.Open {
		if neverOpens(c, open.Days) {
			r.Add(r.Place(fmt.Sprintf("%s.open[%d]", path, i)), "this window never opens: its days are none of the calendar %s", w.Calendar)
		}
	}
}

// readCalendar reads a calendar. Its mistakes, with their places there, are mistakes
// of the key that names it.
func (r *reader) readCalendar(name, at string) *flow.Calendar {
	if r.beside == nil {
		r.Add(r.Place(at), "calendars cannot be read here: write the days into the windows")
		return nil
	}
	src, err := fs.ReadFile(r.beside, name)
	if err != nil {
		r.Add(r.Place(at), "there is no calendar %s that can be read: name a file in the folder of this file or below it", name)
		return nil
	}
	var c flow.Calendar
	read, found := calendars.Read(name, src, &c)
	if read != nil {
		for key, list := range map[string][]string{"closed": c.Closed, "open": c.Open} {
			if len(list) > maxDates {
				read.Add(read.Place(key), "%s lists %d days and ranges: at most %d are possible", key, len(list), maxDates)
			}
		}
		for i, of := range c.Closed {
			first, _ := ends(of)
			if day, err := time.Parse(flow.DateLayout, first); err == nil && closedFrom(&c, day) {
				read.Add(read.Place(fmt.Sprintf("closed[%d]", i)), "no day is open for more than a year from here on: open some")
				break
			}
		}
	}
	var mistakes yamlfile.Mistakes
	if !errors.As(found.Err(), &mistakes) {
		return &c
	}
	for _, m := range mistakes {
		r.Add(r.Place(at), "%s", m)
	}
	return nil
}

// closedFrom reports whether no day from this one on is open for more than a year.
func closedFrom(c *flow.Calendar, day time.Time) bool {
	for range maxClosed + 1 {
		if c.Has(day) {
			return false
		}
		day = day.AddDate(0, 0, 1)
	}
	return true
}

// neverOpens reports whether none of these days of the week is ever open.
func neverOpens(c *flow.Calendar, days []string) bool {
	if len(c.Days) == 0 || len(days) == 0 || slices.ContainsFunc(days, func(d string) bool { return slices.Contains(c.Days, d) }) {
		return false
	}
	for _, of := range c.Open {
		first, last := ends(of)
		day, _ := time.Parse(flow.DateLayout, first)
		for range 7 {
			if slices.Contains(days, strings.ToLower(day.Format("Mon"))) && day.Format(flow.DateLayout) <= last {
				return false
			}
			day = day.AddDate(0, 0, 1)
		}
	}
	return true
}

// ends are the first and the last day of a day or a range.
func ends(of string) (first, last string) {
	first, last, many := strings.Cut(of, flow.DateRange)
	if !many {
		last = first
	}
	return first, last
}
