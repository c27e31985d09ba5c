package yamlfile

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// The patterns of durations and of times of the day, also in schemas.
const (
	DurationPattern = `^([0-9]+(\.[0-9]+)?[hms])+$`
	timePattern     = `^([01][0-9]|2[0-3]):[0-5][0-9]$`
)

var (
	durations = regexp.MustCompile(DurationPattern)
	times     = regexp.MustCompile(timePattern)
)

// duration decodes a duration within the range of its key.
func (r *Reader) duration(n ast.Node, k Key, into reflect.Value) bool {
	sc, ok := textOf(n, true)
	if _, isBool := n.(*ast.BoolNode); !ok || isBool {
		r.Add(r.at(n), "%s is a duration such as 60s, 5m or 1h30m, but here is %s", k.Name, describe(n))
		return false
	}
	d, mistake := k.Duration(sc.Text, "")
	if mistake != "" {
		r.Add(r.at(n), "%s", mistake)
		return false
	}
	into.SetInt(int64(d))
	return true
}

// Duration reads a duration within the range of the key, and returns what is
// wrong with it. Or is what else the key takes, for a text that is no duration.
func (k Key) Duration(text, or string) (d time.Duration, mistake string) {
	if !durations.MatchString(text) {
		if instead := intended(text); instead != "" {
			return 0, NotADuration(k.Name, text, instead)
		}
		return 0, fmt.Sprintf("%s is a number with a unit, such as 60s, 5m or 1h30m%s; this is %.40q", k.Name, or, text)
	}
	d, err := time.ParseDuration(text)
	least, _ := time.ParseDuration(k.least)
	most, _ := time.ParseDuration(k.most)
	switch {
	case k.Form == "seconds" && err == nil && d > 0: // 0 would mean the default
		return d, "" // its range is checked elsewhere
	case err != nil || d < least || d > most:
		return 0, fmt.Sprintf("%s must be from %s to %s; this is %.40q", k.Name, k.least, k.most, text)
	}
	return d, ""
}

// NotADuration is the mistake of a text that looks like another.
func NotADuration(name, text, meant string) string {
	return fmt.Sprintf("%s is a number with a unit (h, m or s); this is %.40q, did you mean %s?", name, text, meant)
}

// units are words that people write for a unit, with their size in h, m or s.
var units = map[string]struct {
	unit string
	n    int
}{
	"": {"s", 1}, "sec": {"s", 1}, "secs": {"s", 1}, "second": {"s", 1}, "seconds": {"s", 1}, "s": {"s", 1},
	"min": {"m", 1}, "mins": {"m", 1}, "minute": {"m", 1}, "minutes": {"m", 1}, "m": {"m", 1},
	"hr": {"h", 1}, "hrs": {"h", 1}, "hour": {"h", 1}, "hours": {"h", 1}, "h": {"h", 1},
	"d": {"h", 24}, "day": {"h", 24}, "days": {"h", 24}, "w": {"h", 168}, "week": {"h", 168}, "weeks": {"h", 168},
}

// intended guesses the duration meant by invalid text, such as 24h for 1d; empty
// if there is no good guess.
func intended(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.Atoi(text[:digits])
	unit, ok := units[strings.TrimSpace(text[digits:])]
	if err != nil || !ok || n > 100_000 {
		return ""
	}
	return strconv.Itoa(n*unit.n) + unit.unit
}
