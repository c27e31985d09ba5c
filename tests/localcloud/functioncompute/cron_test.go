package functioncompute_test

import (
	"testing"
	"time"

	"aftercare/tests/localcloud/functioncompute"
)

func TestNextFiring(t *testing.T) {
	for _, tt := range []struct{ name, cron, after, want string }{
		{"an interval", "@every 5m", "2026-05-01T12:00:01Z", "2026-05-01T12:05:01Z"},
		{"each second", "* * * * * *", "2026-05-01T12:00:00Z", "2026-05-01T12:00:01Z"},
		{"parts of a second are dropped", "* * * * * *", "2026-05-01T12:00:00.9Z", "2026-05-01T12:00:01Z"},
		{"a time of day", "0 0 8 * * *", "2026-05-01T08:00:00Z", "2026-05-02T08:00:00Z"},
		{"a time of day in a zone", "CRON_TZ=Asia/Shanghai 0 0 8 * * *", "2026-05-01T08:00:00Z", "2026-05-02T00:00:00Z"},
		{"each ten minutes", "0 0/10 * * * *", "2026-05-01T12:51:00Z", "2026-05-01T13:00:00Z"},
		{"a list and a range", "30 0,15 9-10 * * *", "2026-05-01T10:15:30Z", "2026-05-02T09:00:30Z"},
		{"a stepped range", "0 0 8-16/4 * * *", "2026-05-01T08:30:00Z", "2026-05-01T12:00:00Z"},
		{"a day of the month", "0 0 0 31 * ?", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z"},
		{"a leap day", "0 0 0 29 2 *", "2026-05-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"a day that never comes", "0 0 0 30 2 *", "2026-05-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"a weekday by name", "0 0 0 ? * MON-FRI", "2026-05-01T00:00:00Z", "2026-05-04T00:00:00Z"},
		{"Sunday is 0 and 7", "0 0 0 * * 7", "2026-05-01T00:00:00Z", "2026-05-03T00:00:00Z"},
		{"either day is enough if both are given", "0 0 0 13 * FRI", "2026-05-02T00:00:00Z", "2026-05-08T00:00:00Z"},
		{"a month by name", "0 0 0 1 jan *", "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"the end of a year", "59 59 23 31 12 *", "2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339Nano, tt.after)
			if err != nil {
				t.Fatal(err)
			}
			got, err := functioncompute.NextFiring(tt.cron, after)
			if err != nil {
				t.Fatal(err)
			}
			if got.Format(time.RFC3339) != tt.want {
				t.Errorf("%s fires at %s, want %s", tt.cron, got.Format(time.RFC3339), tt.want)
			}
		})
	}
}

func TestCronExpressionsThatAreRefused(t *testing.T) {
	for _, cron := range []string{
		"", "@every", "@every x", "@every 0s", "@every -1m", "@daily", "* * * * *", "* * * * * * *", "60 * * * * *", "* * 24 * * *",
		"* * * 0 * *", "* * * * 13 *", "* * * * * 8", "*/0 * * * * *", "*/x * * * * *", "5-1 * * * * *", "a * * * * *", "* * * L * *",
		"CRON_TZ=Nowhere/City * * * * * *", "1,,2 * * * * *",
	} {
		if _, err := functioncompute.NextFiring(cron, time.Time{}); err == nil {
			t.Errorf("%q was accepted", cron)
		}
	}
}
