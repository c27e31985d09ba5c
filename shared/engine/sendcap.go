package engine

import (
	"sync"
	"time"
)

// SendCap caps how many commands one function instance sends in a minute,
// because the service's quota is shared with the console and other tools. It
// is safe for concurrent use; nil caps nothing.
type SendCap struct {
	PerMinute int

	mu     sync.Mutex
	minute time.Time
	sent   int
}

func (c *SendCap) take(now time.Time) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := now.Truncate(time.Minute); !m.Equal(c.minute) {
		c.minute, c.sent = m, 0
	}
	if c.sent >= c.PerMinute {
		return false
	}
	c.sent++
	return true
}
