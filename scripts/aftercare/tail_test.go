package main

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"aftercare/tests/localcloud/fault"
	"aftercare/tests/rig"
)

// await waits until a command that runs has printed a text.
func await(t *testing.T, out *rig.Log, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(out.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q is not printed in\n%s", text, out)
		}
	}
}

func TestTailGoesOnAfterReadingsThatFailed(t *testing.T) {
	r := rig.New(t, rig.Options{})
	play := operator(t, r)
	play("stop", "--reason", "the first incident")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out rig.Log
	code := make(chan int)
	go func() { code <- run(ctx, []string{"tail", "--since", "1h"}, variablesOf(t, r), nil, &out, io.Discard) }()
	await(t, &out, "the first incident")

	struck := make(chan struct{})
	var once sync.Once
	r.Faults.Add(fault.Fault{
		Call: "GetRange", Times: -1, Mode: fault.ErrorBefore, Status: 403, Code: "OTSAuthFailed",
		OnStrike: func() { once.Do(func() { close(struck) }) },
	})
	<-struck
	r.Faults.Clear()
	play("stop", "--label", "deploy", "--reason", "the second incident")
	await(t, &out, "the second incident")
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("it ended with exit code %d", got)
	}
	if n := strings.Count(out.String(), "the first incident"); n != 1 {
		t.Errorf("the first record is printed %d times", n)
	}
}
