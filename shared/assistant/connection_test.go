package assistant_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/transport"
)

func TestConnectionsAreNotUsedAgainAfterAFreeze(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		dials int
	}{
		"after 20 s they are": {20 * time.Second, 1},
		"after more, not":     {20*time.Second + time.Millisecond, 2},
		"after an hour, not":  {time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, accepted)
			cfg := config(s)
			now := time.Now().Round(0)
			cfg.RoundTripper = transport.NewPool(func() time.Time { return now })
			for range 3 {
				if _, err := client(t, cfg).Send(soon(t), runSend()); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.dials(); got != 1 {
				t.Fatalf("%d connections before the pause, want 1", got)
			}
			now = now.Add(c.pause)
			if _, err := client(t, cfg).Send(soon(t), runSend()); err != nil {
				t.Fatal(err)
			}
			if got := s.dials(); got != c.dials {
				t.Errorf("%d connections after the pause, want %d", got, c.dials)
			}
		})
	}
}

func TestTheEndOfALongRequestIsAUseToo(t *testing.T) {
	now := time.Now().Round(0)
	s := serve(t, func(w http.ResponseWriter, n int, r seen) {
		now = now.Add(15 * time.Second)
		accepted(w, n, r)
	})
	cfg := config(s)
	cfg.RoundTripper = transport.NewPool(func() time.Time { return now })
	for range 4 {
		if _, err := client(t, cfg).Send(soon(t), runSend()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Second)
	}
	if got := s.dials(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestAHundredCallsLeaveNothingBehind(t *testing.T) {
	s := serve(t, inTurn(accepted))
	cfg := config(s)
	cfg.RoundTripper = transport.NewPool(time.Now)
	call := func() {
		c, err := assistant.New(cfg, creds)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send(soon(t), runSend()); err != nil {
			t.Fatal(err)
		}
	}
	call()
	before := settled(t, func(n int) bool { return true })
	for range 100 {
		call()
	}
	if got := s.dials(); got != 1 {
		t.Errorf("%d connections for 101 calls, want 1", got)
	}
	settled(t, func(n int) bool { return n <= before+2 })
}

// settled waits until the number of goroutines pleases, and returns it.
func settled(t *testing.T, pleases func(int) bool) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); runtime.Gosched() {
		if n := runtime.NumGoroutine(); pleases(n) {
			return n
		}
	}
	t.Fatalf("there are %d goroutines still", runtime.NumGoroutine())
	return 0
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	s := serve(t, inTurn(accepted, fail(500, "InternalError"), fail(400, "Throttling"), raw(502, "<html>"), fail(403, "Forbidden"), accepted))
	cfg := config(s)
	cfg.Retries = -1
	cfg.RoundTripper = transport.NewPool(time.Now)
	for range 6 {
		client(t, cfg).Send(soon(t), runSend())
	}
	if got := s.dials(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestAClientServesManyAtOnce(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, n int, r seen) {
		if n%5 == 0 {
			fail(500, "InternalError")(w, n, r)
			return
		}
		fmt.Fprintf(w, `{"InvokeId":"t-%s","Invocations":{}}`, r.all.Get("ClientToken"))
	})
	cfg := config(s)
	cfg.Retries = 20
	c := client(t, cfg)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				send := runSend()
				send.Token = fmt.Sprintf("token-%d-%d", i, j)
				if got, err := c.Send(ctx, send); err != nil || got != "t-"+send.Token {
					t.Errorf("Send() = %q, %v, want the answer to its own token", got, err)
				}
				if _, err := c.FindByToken(ctx, instance, send.Token); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestWithoutARoundTripperTheProcessSharesOne(t *testing.T) {
	s := serve(t, accepted)
	cfg := config(s)
	cfg.RoundTripper = nil
	for range 5 {
		if _, err := client(t, cfg).Send(soon(t), runSend()); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.dials(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}
