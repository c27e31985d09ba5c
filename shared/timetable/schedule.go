package timetable

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/suggest"
)

// Schedule is when a clock starts a flow. [63]
type Schedule struct {
	Cron     string `json:"cron" doc:"five fields: minute, hour, day of the month, month, day of the week, each * or numbers, ranges and steps" need:"write the five fields, for example 30 3 * * *" form:"cron" example:"30 3 * * *"`
	TimeZone string `json:"timeZone" doc:"a name of the IANA time zone database" need:"write a name of the IANA database, for example Asia/Shanghai" form:"zone" hint:"write a name such as Asia/Shanghai" example:"Asia/Shanghai"`
	Missed   string `json:"missed" doc:"what becomes of ticks that no sweep found within 10 minutes: the flow starts once for all of them, or not" words:"once skip" default:"skip"`
}

// The values of Missed.
const (
	MissedOnce = "once"
	MissedSkip = "skip"
)

// TickGrace is how late a tick may be found. After that it is missed. [64]
const TickGrace = 10 * time.Minute

// String identifies when the schedule ticks.
func (s Schedule) String() string { return s.Cron + " " + s.TimeZone }

// cronField is one field of a cron expression.
type cronField struct {
	name        string
	least, most int
	words       []string // for least and those that follow
}

var cronFields = []cronField{
	{"minute", 0, 59, nil}, {"hour", 0, 23, nil}, {"day of the month", 1, 31, nil},
	{"month", 1, 12, strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")}, {"day of the week", 0, 7, weekdays},
}

// cron is a set of values for each field.
type cron [5]uint64

func (c cron) has(field, value int) bool { return c[field]>>value&1 == 1 }

// all reports whether a field has every value.
func (c cron) all(field int) bool {
	f := cronFields[field]
	return c[field]>>f.least+1 == 1<<(f.most-f.least+1)
}

// monthDays are the most days that a month has.
var monthDays = []int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// shortCuts are what other crons take in place of the five fields.
var shortCuts = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// parseCron reads a cron expression. The error says what to write.
func parseCron(text string) (c cron, err error) {
	fields := strings.Fields(strings.ToLower(text))
	if meant := shortCuts[strings.ToLower(strings.TrimSpace(text))]; meant != "" {
		return c, fmt.Errorf("cron has five fields%s", suggest.DidYouMean(meant))
	}
	if len(fields) != len(cronFields) {
		return c, fmt.Errorf("cron has five fields, minute, hour, day of the month, month and day of the week, but here are %d: write for example 30 3 * * *", len(fields))
	}
	var wrong []string
	for i, f := range cronFields {
		for _, part := range strings.Split(fields[i], ",") {
			if err := f.add(part, &c[i]); err != nil {
				wrong = append(wrong, err.Error())
			}
		}
	}
	if wrong != nil {
		return c, errors.New(strings.Join(wrong, "; "))
	}
	if c.has(4, 7) {
		c[4] |= 1 // 7 is Sunday, too
	}
	c[4] |= c[4] & 1 << 7
	never := c.all(4)
	for month := 1; month <= 12 && never; month++ {
		never = !c.has(3, month) || c[2]&(1<<(monthDays[month]+1)-1) == 0
	}
	if never {
		return c, fmt.Errorf("cron never comes: no month of %s has a day %s", fields[3], fields[2])
	}
	return c, nil
}

// add adds the values of a part such as 5, 1-5, * or */10.
func (f cronField) add(part string, to *uint64) error {
	span, step, stepped := strings.Cut(part, "/")
	from, until, ranged := strings.Cut(span, "-")
	every := 1
	a, okA := f.value(from)
	b, okB := a, true
	switch {
	case span == "*":
		a, b, okA = f.least, f.most, true
	case ranged:
		b, okB = f.value(until)
	case stepped:
		b = f.most
	}
	if stepped {
		var err error
		if every, err = strconv.Atoi(step); err != nil || every < 1 || every > f.most {
			return fmt.Errorf("cron's %s cannot have the step %.20q: write a number from 1 to %d", f.name, step, f.most)
		}
	}
	if ranged && b == 0 && a > 0 && f.most == 7 {
		b = 7 // Sunday
	}
	switch {
	case !okA || !okB:
		return fmt.Errorf("cron's %s cannot be %.20q: write *, or numbers from %d to %d, such as %d or %d-%d or */2", f.name, part, f.least, f.most, f.least, f.least, f.most)
	case a > b:
		return fmt.Errorf("cron's %s cannot be %.20q, whose end comes before its beginning: write the smaller number first", f.name, part)
	}
	for v := a; v <= b; v += every {
		*to |= 1 << v
	}
	return nil
}

func (f cronField) value(text string) (int, bool) {
	if i := slices.Index(f.words, text); i >= 0 {
		return f.least + i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && len(text) <= 2 && n >= f.least && n <= f.most && text[0] != '+' && text[0] != '-'
}

// WrongCron returns what is wrong with a cron expression; empty if it is right.
func WrongCron(text string) string {
	if _, err := parseCron(text); err != nil {
		return err.Error()
	}
	return ""
}

// Ticks returns the ticks after since and up to now that are not too late, the oldest
// first, and the newest before them; zero without one. [64]
func (s Schedule) Ticks(since, now time.Time) (due []time.Time, missed time.Time, err error) {
	c, err := parseCron(s.Cron)
	if err != nil {
		return nil, missed, err
	}
	zone, err := zoneOf(s.TimeZone)
	if err != nil {
		return nil, missed, err
	}
	for t := now.UTC().Truncate(time.Minute); t.After(since); t = t.Add(-time.Minute) {
		switch {
		case !c.at(t, zone):
		case now.Sub(t) <= TickGrace:
			due = slices.Insert(due, 0, t)
		default:
			return due, t, nil
		}
	}
	return due, missed, nil
}

// Clock lists, as if in UTC, the schedule's times of the wall clock in 400 days.
func (s Schedule) Clock() iter.Seq[time.Time] {
	c, err := parseCron(s.Cron)
	return func(yield func(time.Time) bool) {
		for day := range searchCalendar {
			t := time.Date(2001, 1, 1+day, 0, 0, 0, 0, time.UTC)
			if err != nil || !c.on(t) {
				continue
			}
			for minute := range 24 * 60 {
				if c.has(1, minute/60) && c.has(0, minute%60) && !yield(t.Add(time.Duration(minute)*time.Minute)) {
					return
				}
			}
		}
	}
}

// at reports whether a minute is a tick: that of a matching time of the wall clock,
// which wall finds, or any such minute, if the schedule ticks in every hour.
func (c cron) at(t time.Time, zone *time.Location) bool {
	if c.all(1) {
		return c.matches(t.In(zone))
	}
	// A time that a change of the clock skips is one of the clock before the change.
	_, now := t.In(zone).Zone()
	_, before := t.Add(-3 * time.Hour).In(zone).Zone()
	return slices.ContainsFunc([]int{now, before}, func(offset int) bool {
		local := t.UTC().Add(time.Duration(offset) * time.Second)
		return c.matches(local) && wall(local.Year(), local.Month(), local.Day(), local, zone).Equal(t)
	})
}

// matches reports whether the schedule has a time of the wall clock.
func (c cron) matches(t time.Time) bool { return c.has(0, t.Minute()) && c.has(1, t.Hour()) && c.on(t) }

// on reports whether the schedule has a day. If it has both days of the month and of
// the week, either will do.
func (c cron) on(t time.Time) bool {
	day, weekday := c.has(2, t.Day()), c.has(4, int(t.Weekday()))
	on := day && weekday
	if !c.all(2) && !c.all(4) {
		on = day || weekday
	}
	return on && c.has(3, int(t.Month()))
}
