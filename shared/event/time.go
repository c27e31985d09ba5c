package event

import (
	"strconv"
	"strings"
	"time"
)

// maxTimeBytes is more than any form of a time has.
const maxTimeBytes = 64

// china is UTC+8, which PRC and Asia/Shanghai have meant since 1992. It is
// fixed here because a function's image need not carry a time-zone database.
var china = time.FixedZone("UTC+8", 8*60*60)

// chinaNames are the zone names that the services write in place of an offset.
var chinaNames = []string{"PRC", "Asia/Shanghai"}

// layouts are the forms besides RFC 3339 that carry their offset. Parsing
// accepts a fraction after the seconds even if a layout has no fraction.
var layouts = []string{
	"20060102T150405Z0700",     // CloudMonitor's eventTime
	"2006-01-02T15:04Z07:00",   // ECS, where it leaves out the seconds
	"2006-01-02T15:04:05Z0700", // an offset without a colon
}

// parseTime reads every form of a time that the two services are known to
// write, epoch milliseconds included, and returns it in UTC.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxTimeBytes {
		return time.Time{}, false
	}
	t, ok := parseForms(s)
	t = t.UTC()
	// Other years come from a clock that was never set, or from a mistaken
	// unit; and RFC 3339 cannot write years over 9999.
	if !ok || t.Year() < 2000 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}

func parseForms(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms), true
	}
	for _, name := range chinaNames {
		if local, ok := strings.CutSuffix(s, name); ok {
			t, err := time.ParseInLocation("2006-01-02T15:04:05", strings.TrimSpace(local), china)
			return t, err == nil
		}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
