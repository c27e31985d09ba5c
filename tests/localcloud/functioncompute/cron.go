package functioncompute

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cron is a schedule of six fields: second, minute, hour, day of month,
// month, day of week. Each field is a set of bits.
type cron struct {
	second, minute, hour, day, month, weekday uint64
	// A day must match both day fields, but only one of them if both are
	// restricted.
	anyDay, anyWeekday bool
	zone               *time.Location
}

type cronField struct {
	name     string
	min, max int
	words    []string // names of the values from min on
}

var cronFields = []cronField{
	{"second", 0, 59, nil},
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{"day of week", 0, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

func parseCron(text string) (*cron, error) {
	c := &cron{zone: time.UTC}
	if rest, ok := strings.CutPrefix(text, "CRON_TZ="); ok {
		name, fields, _ := strings.Cut(rest, " ")
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, fmt.Errorf("time zone of %q: %w", text, err)
		}
		c.zone, text = zone, fields
	}
	parts := strings.Fields(text)
	if len(parts) != len(cronFields) {
		return nil, fmt.Errorf("cron expression %q has %d fields, not 6", text, len(parts))
	}
	sets := []*uint64{&c.second, &c.minute, &c.hour, &c.day, &c.month, &c.weekday}
	for i, part := range parts {
		set, err := parseCronField(part, cronFields[i])
		if err != nil {
			return nil, fmt.Errorf("%s of %q: %w", cronFields[i].name, text, err)
		}
		*sets[i] = set
	}
	if c.weekday&(1<<7) != 0 {
		c.weekday |= 1 // 7 is Sunday too
	}
	c.anyDay = parts[3] == "*" || parts[3] == "?"
	c.anyWeekday = parts[5] == "*" || parts[5] == "?"
	return c, nil
}

func parseCronField(text string, f cronField) (uint64, error) {
	var set uint64
	for item := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("%q is not a step", stepText)
			}
			step = n
		}
		low, high := f.min, f.max
		if span != "*" && span != "?" {
			from, to, ranged := strings.Cut(span, "-")
			var err error
			if low, err = f.value(from); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if high, err = f.value(to); err != nil {
					return 0, err
				}
			case !stepped:
				high = low
			}
		}
		if low > high {
			return 0, fmt.Errorf("%q runs backwards", span)
		}
		for v := low; v <= high; v += step {
			set |= 1 << v
		}
	}
	return set, nil
}

func (f cronField) value(text string) (int, error) {
	for i, word := range f.words {
		if strings.EqualFold(word, text) {
			return f.min + i, nil
		}
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < f.min || v > f.max {
		return 0, fmt.Errorf("%q is not between %d and %d", text, f.min, f.max)
	}
	return v, nil
}

// next returns the first matching second after a moment, or the zero time if it
// is more than five years away.
func (c *cron) next(after time.Time) time.Time {
	t := after.In(c.zone).Truncate(time.Second).Add(time.Second)
	for end := t.AddDate(5, 0, 0); t.Before(end); {
		y, m, d := t.Date()
		switch {
		case c.month&(1<<m) == 0:
			t = time.Date(y, m+1, 1, 0, 0, 0, 0, c.zone)
		case !c.dayMatches(t):
			t = time.Date(y, m, d+1, 0, 0, 0, 0, c.zone)
		case c.hour&(1<<t.Hour()) == 0:
			t = t.Truncate(time.Minute).Add(time.Duration(60-t.Minute()) * time.Minute)
		case c.minute&(1<<t.Minute()) == 0:
			t = t.Truncate(time.Minute).Add(time.Minute)
		case c.second&(1<<t.Second()) == 0:
			t = t.Add(time.Second)
		default:
			return t.UTC()
		}
	}
	return time.Time{}
}

func (c *cron) dayMatches(t time.Time) bool {
	day := c.day&(1<<t.Day()) != 0
	weekday := c.weekday&(1<<t.Weekday()) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}
