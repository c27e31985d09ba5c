package transport_test

import (
	"fmt"
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

// An exchange reads its answer, whose connection is then free for the next one.
// net/http drops it if it notices only 50 ms after the answer that the request was
// written, so on a busy machine one of a few tries must do.
func TestConnectionsThatWereFrozenAreNotUsedAgain(t *testing.T) {
	wrong := ""
	for range 5 {
		if wrong = frozen(t); wrong == "" {
			return
		}
	}
	t.Error(wrong)
}

// frozen plays requests between pauses, and returns what was wrong.
func frozen(t *testing.T) (wrong string) {
	begin := time.Now()
	var now atomic.Pointer[time.Time]
	var lasts atomic.Int64
	p := transport.NewPool(func() time.Time { return *now.Load() })
	t.Cleanup(p.CloseIdleConnections)
	connections := &counter{}
	at := connections.serve(t, func(w http.ResponseWriter, r *http.Request) {
		ended := now.Load().Add(time.Duration(lasts.Load()))
		now.Store(&ended)
		answer(w, r)
	})
	for _, c := range []struct {
		name  string
		now   time.Time
		lasts time.Duration
		want  int
	}{
		{"the first", begin, 0, 1},
		{"at once", begin, 0, 1},
		{"after 20 s", begin.Add(20 * time.Second), 0, 1},
		{"after 20 s once more", begin.Add(40 * time.Second), 30 * time.Second, 1},
		{"after a request of 30 s", begin.Add(80 * time.Second), 0, 1},
		{"after more than 20 s", begin.Add(100*time.Second + time.Millisecond), 0, 2},
		{"after the clock was set back", begin, 0, 2},
		{"after the monotonic clock stood still", fault.Frozen(begin, time.Hour), 0, 3},
		{"after the wall clock was set back", begin.Add(time.Hour), 0, 4},
	} {
		now.Store(&c.now)
		lasts.Store(int64(c.lasts))
		get(t, p, at)
		if got := connections.opened(); got != c.want {
			return fmt.Sprintf("%s: %d connections were opened, want %d", c.name, got, c.want)
		}
	}
	for give := time.Now().Add(time.Minute); connections.in(http.StateClosed) < 3; <-time.After(time.Millisecond) {
		if time.Now().After(give) {
			return fmt.Sprintf("%d connections were closed, want the three that were frozen", connections.in(http.StateClosed))
		}
	}
	return ""
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
