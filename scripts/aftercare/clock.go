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

// halfYear is how near a time must be for its day to need no year.
const halfYear = 180 * 24 * time.Hour

// whole is a time with its year.
func (c clock) whole(t time.Time) string { return t.In(c.zone).Format("2006-01-02 15:04:05 MST") }

// today is a time of the last 24 hours.
func (c clock) today(t time.Time) string { return t.In(c.zone).Format("15:04:05 MST") }

// moment is a time to the second, or with its year and to the minute if it is more
// than half a year away; empty for none.
func (c clock) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Sub(c.now).Abs() > halfYear {
		return t.In(c.zone).Format("2006-01-02 15:04 MST")
	}
	return t.In(c.zone).Format("01-02 15:04:05 MST")
}
