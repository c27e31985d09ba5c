package engine

import (
	"cmp"
	"sync"
	"time"
)

// SendCap is the room for commands that one function instance has in a minute
// of the wall clock: the service's quota is the account's, and shared with the
// console and other tools. Room is taken before a command is claimed. It is safe
// for concurrent use; nil caps nothing.
type SendCap struct {
	PerMinute int
	// Minute is the policy's; 0 is a real one.
	Minute time.Duration

	mu     sync.Mutex
	minute time.Time
	used   int       // in that minute
	taken  int       // and not used yet, in whatever minute
	closed time.Time // the service refused a command, and takes none before
}

// take takes room for at most n commands, and says when there is more.
func (c *SendCap) take(now time.Time, n int, p *pace) (room int, more time.Time) {
	if c == nil {
		return n, time.Time{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left, more := c.left(now)
	room = min(n, left, p.room(now))
	c.taken += room
	p.take(now, room)
	if left > 0 {
		more = p.when(now, 1)
	}
	return room, more
}

// giveBack gives back room that was taken, and is not used.
func (c *SendCap) giveBack(n int, p *pace) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken -= n
	p.giveBack(n)
}

// use uses the room for one command.
func (c *SendCap) use(now time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left(now)
	c.taken--
	c.used++
}

// when is when there is room for n commands, or for as many as the minute
// allows.
func (c *SendCap) when(now time.Time, n int, p *pace) time.Time {
	if c == nil {
		return now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	left, more := c.left(now)
	if left > 0 {
		more = p.when(now, min(n, left))
	}
	return more
}

// left is the room that is left in this minute, and when there is more.
func (c *SendCap) left(now time.Time) (int, time.Time) {
	minute := cmp.Or(c.Minute, time.Minute)
	if m := now.Truncate(minute); !m.Equal(c.minute) {
		c.minute, c.used = m, 0
	}
	switch {
	case now.Before(c.closed):
		return 0, c.closed
	case c.used+c.taken >= c.PerMinute:
		return 0, c.minute.Add(minute)
	}
	return c.PerMinute - c.used - c.taken, now
}

// close leaves no room until a time, because the service has refused a command.
func (c *SendCap) close(until time.Time) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.closed) {
		c.closed = until
	}
}

func (c *SendCap) isClosed(now time.Time) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Before(c.closed)
}

// pace spreads the room of a sweep over its time: one command after another, and
// up to burst at once after a rest. A nil pace spreads nothing. Its SendCap's
// lock guards it.
type pace struct {
	each  time.Duration
	burst int
	rests time.Time // since when the burst is full again
}

func (p *pace) room(now time.Time) int {
	if p == nil {
		return int(^uint(0) >> 1)
	}
	used := max(0, p.rests.Sub(now))
	return max(0, p.burst-int((used+p.each-1)/p.each))
}

func (p *pace) take(now time.Time, n int) {
	if p != nil && n > 0 {
		if p.rests.Before(now) {
			p.rests = now
		}
		p.rests = p.rests.Add(time.Duration(n) * p.each)
	}
}

func (p *pace) giveBack(n int) {
	if p != nil {
		p.rests = p.rests.Add(-time.Duration(n) * p.each)
	}
}

// when is when there is room for n commands, or for the whole burst.
func (p *pace) when(now time.Time, n int) time.Time {
	if p == nil {
		return now
	}
	at := p.rests.Add(-time.Duration(p.burst-min(n, p.burst)) * p.each)
	if at.Before(now) {
		return now
	}
	return at
}

// ration is the room of one handling.
type ration struct {
	cap  *SendCap
	pace *pace // a sweep's
	// open: it may take room as it needs it. Otherwise it has what was granted.
	open    bool
	granted int
	claimed int // for commands that are not sent yet
}

// take takes room for at most n commands, and says when there is more; a zero
// time means that nothing limits them.
func (r *ration) take(now time.Time, n int) (room int, more time.Time) {
	if r.open || r.cap == nil {
		room, more = r.cap.take(now, n, r.pace)
	} else {
		room, more = min(n, r.granted), r.cap.when(now, 1, r.pace)
		r.granted -= room
	}
	r.claimed += room
	return room, more
}

// giveBack gives back room that no command uses.
func (r *ration) giveBack(n int) {
	r.claimed -= n
	if r.open {
		r.cap.giveBack(n, r.pace)
	} else {
		r.granted += n
	}
}

// use uses the room for one command.
func (r *ration) use(now time.Time) {
	r.claimed--
	r.cap.use(now)
}

// end gives back what is left.
func (r *ration) end() {
	r.cap.giveBack(r.granted+r.claimed, r.pace)
	r.granted, r.claimed = 0, 0
}
