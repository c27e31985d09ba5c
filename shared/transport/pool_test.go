package transport_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
)

// counter counts the connections of a server.
type counter struct {
	mu    sync.Mutex
	count map[http.ConnState]int
}

func (c *counter) serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(h)
	c.count = map[http.ConnState]int{}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.count[state]++
	}
	s.Start()
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(s.Close)
	return s.URL
}

func (c *counter) opened() int { return c.in(http.StateNew) }

func (c *counter) in(state http.ConnState) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[state]
}

func answer(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answer") }

func TestConnectionsThatWereFrozenAreNotUsedAgain(t *testing.T) {
	var pause atomic.Int64
	begin := time.Now()
	p := transport.NewPool(func() time.Time { return begin.Add(time.Duration(pause.Load())) })
	t.Cleanup(p.CloseIdleConnections)
	connections := &counter{}
	at := connections.serve(t, answer)
	for _, c := range []struct {
		name  string
		pause time.Duration
		want  int
	}{
		{"the first", 0, 1},
		{"at once", 0, 1},
		{"after 20 s", 20 * time.Second, 1},
		{"after 20 s once more", 20 * time.Second, 1},
		{"after more than 20 s", 20*time.Second + time.Millisecond, 2},
		{"at once again", 0, 2},
		{"after an hour", time.Hour, 3},
		{"after the clock was set back", -2 * time.Hour, 3},
	} {
		pause.Add(int64(c.pause))
		get(t, p, at)
		if got := connections.opened(); got != c.want {
			t.Fatalf("%s: %d connections were opened, want %d", c.name, got, c.want)
		}
	}
	closed := func() bool { return connections.in(http.StateClosed) == 2 }
	for give := time.Now().Add(time.Minute); !closed(); {
		if time.Now().After(give) {
			t.Fatalf("%d connections were closed, want the two that were frozen", connections.in(http.StateClosed))
		}
		<-time.After(time.Millisecond)
	}
}

func TestAFreezeIsSeenByEitherClock(t *testing.T) {
	begin := time.Now()
	for name, now := range map[string]time.Time{
		"the monotonic clock stood still": fault.Frozen(begin, time.Hour),
		"the wall clock was set back":     fault.Frozen(begin.Add(time.Hour), -2*time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			var thawed atomic.Bool
			p := transport.NewPool(func() time.Time {
				if thawed.Load() {
					return now
				}
				return begin
			})
			t.Cleanup(p.CloseIdleConnections)
			connections := &counter{}
			at := connections.serve(t, answer)
			get(t, p, at)
			thawed.Store(true)
			get(t, p, at)
			if got := connections.opened(); got != 2 {
				t.Errorf("%d connections were opened, want a second one after the freeze", got)
			}
		})
	}
}

// TestALongAnswerIsNoFreeze: the pause begins when a request ends.
func TestALongAnswerIsNoFreeze(t *testing.T) {
	var ahead atomic.Int64
	begin := time.Now()
	p := transport.NewPool(func() time.Time { return begin.Add(time.Duration(ahead.Load())) })
	t.Cleanup(p.CloseIdleConnections)
	connections := &counter{}
	at := connections.serve(t, func(w http.ResponseWriter, r *http.Request) {
		ahead.Add(int64(30 * time.Second))
		answer(w, r)
	})
	get(t, p, at)
	get(t, p, at)
	if n := connections.opened(); n != 1 {
		t.Errorf("%d connections were opened, want one", n)
	}
}

func TestAPoolServesManyAtOnce(t *testing.T) {
	p := pool(t)
	connections := &counter{}
	at := connections.serve(t, answer)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				get(t, p, at)
			}
		})
	}
	all.Wait()
	// One that waits for a connection dials, and may be given another's.
	if n := connections.opened(); n > 24 {
		t.Errorf("8 users opened %d connections for 160 requests", n)
	}
}
