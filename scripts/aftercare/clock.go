package main

import (
	"time"

	"github.com/spf13/cobra"
)

// clock prints times in one zone, which every time names.
type clock struct {
	zone *time.Location
	now  time.Time
}

// utcFlag is the flag of all commands that print times.
const utcFlag = "utc"

// clockOf is the clock that the command's flags ask for.
func clockOf(cmd *cobra.Command) clock {
	c := clock{zone: time.Local, now: time.Now()}
	if utc, _ := cmd.Flags().GetBool(utcFlag); utc {
		c.zone = time.UTC
	}
	return c
}

// moment is a time to the second, or to the minute if it is of another year;
// empty for none.
func (c clock) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(c.zone)
	if t.Year() != c.now.In(c.zone).Year() {
		return t.Format("2006-01-02 15:04 MST")
	}
	return t.Format("01-02 15:04:05 MST")
}
