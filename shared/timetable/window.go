// Package timetable says when something may or must begin by the wall clock of a
// time zone: in windows, on the days of a calendar, and at the ticks of a schedule.
// It knows neither flows nor alerts, which have such times. Numbers in brackets are
// rules of package flow.
package timetable

import (
	"fmt"
	"iter"
	"slices"
	"time"
	_ "time/tzdata" // Function Compute's runtime need not have the zones
)

// Windows are the times at which runs may begin. [53]
type Windows struct {
	TimeZone string `json:"timeZone" doc:"a name of the IANA time zone database" need:"write a name of the IANA database, for example Asia/Shanghai" form:"zone" hint:"write a name such as Asia/Shanghai" example:"Asia/Shanghai"`
	Outside  string `json:"outside" doc:"whether a run that would begin outside waits or is dropped" words:"wait drop" default:"wait"`
	// Calendar is the file of a calendar, and Days what it holds. [46]
	Calendar string    `json:"calendar,omitempty" doc:"the file of a calendar, in the folder of this file or below: windows open only on its days" form:"path" hint:"write a file such as calendars/holidays.yaml" example:"calendars/holidays.yaml"`
	Days     *Calendar `json:"calendarDays,omitempty" stored:"only"`
	Open     []Window  `json:"open" doc:"the windows, which may overlap" need:"list at least one window" hint:"list windows, each with from and to"`
}

// The values of Outside.
const (
	OutsideWait = "wait"
	OutsideDrop = "drop"
)

// Window is open on Days from From until To, which is on the next day if it
// is not after From. Both are times of the wall clock, such as 22:30.
type Window struct {
	Days []string `json:"days,omitempty" doc:"the days on which the window opens; all if there is no such key" words:"mon tue wed thu fri sat sun"`
	From string   `json:"from" doc:"when it opens" need:"write when it opens, for example 22:00" form:"time" hint:"write a time such as 22:30" example:"22:00"`
	To   string   `json:"to" doc:"when it closes, on the next day if that is not after from" need:"write when it closes, for example 06:00" form:"time" hint:"write a time such as 22:30" example:"06:00"`
}

// weekdays are the words for days, in the order of time.Weekday.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// searchDays is how many days ahead IsOpen looks for an opening: each window
// opens at least once a week, but a change of the clock can leave it empty. With a
// calendar it looks further.
const (
	searchDays     = 15
	searchCalendar = 400
)

// IsOpen reports whether a run may begin at now, and otherwise when it may; zero
// if never. Without windows it always may. [53]
func (w *Windows) IsOpen(now time.Time) (open bool, next time.Time, err error) {
	if w == nil {
		return true, time.Time{}, nil
	}
	days := searchDays
	if w.Days != nil {
		days = searchCalendar
	}
	all, err := w.around(now, days)
	for from, to := range all {
		switch {
		case !next.IsZero() && from.After(next.AddDate(0, 0, 2)):
			return false, next, nil // all that follow open later
		case !now.Before(from) && now.Before(to):
			return true, time.Time{}, nil
		case from.After(now) && (next.IsZero() || from.Before(next)):
			next = from.UTC()
		}
	}
	return false, next, err
}

// OpenUntil returns when the last of the windows that are open at now closes; zero
// if none is open.
func (w *Windows) OpenUntil(now time.Time) (last time.Time, err error) {
	all, err := w.around(now, 0)
	for from, to := range all {
		if !now.Before(from) && now.Before(to) && to.After(last) {
			last = to.UTC()
		}
	}
	return last, err
}

// around returns when windows open and close, from those that can be open at now
// to those that open so many days later.
func (w *Windows) around(now time.Time, days int) (iter.Seq2[time.Time, time.Time], error) {
	zone, err := zoneOf(w.TimeZone)
	theirs := zone // of the calendar's days
	if err == nil && w.Days != nil {
		theirs, err = zoneOf(w.Days.TimeZone)
	}
	if err != nil {
		return func(func(from, to time.Time) bool) {}, err
	}
	local := now.In(zone)
	return func(yield func(from, to time.Time) bool) {
		// Yesterday's windows can reach into today, and those of the day before if
		// a change of the clock moved their end over midnight.
		for day := -2; day <= days; day++ {
			for _, window := range w.Open {
				from, to, ok := window.on(local.Year(), local.Month(), local.Day()+day, zone)
				ok = ok && from.Before(to) && (w.Days == nil || w.Days.Has(from.In(theirs)))
				if ok && !yield(from, to) {
					return
				}
			}
		}
	}, nil
}

func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the time zone %.60q is not known", name)
	}
	return zone, nil
}

// on is when the window opens and closes if it does so on this day.
func (w Window) on(year int, month time.Month, day int, zone *time.Location) (from, to time.Time, ok bool) {
	weekday := weekdays[time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday()]
	if len(w.Days) > 0 && !slices.Contains(w.Days, weekday) {
		return from, to, false
	}
	a, errA := time.Parse("15:04", w.From)
	b, errB := time.Parse("15:04", w.To)
	if errA != nil || errB != nil {
		return from, to, false
	}
	last := day
	if !b.After(a) {
		last++
	}
	return wall(year, month, day, a, zone), wall(year, month, last, b, zone), true
}

// wall converts a time of the wall clock. A time that a change of the clock
// skips moves later by as much; of a time that occurs twice, the first counts.
func wall(year int, month time.Month, day int, clock time.Time, zone *time.Location) time.Time {
	// How time.Date resolves both is not promised, so both offsets of the day
	// are tried.
	at := func(offset int) time.Time {
		return time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, time.UTC).Add(-time.Duration(offset) * time.Second)
	}
	_, before := at(0).Add(-24 * time.Hour).In(zone).Zone()
	_, after := at(0).Add(24 * time.Hour).In(zone).Zone()
	for _, offset := range []int{max(before, after), min(before, after)} {
		if _, actual := at(offset).In(zone).Zone(); actual == offset {
			return at(offset)
		}
	}
	return at(before)
}
