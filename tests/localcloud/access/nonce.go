package access

import (
	"sync"
	"time"
)

// nonces remembers the signature nonces for as long as a request could be
// replayed.
type nonces struct {
	mu     sync.Mutex
	seen   map[string]time.Time
	pruned time.Time
}

// use reports whether the nonce is new, and remembers it.
func (n *nonces) use(nonce string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = make(map[string]time.Time)
	}
	if now.Sub(n.pruned).Abs() > timeWindow {
		for old, at := range n.seen {
			// A time stamp may also be ahead of the clock, by up to a window.
			if now.Sub(at) > 2*timeWindow {
				delete(n.seen, old)
			}
		}
		n.pruned = now
	}
	if _, used := n.seen[nonce]; used {
		return false
	}
	n.seen[nonce] = now
	return true
}
