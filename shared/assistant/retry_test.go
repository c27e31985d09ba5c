package assistant_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/fault"
)

type carrier func(*http.Request) (*http.Response, error)

func (f carrier) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// frozenAt is a clock that shows begin for n looks. Then the function instance
// is frozen for an hour, in which the monotonic clock stands still.
func frozenAt(begin time.Time, n int32) func() time.Time {
	var looks atomic.Int32
	return func() time.Time {
		if looks.Add(1) <= n {
			return begin
		}
		return fault.Frozen(begin, time.Hour)
	}
}

// (decide rule 28)
func TestNothingIsSentWhenTheTimeIsOver(t *testing.T) {
	begin := time.Now()
	for name, c := range map[string]struct {
		margin time.Duration
		looks  int32
		sent   int
	}{
		"within the margin before the deadline": {time.Hour + 5*time.Second, 1000, 0},
		"well before the margin":                {5 * time.Second, 1000, 1},
		"thawed before the call":                {5 * time.Second, 0, 0},
		"thawed before signing":                 {5 * time.Second, 1, 0},
		"thawed between signing and sending":    {5 * time.Second, 2, 0},
		"frozen after sending":                  {5 * time.Second, 3, 1},
		"cancelled":                             {5 * time.Second, 1000, 0},
	} {
		for _, m := range methods {
			t.Run(m.name+": "+name, func(t *testing.T) {
				s := serve(t, ok(m.good))
				cfg := config(s)
				cfg.Margin = c.margin
				cfg.Now = frozenAt(begin, c.looks)
				ctx, cancel := context.WithDeadline(context.Background(), begin.Add(time.Hour)) // by the machine's clock, too
				defer cancel()
				if name == "cancelled" {
					cancel()
				}
				err := m.call(ctx, client(t, cfg))
				if got := len(s.seen()); got != c.sent {
					t.Errorf("%d requests, want %d", got, c.sent)
				}
				if c.sent == 0 {
					wantClasses(t, err, engine.ErrUnavailable)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// hang answers nothing until the client leaves.
func hang(_ http.ResponseWriter, _ int, r seen) { <-r.gone }

func TestAServiceThatHangsIsLeftInTime(t *testing.T) {
	for _, m := range methods {
		t.Run(m.name+" until the margin before the deadline", func(t *testing.T) {
			t.Parallel()
			s := serve(t, hang)
			cfg := config(s)
			cfg.Margin = time.Hour
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour+5*time.Second)
			defer cancel()
			// Without the margin it would hang for an hour.
			err := m.call(ctx, client(t, cfg))
			wantClasses(t, err, m.lost())
			if got := len(s.seen()); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
		t.Run(m.name+" for a try's time, again and again", func(t *testing.T) {
			t.Parallel()
			s := serve(t, hang)
			cfg := config(s)
			cfg.PerTry = 2 * time.Second
			cfg.Retries = 2
			err := m.call(soon(t), client(t, cfg))
			wantClasses(t, err, m.lost())
			if got := len(s.seen()); got != 3 {
				t.Errorf("%d requests, want 3", got)
			}
		})
	}
}

func TestWaitsGrowWithinTheirBoundsAndEndBeforeTheDeadline(t *testing.T) {
	s := serve(t, fail(500, "InternalError"))
	begin := time.Now()
	now := begin
	var waits []time.Duration
	cfg := config(s)
	cfg.Retries = 100
	cfg.Backoff = transport.Backoff{
		First: 100 * time.Millisecond, Most: time.Second, Random: func(most time.Duration) time.Duration { return most },
	}
	cfg.Margin = time.Hour + 2*time.Second
	cfg.Now = func() time.Time { return now }
	cfg.Sleep = func(_ context.Context, d time.Duration) {
		waits = append(waits, d)
		now = now.Add(d)
	}
	ctx, cancel := context.WithDeadline(context.Background(), begin.Add(time.Hour+7*time.Second))
	defer cancel()
	_, err := client(t, cfg).Send(ctx, runSend())
	wantClasses(t, err, engine.ErrUnknownOutcome)
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1000 * ms, 1000 * ms, 1000 * ms}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if got := len(s.seen()); got != len(want)+1 {
		t.Errorf("%d tries, want %d", got, len(want)+1)
	}
}

func TestTheDefaultWaitHasBoundsAndNoRetriesMeansOneTry(t *testing.T) {
	for retries, want := range map[int]int{30: 30, -1: 0} {
		waits := 0
		cfg := config(serve(t, fail(500, "InternalError")))
		cfg.Retries = retries
		cfg.Sleep = func(_ context.Context, d time.Duration) {
			if waits++; d < 0 || d > 2*time.Second {
				t.Errorf("a wait of %s is out of bounds", d)
			}
		}
		client(t, cfg).Send(soon(t), runSend())
		if waits != want {
			t.Errorf("%d waits, want %d", waits, want)
		}
	}
}
