package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// growing is what a command prints while it runs.
type growing struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *growing) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// await waits until it has a text.
func (o *growing) await(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		o.mu.Lock()
		printed := o.buf.String()
		o.mu.Unlock()
		if strings.Contains(printed, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%q is not printed in\n%s", text, printed)
		}
	}
}

func TestTailGoesOnAfterReadingsThatFailed(t *testing.T) {
	r := rig.New(t, rig.Options{})
	play := operator(t, r)
	play("stop", "--reason", "the first incident")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out growing
	code := make(chan int)
	go func() { code <- run(ctx, []string{"tail", "--since", "1h"}, variablesOf(t, r), nil, &out, io.Discard) }()
	out.await(t, "the first incident")

	struck := make(chan struct{})
	var once sync.Once
	r.Faults.Add(fault.Fault{
		Call: "GetRange", Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: "OTSAuthFailed",
		OnStrike: func() { once.Do(func() { close(struck) }) },
	})
	<-struck
	r.Faults.Clear()
	play("stop", "--label", "deploy", "--reason", "the second incident")
	out.await(t, "the second incident")
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("it ended with exit code %d", got)
	}
	if n := strings.Count(out.buf.String(), "the first incident"); n != 1 {
		t.Errorf("the first record is printed %d times", n)
	}
}
