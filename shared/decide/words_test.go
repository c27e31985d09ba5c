package decide_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// words are the arguments of a directive: words, and then flags and key=value. One
// that nothing asks for is a mistake.
type words struct {
	*datadriven.TestData
	t    *testing.T
	used map[int]bool
	nth  string // of the inputs that one directive stands for
}

func (a *words) find(fits func(arg datadriven.CmdArg) bool) (vals []string, found bool) {
	for i, arg := range a.CmdArgs {
		if fits(arg) {
			a.used[i] = true
			return arg.Vals, true
		}
	}
	return nil, false
}

// word is the next word; empty after the last.
func (a *words) word() string {
	for i, arg := range a.CmdArgs {
		if len(arg.Vals) == 0 && !a.used[i] {
			a.used[i] = true
			return arg.Key
		}
	}
	return ""
}

func (a *words) flag(key string) bool {
	_, found := a.find(func(arg datadriven.CmdArg) bool { return arg.Key == key && len(arg.Vals) == 0 })
	return found
}

func (a *words) has(key string) bool {
	return slices.ContainsFunc(a.CmdArgs, func(arg datadriven.CmdArg) bool { return arg.Key == key && len(arg.Vals) > 0 })
}

// text is the value of key=value or key=(a longer value).
func (a *words) text(key, otherwise string) string {
	if vals, found := a.find(func(arg datadriven.CmdArg) bool { return arg.Key == key && len(arg.Vals) > 0 }); found {
		return strings.Join(vals, ", ")
	}
	return otherwise
}

func (a *words) number(key string, otherwise int) int {
	n, err := strconv.Atoi(a.text(key, strconv.Itoa(otherwise)))
	if err != nil {
		a.Fatalf(a.t, "%s: %v", key, err)
	}
	return n
}

// duration is a duration such as 90m or 2d.
func (a *words) duration(key string) time.Duration {
	text := a.text(key, "0s")
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.Atoi(days)
		if err == nil {
			return time.Duration(n) * 24 * time.Hour
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		a.Fatalf(a.t, "%s: %v", key, err)
	}
	return d
}

// at is a time of the story's first day, such as 05:12 or 05:12:07, or of another
// one, such as 03-05T00:10 or 2025-12-04T05:00.
func (a *words) at(key string, otherwise time.Time) time.Time {
	text := a.text(key, "")
	if text == "" {
		return otherwise
	}
	for _, before := range []string{begin.Format("2006-01-02T"), begin.Format("2006-"), ""} {
		for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
			if t, err := time.Parse(layout, before+text); err == nil {
				return t
			}
		}
	}
	a.Fatalf(a.t, "%s=%s is no time", key, text)
	return otherwise
}

func (a *words) checkUsed() {
	for i, arg := range a.CmdArgs {
		if !a.used[i] {
			a.Fatalf(a.t, "nothing asks for %s", arg.String())
		}
	}
}
