package decide

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"aftercare/shared/event"
	"aftercare/shared/flow"
	"aftercare/shared/mask"
)

// Policy is the rules and the margins by which Decide and the Engine work.
type Policy struct {
	// Flows are the compiled flows; nil means none.
	Flows *flow.Set
	// AlertOn are the statuses that raise an alert. Unknown final words count
	// as Failed. Nil means no alerts at all.
	AlertOn map[event.Status]bool

	// Mask masks what people and commands write before it is kept. Of a command, that
	// is its name: its text is what runs.
	Mask mask.Mask

	// TableTTL is the time to live of rows. An execution that finished longer
	// ago than half of it starts nothing.
	TableTTL time.Duration
	// TaskTTL is how long a task may wait, if its submission does not say.
	TaskTTL time.Duration
	// MaxAttempts is how often a command that never started is sent.
	MaxAttempts int
	// MaxQueued is how many tasks may wait for one instance.
	MaxQueued int
	// MaxRunning is how many tasks of one instance may be released or running
	// before others wait for their ends; 0 means any number.
	MaxRunning int
	// Batch is how many sends, and how many messages, one commit claims.
	Batch int

	// ClaimGrace is how long after its invocation's deadline a claim ends:
	// longer than the clocks of two function instances differ plus the time
	// that a request may still be in flight after the deadline.
	ClaimGrace time.Duration
	// Minute is the precision of wake-ups, and how long a throttled action
	// is refused.
	Minute time.Duration
	// SendWindow is how long after its first try a command may be sent again.
	SendWindow time.Duration
	// CheckFirst and CheckMax bound the doubling time between two questions
	// for the status of an agent that is not up.
	CheckFirst, CheckMax time.Duration
	// EndMargin is how long after a running command's timeout a sweep asks for
	// its end, if no event reported it.
	EndMargin time.Duration
	// HoldCheck is how often what a stop holds is looked at.
	HoldCheck time.Duration
	// MessageLife is how old a message must be to be given up after a failed
	// try.
	MessageLife time.Duration
	// RepairsPerHour is how many repairs of one kind within an hour raise an
	// alert; 0 if none do.
	RepairsPerHour int
	// MessageTime is how long an invocation may take to deliver messages.
	MessageTime time.Duration
}

// DefaultPolicy is the policy of a deployment, without flows and alerts.
func DefaultPolicy() Policy {
	return Policy{
		TableTTL:    180 * 24 * time.Hour,
		TaskTTL:     7 * 24 * time.Hour,
		MaxAttempts: 3,
		MaxQueued:   200,
		Batch:       20,
		ClaimGrace:  60 * time.Second,
		Minute:      time.Minute,
		SendWindow:  time.Hour,
		CheckFirst:  2 * time.Minute,
		CheckMax:    time.Hour,
		EndMargin:   3 * time.Minute,
		HoldCheck:   5 * time.Minute,
		MessageLife: 24 * time.Hour,
		MessageTime: 3 * time.Second,

		RepairsPerHour: 10,
	}
}

// tooOld reports whether an execution that finished at t starts nothing any
// more.
func (p Policy) tooOld(t, now time.Time) bool {
	return !t.IsZero() && now.Sub(t) > p.TableTTL/2
}

// Ceil rounds t up to the precision of wake-ups.
func (p Policy) Ceil(t time.Time) time.Time {
	down := t.Truncate(p.Minute)
	if down.Equal(t) {
		return t
	}
	return down.Add(p.Minute)
}

// backoff is the delay before try n+1 of something that failed n times: minutes,
// doubled up to an hour, and half of it at least. Key sets it apart from others
// that failed at the same time.
func (p Policy) backoff(tries int, key string) time.Duration {
	d := doubled(p.Minute, tries, 60*p.Minute)
	return d/2 + Spread(key, d/2)
}

// checkDelay is the time until the agent's status is asked again.
func (p Policy) checkDelay(checks int) time.Duration {
	return doubled(p.CheckFirst, checks, p.CheckMax)
}

// doubled is d, doubled with each try after the first, up to a limit.
func doubled(d time.Duration, tries int, most time.Duration) time.Duration {
	for range tries - 1 {
		if d >= most {
			break
		}
		d *= 2
	}
	return min(d, most)
}

// Spread derives a delay below limit from a key, so that those which wait for
// the same moment do not all come back at once.
func Spread(key string, limit time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(key))
	return time.Duration(binary.BigEndian.Uint16(sum[:])) * limit / (1 << 16)
}
