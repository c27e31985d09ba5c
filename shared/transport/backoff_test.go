package transport_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/transport"
)

func all(most time.Duration) time.Duration { return most }

func TestWaitsDoubleUpToTheLongest(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		first, most time.Duration
		want        []time.Duration
	}{
		"several tries":    {20 * ms, time.Second, []time.Duration{20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, time.Second, time.Second}},
		"a first too long": {time.Second, 20 * ms, []time.Duration{20 * ms, 20 * ms}},
		"no first":         {0, time.Second, []time.Duration{0, 0}},
	} {
		b := transport.Backoff{First: c.first, Most: c.most, Random: all}
		var got []time.Duration
		for n := range c.want {
			got = append(got, b.Wait(n+1))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// No number of tries makes the wait overflow.
	b := transport.Backoff{First: time.Nanosecond, Most: 1<<63 - 1, Random: all}
	for _, n := range []int{63, 64, 65, 1 << 40} {
		if got := b.Wait(n); got < 1<<62 {
			t.Errorf("the wait after try %d is %d ns", n, got)
		}
	}
}

func TestAWaitIsAnyPartOfItsLongest(t *testing.T) {
	b := transport.Backoff{First: 2, Most: 2}
	seen := map[time.Duration]bool{}
	for range 1000 {
		seen[b.Wait(1)] = true
	}
	if diff := cmp.Diff(map[time.Duration]bool{0: true, 1: true, 2: true}, seen); diff != "" {
		t.Errorf("waits of 1000 (-want +got):\n%s", diff)
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := transport.Backoff{First: time.Hour, Most: 3 * time.Hour, Random: all}
		begun := time.Now()
		b.Pause(t.Context(), 2)
		if took := time.Since(begun); took != 2*time.Hour {
			t.Errorf("the pause took %s, want 2h", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun = time.Now()
		b.Pause(ctx, 2)
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("the pause took %s, want the 1m that the context had left", took)
		}
	})
}
