package ecs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// schedule holds the times at which a Period invocation runs.
type schedule struct {
	every time.Duration // of rate(...)
	at    time.Time     // of at(...)
	cron  *cron
}

func (p schedule) once() bool { return !p.at.IsZero() }

// after returns the first time later than from; false if no time follows.
func (p schedule) after(from, created time.Time) (time.Time, bool) {
	switch {
	case p.every > 0:
		passed := max(from.Sub(created), 0) / p.every
		return created.Add((passed + 1) * p.every), true
	case p.cron != nil:
		return p.cron.after(from)
	}
	return p.at, from.Before(p.at)
}

// errNotImitated marks a part of a schedule that the real service understands and
// this one does not.
var errNotImitated = errors.New("is not imitated")

var (
	rateForm = regexp.MustCompile(`^rate\(\s*([0-9]{1,6})\s*([smhd])\s*\)$`)
	atForm   = regexp.MustCompile(`^at\(\s*(\S+ \S+)(?:\s+(\S+))?\s*\)$`)
	gmtForm  = regexp.MustCompile(`^GMT([+-])(0|[1-9][0-9]?):([0-5][0-9])$`)
)

// parseSchedule reads rate(...), at(...) or a cron expression of six or seven
// fields with an optional time zone.
func parseSchedule(text string) (schedule, error) {
	text = strings.TrimSpace(text)
	if found := rateForm.FindStringSubmatch(text); found != nil {
		n, _ := strconv.Atoi(found[1]) // digits only
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[found[2]]
		if n == 0 {
			return schedule{}, errors.New("the interval is zero")
		}
		return schedule{every: time.Duration(n) * unit}, nil
	}
	if found := atForm.FindStringSubmatch(text); found != nil {
		zone, err := parseZone(found[2])
		if err != nil {
			return schedule{}, err
		}
		at, err := time.ParseInLocation(time.DateTime, found[1], zone)
		if err != nil {
			return schedule{}, errors.New("the time is not of the form yyyy-MM-dd HH:mm:ss")
		}
		return schedule{at: at}, nil
	}
	fields := strings.Fields(text)
	if len(fields) < 6 || len(fields) > 8 {
		return schedule{}, errors.New("it is neither rate(...) nor at(...), nor a cron expression of 6 or 7 fields")
	}
	year, zoneName := "*", ""
	rest := fields[6:]
	if len(rest) > 0 && strings.ContainsAny(rest[0][:1], "0123456789*?") {
		year, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		zoneName, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		return schedule{}, errors.New("something follows the time zone")
	}
	zone, err := parseZone(zoneName)
	if err != nil {
		return schedule{}, err
	}
	c, err := parseCron(append(slices.Clone(fields[:6]), year), zone)
	if err != nil {
		return schedule{}, err
	}
	return schedule{cron: c}, nil
}

func parseZone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if found := gmtForm.FindStringSubmatch(name); found != nil {
		hours, _ := strconv.Atoi(found[2])
		minutes, _ := strconv.Atoi(found[3])
		offset := hours*3600 + minutes*60
		if found[1] == "-" {
			offset = -offset
		}
		return time.FixedZone(name, offset), nil
	}
	if !strings.Contains(name, "/") {
		return nil, fmt.Errorf("the time zone %q is not known", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is not known", name)
	}
	return zone, nil
}

// cron is a cron expression with seconds and years.
type cron struct {
	seconds, minutes, hours, days, months, weekdays, years map[int]bool
	anyDay, anyWeekday                                     bool
	zone                                                   *time.Location
}

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func parseCron(fields []string, zone *time.Location) (*cron, error) {
	c := &cron{zone: zone}
	for n, field := range []struct {
		into        *map[int]bool
		least, most int
		names       []string
	}{
		{&c.seconds, 0, 59, nil}, {&c.minutes, 0, 59, nil}, {&c.hours, 0, 23, nil}, {&c.days, 1, 31, nil},
		{&c.months, 1, 12, monthNames}, {&c.weekdays, 0, 7, weekdayNames}, {&c.years, 1970, 2099, nil},
	} {
		values, err := parseField(fields[n], field.least, field.most, field.names)
		if err != nil {
			return nil, fmt.Errorf("the cron field %q: %w", fields[n], err)
		}
		*field.into = values
	}
	if c.weekdays[7] {
		c.weekdays[0] = true
	}
	c.anyDay, c.anyWeekday = fields[3] == "*" || fields[3] == "?", fields[5] == "*" || fields[5] == "?"
	return c, nil
}

func parseField(text string, least, most int, names []string) (map[int]bool, error) {
	out := make(map[int]bool)
	for _, part := range strings.Split(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		low, high, step := least, most, 1
		if span != "*" && span != "?" {
			first, last, ranged := strings.Cut(span, "-")
			var err error
			if low, err = parseValue(first, least, most, names); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if high, err = parseValue(last, least, most, names); err != nil {
					return nil, err
				}
			case !stepped:
				high = low
			}
		}
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				return nil, errors.New("the step is not a positive number")
			}
		}
		if low > high {
			return nil, errors.New("the range is upside down")
		}
		for v := low; v <= high; v += step {
			out[v] = true
		}
	}
	return out, nil
}

func parseValue(text string, least, most int, names []string) (int, error) {
	for n, name := range names {
		if strings.EqualFold(text, name) {
			return n + least, nil
		}
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && strings.ContainsAny(text, "LW#"):
		return 0, fmt.Errorf("%q %w", text, errNotImitated)
	case err != nil || n < least || n > most:
		return 0, fmt.Errorf("%q is not from %d to %d", text, least, most)
	}
	return n, nil
}

// after returns the first time of the expression later than from; false if no
// time follows within the longest gap between leap days.
func (c *cron) after(from time.Time) (time.Time, bool) {
	from = from.In(c.zone)
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, c.zone)
	for range 9 * 366 {
		if c.onDay(day) {
			for hour := range 24 {
				if !c.hours[hour] {
					continue
				}
				for minute := range 60 {
					if !c.minutes[minute] {
						continue
					}
					for second := range 60 {
						at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, 0, c.zone)
						if c.seconds[second] && at.After(from) && at.Hour() == hour {
							return at, true
						}
					}
				}
			}
		}
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, c.zone)
	}
	return time.Time{}, false
}

// onDay reports whether the expression has times on a day. As in other crons, a
// day must fit only one of the two fields if both are restricted.
func (c *cron) onDay(day time.Time) bool {
	if !c.years[day.Year()] || !c.months[int(day.Month())] {
		return false
	}
	inMonth, inWeek := c.days[day.Day()], c.weekdays[int(day.Weekday())]
	switch {
	case c.anyDay:
		return inWeek
	case c.anyWeekday:
		return inMonth
	}
	return inMonth || inWeek
}
