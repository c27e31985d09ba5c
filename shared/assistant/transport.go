package assistant

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// frozenAfter is the pause after which a function instance is taken to have
// been frozen. Its idle connections are dead then, and a request written to
// one of them would end with an unknown outcome.
const frozenAfter = 20 * time.Second

// Transport is the pool of connections that all clients of a process share.
// It hides its http.Transport from the SDK, which would change the settings
// of any that it is given. It is safe for concurrent use.
type Transport struct {
	// Now is the clock; NewTransport sets time.Now. Change it before the
	// first request only.
	Now func() time.Time

	base *http.Transport
	mu   sync.Mutex
	used time.Time // when a request last began or ended
}

// NewTransport returns a Transport with no connections. Make one for the
// process, not one for each invocation: every Transport keeps connections
// and the goroutines that serve them.
func NewTransport() *Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &Transport{
		Now: time.Now,
		base: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
			MaxIdleConnsPerHost:   100,
			IdleConnTimeout:       time.Minute,
		},
	}
}

// RoundTrip carries one request. If the last use is more than 20 s ago, it
// closes all idle connections first.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.use() > frozenAfter {
		t.base.CloseIdleConnections()
	}
	defer t.use()
	return t.base.RoundTrip(r)
}

// CloseIdleConnections closes the connections that carry no request now.
func (t *Transport) CloseIdleConnections() {
	t.base.CloseIdleConnections()
}

// use notes a use, and returns how long ago the one before was.
func (t *Transport) use() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	var pause time.Duration
	if !t.used.IsZero() {
		// The monotonic clock may stand still while an instance is frozen;
		// the wall clock may be set back. The longer pause counts.
		pause = max(now.Sub(t.used), now.Round(0).Sub(t.used.Round(0)))
	}
	t.used = now
	return pause
}
