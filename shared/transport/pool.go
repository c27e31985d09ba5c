// Package transport holds what the adapters share: one pool of connections for
// all clients of all invocations, an exchange that reports whether a request
// without an answer may have been received, the addresses that requests may go
// to, the pauses between tries, and secrets that cannot print. It knows no
// service.
package transport

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// frozenAfter is the pause after which a function instance may have been frozen.
// Its idle connections are then dead, and a request written to one of them would
// end with an unknown outcome.
const frozenAfter = 20 * time.Second

// Pool holds the connections that all clients of a process share. It hides its
// http.Transport from the SDKs, which would change its settings. It is safe for
// concurrent use.
type Pool struct {
	now  func() time.Time
	base *http.Transport

	mu   sync.Mutex
	used time.Time // when a request last began or ended
}

// NewPool returns a pool with no connections; now is the clock. Make one for
// the process, not one for each invocation: every pool keeps connections and
// the goroutines that serve them.
func NewPool(now func() time.Time) *Pool {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &Pool{
		now: now,
		base: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
			MaxIdleConnsPerHost:   100,
			IdleConnTimeout:       time.Minute,
			// By itself, net/http reads 10 MB of headers.
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// RoundTrip carries one request. If the last use is more than 20 s ago, it
// closes all idle connections first.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.use() > frozenAfter {
		p.base.CloseIdleConnections()
	}
	defer p.use()
	return p.base.RoundTrip(r)
}

// CloseIdleConnections closes the connections that carry no request now.
func (p *Pool) CloseIdleConnections() { p.base.CloseIdleConnections() }

// use records a use, and returns how long ago the previous one was.
func (p *Pool) use() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	var pause time.Duration
	if !p.used.IsZero() {
		// The monotonic clock may stand still while an instance is frozen;
		// the wall clock may be set back. The longer pause counts.
		pause = max(now.Sub(p.used), now.Round(0).Sub(p.used.Round(0)))
	}
	p.used = now
	return pause
}
