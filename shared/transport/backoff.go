package transport

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is the wait before another try, with full jitter: a random part of
// First, which doubles with every try up to Most.
type Backoff struct {
	First, Most time.Duration
	// Random picks a wait from 0 to most; nil means a uniform random one.
	Random func(most time.Duration) time.Duration
}

// Wait returns a wait after the n-th try; the first is 1.
func (b Backoff) Wait(n int) time.Duration {
	most := min(b.First, b.Most)
	for ; n > 1 && most < b.Most; n-- {
		most += min(most, b.Most-most)
	}
	if b.Random != nil {
		return b.Random(most)
	}
	return rand.N(most + 1)
}

// Pause waits after the n-th try, until ctx is done at the latest.
func (b Backoff) Pause(ctx context.Context, n int) { Sleep(ctx, b.Wait(n)) }

// Sleep waits for d, until ctx is done at the latest.
func Sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
