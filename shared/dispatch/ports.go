package dispatch

import (
	"context"
	"time"

	"aftercare/shared/decide"
)

// Letter is an alert in the inbox.
type Letter struct {
	Shard int
	// Key says what the alert is about: an alert and its recovery have the same.
	Key string
	// Rev orders the letters with one key.
	Rev   int64
	Alert decide.Alert
}

// Armed is a group that has something to do.
type Armed struct {
	Group string
	// At is when; zero means now.
	At time.Time
	// Held are the silences that hold something of it until then.
	Held []string
	// Token changes whenever the group is armed.
	Token string
}

// Store holds the inbox and the groups. Its errors are those of package engine,
// wrapped.
type Store interface {
	// Inbox calls each with the letters of a shard, until it returns false.
	Inbox(ctx context.Context, shard int, each func(Letter) bool) error
	// Remove removes those letters of a shard whose rev is still the same.
	Remove(ctx context.Context, letters []Letter) error
	// Load reads a group with its flushes that have not ended, and those of its
	// members that have these keys. A group that is not there has Rev 0.
	Load(ctx context.Context, group string, keys []string) (Group, map[string]Member, error)
	// News calls each with the members that no flush has told, in the order of their
	// keys, until it returns false; Told with the others.
	News(ctx context.Context, group string, each func(Member) bool) error
	Told(ctx context.Context, group string, each func(Member) bool) error
	// Commit writes all of a change or nothing. It fails with engine.ErrConflict if
	// the group's rev is not the one before that of c.Group.
	Commit(ctx context.Context, c Change) error
	// Armed calls each with the groups that have something to do.
	Armed(ctx context.Context, each func(Armed) bool) error
	// Arm says that the group has something to do now.
	Arm(ctx context.Context, group string) error
	// Settle says that it has nothing to do before at, or before one of the silences
	// that hold something of it ends; at zero, at all. It does nothing if the group was
	// armed or settled again since a was read.
	Settle(ctx context.Context, a Armed, at time.Time, held []string) error
	// Silences reads the silences, with those that ended lately.
	Silences(ctx context.Context) ([]Silence, error)
	// Recovered ends an acknowledgement, as what it covers has recovered.
	Recovered(ctx context.Context, id string, at time.Time) error
	// Slot takes the first free slot of a channel at or after now. Slots are apart
	// by each. It takes none, and says when the next one is, if that is after last.
	Slot(ctx context.Context, channel string, now, last time.Time, each time.Duration) (at time.Time, ok bool, err error)
	// Close keeps all slots of a channel before until from being taken.
	Close(ctx context.Context, channel string, until time.Time) error
	// Lost records that a flush was given up for a channel. It may be repeated.
	Lost(ctx context.Context, f Notice, channel, why string) error
}

// Channels are the places that alerts go to, by name.
type Channels interface {
	// Every is how far apart messages to a channel are; ok is false if there is no
	// such channel.
	Every(channel string) (d time.Duration, ok bool)
	// Forgets reports whether a channel takes for recovered what is not repeated.
	Forgets(channel string) bool
	// Deliver sends a flush once. It returns at ctx's deadline at the latest.
	Deliver(ctx context.Context, channel string, f Notice) Result
}

// Result is what became of one delivery.
type Result struct {
	// Confirmed: the channel has it.
	Confirmed bool
	// RetryAt is when the channel takes messages again, after a refusal for rate.
	RetryAt time.Time
	// Why says what went wrong, without any secret.
	Why string
}

// Routes says which groups an alert belongs to.
type Routes interface {
	// Rated returns an alert with the severity that people gave its kind.
	Rated(a decide.Alert) decide.Alert
	// Of returns the groups of an alert, at least one.
	Of(a decide.Alert) []Target
	// Route returns the settings of a route by its name; those of the root if it is
	// not there anymore.
	Route(name string) Route
	// MutedUntil returns until when a route makes no flush; zero if it is not muted.
	MutedUntil(name string, now time.Time) time.Time
}

// Target is a group that an alert belongs to.
type Target struct {
	Group string // its key
	Route string // its route's name
	By    map[string]string
}

// Route is how a group is told.
type Route struct {
	GroupWait, GroupInterval, RepeatInterval time.Duration
	Channels, Fallback                       []string
}
