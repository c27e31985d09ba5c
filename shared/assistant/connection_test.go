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
)

// Without a RoundTripper of their own, the clients of a process share one pool.
func TestAHundredCallsLeaveNothingBehind(t *testing.T) {
	s := serve(t, accepted)
	cfg := config(s)
	cfg.RoundTripper = nil
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
	// net/http drops a connection if it notices only 50 ms after an answer that
	// the request was written, as happens on a busy machine.
	if got := s.dials(); got > 10 {
		t.Errorf("%d connections for 101 calls, want one for nearly all", got)
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
