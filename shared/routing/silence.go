package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/dispatch"
	"aftercare/shared/suggest"
)

// Silence is a silence as a person asked for it: of the alerts that it matches until a
// time, or, as an acknowledgement, of the repeats of what a group told. Its JSON is that
// of its row. [10, 11]
type Silence struct {
	ID    string `json:"id"`
	Match *Match `json:"match,omitempty"`
	// Alert is the group that is acknowledged, and Flush the last of its flushes then.
	Alert  string    `json:"alert,omitempty"`
	Flush  int64     `json:"flush,omitempty"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	// Until is when it ends or ended; zero if it holds until the recovery.
	Until time.Time `json:"until,omitzero"`
	// Ended is what ended it; empty if that is its time. If a person did, that one is
	// EndedBy, and says why in EndReason.
	Ended     SilenceEnd `json:"ended,omitempty"`
	EndedBy   string     `json:"endedBy,omitempty"`
	EndReason string     `json:"endReason,omitempty"`
}

// SilenceEnd is what ended a silence.
type SilenceEnd string

// The ends of silences other than their time.
const (
	SilenceExpired   SilenceEnd = "expired" // by a person
	SilenceRecovered SilenceEnd = "recovered"
)

// MaxSilence is the longest that a silence may hold: what is forgotten comes back.
const MaxSilence = 90 * 24 * time.Hour

// Holds reports whether it holds at a time.
func (s Silence) Holds(now time.Time) bool { return s.Until.IsZero() || now.Before(s.Until) }

// Fits reports whether it is a silence of an alert.
func (s Silence) Fits(a decide.Alert) bool { return s.Match != nil && s.Match.refuses(a) == "" }

// Dispatched is the silence as package dispatch keeps to it.
func (s Silence) Dispatched() dispatch.Silence {
	d := dispatch.Silence{ID: s.ID, Group: s.Alert, Flush: s.Flush, Until: s.Until}
	if s.Match != nil {
		d.Fits = s.Fits
	}
	return d
}

// Mistakes lists what is wrong with a silence that is asked for at a time.
func (s Silence) Mistakes(now time.Time) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	clauses := s.Match.clauses()
	if s.Alert != "" {
		if len(clauses) > 0 {
			add("an alert's id stands alone: leave out the matchers, or the id")
		}
		if !s.Until.IsZero() {
			add("an acknowledgement ends with the recovery: leave out its end")
		}
		return list
	}
	if len(clauses) == 0 {
		add("it would silence everything: say which alerts")
	}
	if strings.TrimSpace(s.Reason) == "" {
		add("the reason is missing: say why, for those who wait for an alert")
	}
	switch {
	case s.Until.IsZero():
		add("its end is missing")
	case !s.Until.After(now):
		add("its end is over")
	case s.Until.Sub(now) > MaxSilence:
		add("it may hold for %d days at most", MaxSilence/(24*time.Hour))
	}
	for _, c := range clauses {
		known := words(c.name)
		for _, p := range c.patterns {
			switch {
			case strings.TrimSpace(p) == "":
				add("%s is empty: write what it must be, such as backup-*", c.name)
			case known != nil && !slices.Contains(known, p):
				add("there is no %s %q%s", c.name, p, suggest.Hint(p, "they", known))
			}
		}
	}
	return list
}

// words are the words that a name of a match can have; nil for any.
func words(name string) (list []string) {
	switch name {
	case "severity":
		for _, s := range decide.Severities {
			list = append(list, string(s))
		}
	case "kind":
		for _, k := range Kinds {
			list = append(list, string(k))
		}
	}
	return list
}

// String says what is silenced, as "severity warning or info, flow restart-*".
func (s Silence) String() string {
	if s.Alert != "" {
		return "repeats of alert " + s.Alert
	}
	var parts []string
	for _, c := range s.Match.clauses() {
		parts = append(parts, c.name+" "+strings.Join(c.patterns, " or "))
	}
	return strings.Join(parts, ", ")
}
