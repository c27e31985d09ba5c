package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// since is the flag --since or --at: a time, given as a day, a time of day, or how
// long ago.
type since struct {
	text string
	from time.Time // zero without the flag
}

// sinceFlag adds it. initial is how far back a command looks without it.
func sinceFlag(cmd *cobra.Command, initial time.Duration) *since {
	s := &since{}
	if initial > 0 {
		s.text, s.from = short(initial), time.Now().Add(-initial)
	}
	cmd.Flags().Var(s, "since", "from this `time` on: 90m, 24h or 7d ago, 15:04 or a day such as 2026-01-31")
	return s
}

// atFlag adds the flag --at.
func atFlag(cmd *cobra.Command, usage string) *since {
	s := &since{}
	cmd.Flags().Var(s, "at", usage)
	return s
}

// short is a duration without parts that are 0, such as 24h or 7d.
func short(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 1 {
		return strconv.Itoa(int(days)) + "d"
	}
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

func (s *since) String() string { return s.text }
func (s *since) Type() string   { return "time" }

func (s *since) Set(text string) (err error) {
	s.text = text
	s.from, err = sinceOf(text, time.Now())
	return err
}

// words says it in a sentence.
func (s *since) words() string {
	if _, err := ago(s.text); err == nil {
		return "within " + s.text
	}
	return "since " + s.text
}

// sinceOf reads a day or a time of day, by the clock of now, or how long ago.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if d, err := ago(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, err := time.ParseInLocation("15:04", text, now.Location()); err == nil {
		y, m, d := now.Date()
		at := time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, now.Location())
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	return time.Time{}, errors.New("it must be a duration such as 24h or 7d, a time such as 15:04, or a day such as 2026-01-31")
}

// ago reads a duration, which may be in days.
func ago(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n > 0 && n < 10_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("it is not more than 0")
	}
	return d, err
}
