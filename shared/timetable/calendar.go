package timetable

import (
	"slices"
	"strings"
	"time"
)

// Calendar says on which days windows open. It is also the format of its file. [47]
type Calendar struct {
	Version  int      `json:"version" doc:"the format's version" need:"write version: 1" form:"version"`
	TimeZone string   `json:"timeZone" doc:"whose days they are: a name of the IANA time zone database" need:"write a name of the IANA database, for example Asia/Shanghai" form:"zone" hint:"write a name such as Asia/Shanghai" example:"Asia/Shanghai"`
	Days     []string `json:"days,omitempty" doc:"the days of the week that are open; all if there is no such key" words:"mon tue wed thu fri sat sun"`
	Closed   []string `json:"closed,omitempty" doc:"days that are closed, such as 2027-01-01, and ranges of them, such as 2027-01-01..2027-01-03" form:"dates" hint:"list days such as 2027-01-01 or ranges such as 2027-01-01..2027-01-03"`
	Open     []string `json:"open,omitempty" doc:"days and ranges that are open, whatever days and closed say" form:"dates" hint:"list days such as 2027-01-01 or ranges such as 2027-01-01..2027-01-03"`
}

// DateLayout is how a calendar writes a day, and DateRange stands between the
// first and the last day of a range.
const (
	DateLayout = "2006-01-02"
	DateRange  = ".."
)

// Has reports whether a day is open. [46]
func (c *Calendar) Has(day time.Time) bool {
	date := day.Format(DateLayout)
	in := func(of string) bool {
		first, last, many := strings.Cut(of, DateRange)
		return date == first || many && first <= date && date <= last
	}
	switch {
	case slices.ContainsFunc(c.Open, in):
		return true
	case slices.ContainsFunc(c.Closed, in):
		return false
	}
	return len(c.Days) == 0 || slices.Contains(c.Days, weekdays[day.Weekday()])
}
