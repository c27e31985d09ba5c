package decide

import (
	"fmt"
	"time"
)

// Concern is a state of Aftercare itself that people must know of: it holds, or is
// over. People are told each once.
type Concern struct {
	Kept
	// Alert is what they are told last. Its Fingerprint is the concern's key.
	Alert Alert `json:"alert"`
	// Rev orders what they are told: when it happened, in ms.
	Rev int64 `json:"rev"`
	// Told: the alert is in the inbox.
	Told bool `json:"told,omitempty"`
	// Seen is when the state showed last. If it does not show again, it is over at
	// Until; zero means that something must show that it is over.
	Seen  time.Time `json:"seen"`
	Until time.Time `json:"until,omitzero"`
}

const (
	// seenAgain is how old Seen may be while the state shows.
	seenAgain = 5 * time.Minute
	// forgetConcern is how long a state that is over is kept: longer than clocks
	// differ, so that what is told of the next one is newer.
	forgetConcern = 24 * time.Hour
	// How long a state lasts that shows by an input, and a refusal for want of a right,
	// if they do not come again.
	inputLasts = time.Hour
	rightLasts = 24 * time.Hour
	// rightSettles is how long after a refusal a success counts: a right may be for
	// some resources only, and takes a while to be everywhere.
	rightSettles = 10 * time.Minute
)

// concern is one of a kind, about something.
func concern(kind AlertKind, about, summary string, now, until time.Time) Concern {
	return Concern{Seen: now, Until: until, Alert: Alert{
		Kind: kind, Severity: severities[kind], Lasting: true, At: now, Summary: cut(summary, maxAlertText), Fingerprint: Key("concern", string(kind), about),
	}}
}

// InQuarantine is that a function put something into quarantine.
func InQuarantine(function, why string, now time.Time) Concern {
	return concern(AlertQuarantine, function, fmt.Sprintf("%s got what it cannot read, and put it into quarantine. The first reason: %s", function, why), now, now.Add(inputLasts))
}

// DeadLettersCame is that events came into quarantine that could not be delivered.
func DeadLettersCame(what string, now time.Time) Concern {
	return concern(AlertDeadLetters, "", fmt.Sprintf("Events could not be delivered, and are kept in quarantine. The first: %s", what), now, now.Add(inputLasts))
}

// RefusedEvent is that a submission was refused that came as an event.
func RefusedEvent(function, why string, now time.Time) Concern {
	return concern(AlertRefused, function, fmt.Sprintf("%s refused a submission that came as an event. The first reason: %s", function, why), now, now.Add(inputLasts))
}

// QuotaUsedUp is that the account may start no command before the next day.
func QuotaUsedUp(now time.Time) Concern {
	until := NextDay(now)
	return concern(AlertQuota, "", fmt.Sprintf("The account's daily quota of Cloud Assistant is used up. Commands wait until %s.", until.Format(time.RFC3339)), now, until)
}

// RightMissing is that a function is refused for want of a right.
func RightMissing(function, right string, now time.Time) Concern {
	return concern(AlertRight, function+"\n"+right, fmt.Sprintf("%s lacks the right %s.", function, right), now, now.Add(rightLasts))
}

// SweepMissing is that no sweep has ended since a time.
func SweepMissing(since, now time.Time) Concern {
	return concern(AlertSweepMissing, "", fmt.Sprintf("No sweep has ended since %s.", since.UTC().Format(time.RFC3339)), now, time.Time{})
}

// SilentSince is since when an end that an event reported shows that events arrive,
// if many were asked for lately.
func SilentSince(now time.Time) time.Time { return now.Add(-silentWithin) }

// EventsSilent is that ends of commands were learned only by asking.
func EventsSilent(now time.Time) Concern {
	return concern(AlertEventsSilent, "", fmt.Sprintf("Within %d minutes, sweeps learned at least %d ends of commands by asking, and no event reported one. "+
		"'aftercare backfill --since 2h' brings back what was missed.", int(silentWithin.Minutes()), silentEnds), now, time.Time{})
}

// EventsCome is the concern after an event reported an end.
func (c Concern) EventsCome(now time.Time) Concern {
	return c.Ended("Events report ends of commands again. What was missed meanwhile: 'aftercare backfill --since 2h --plan'.", now)
}

// Same reports whether nothing has changed.
func (c Concern) Same(was Concern) bool {
	return c.Rev == was.Rev && c.Told == was.Told && c.Seen.Equal(was.Seen)
}

// Holds reports whether the state holds, as far as is known.
func (c Concern) Holds() bool { return c.Rev > 0 && !c.Alert.Recovered }

// ByInput reports whether an input shows it, rather than a call that will be made again.
func (c Concern) ByInput() bool {
	return c.Alert.Kind == AlertQuarantine || c.Alert.Kind == AlertDeadLetters || c.Alert.Kind == AlertRefused
}

// Shown is the concern after its state has shown, as given.
func (c Concern) Shown(as Concern) Concern {
	switch {
	case !c.Holds():
		as.Rev = max(as.Seen.UnixMilli(), c.Rev+1)
		return as
	case as.Seen.Sub(c.Seen) >= seenAgain:
		c.Seen, c.Until = as.Seen, as.Until
	}
	return c
}

// Ended is the concern after its state has ended.
func (c Concern) Ended(why string, now time.Time) Concern {
	if !c.Holds() {
		return c
	}
	c.Rev, c.Told = max(now.UnixMilli(), c.Rev+1), false
	c.Alert.Recovered, c.Alert.At, c.Alert.Summary = true, now, why
	return c
}

// Tidied is the concern after what time alone does. It is forgotten if its Rev is 0.
func (c Concern) Tidied(now time.Time) Concern {
	switch {
	case c.Holds() && !c.Until.IsZero() && !c.Until.After(now):
		return c.Ended(overWords[c.Alert.Kind], now)
	case !c.Holds() && c.Told && now.Sub(c.Alert.At) >= forgetConcern:
		return Concern{}
	}
	return c
}

// overWords say why a state is over that did not show again.
var overWords = map[AlertKind]string{
	AlertQuarantine:  "Nothing more came into quarantine for an hour. What is there stays there.",
	AlertDeadLetters: "No more dead letters came for an hour. Those that came stay in quarantine until they are sent again.",
	AlertRefused:     "No more submissions that came as events were refused for an hour.",
	AlertQuota:       "A new day of the quota has begun. Commands are sent again.",
	AlertRight:       "Nothing was refused for want of this right for a day.",
}

// Works is the concern after a call worked that the state kept from working.
func (c Concern) Works(now time.Time) Concern {
	switch {
	case c.Alert.Kind == AlertQuota:
		return c.Ended("Cloud Assistant takes commands again.", now)
	case now.Sub(c.Seen) >= rightSettles:
		return c.Ended("What was refused for want of this right works again.", now)
	}
	return c
}
