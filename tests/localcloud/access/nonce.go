package access

import (
	"sync"
	"time"
)

// nonces remembers the signature nonces of the time in which a request could
// be sent again.
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
			// A stamp may be ahead of the clock by a window too.
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
